"""The commands, in this process, with the command line's own ``main``."""

from __future__ import annotations

import asyncio
import json

import pytest

import backbay
import backbay_cache
from backbay_cli import main


@pytest.fixture
def cli(capsys, file):
    """Run a command; gives its exit code, and what it wrote to both streams."""

    def call(*words):
        code = main(["cache", *words])
        done = capsys.readouterr()
        return code, done.out, done.err

    return call


@pytest.fixture
def filled(vendor, file):
    async def ask():
        async with backbay_cache.cached("acme:m-1") as backend:
            for prompt in ("a", "b", "b"):
                await backend.complete(prompt)

    asyncio.run(ask())


def test_path_prints_where_it_is_whether_or_not_it_is_there(cli, file):
    assert cli("path")[:2] == (0, f"{file}\n")
    assert json.loads(cli("path", "--json")[1]) == {"file": str(file), "exists": False}
    assert cli("path", "--file", "other.db")[1] == "other.db\n"


def test_stats_of_nothing_make_no_file(cli, file):
    code, out, err = cli("stats")
    assert (code, out) == (0, "")
    assert "Nothing is kept" in err
    assert json.loads(cli("stats", "--json")[1])["entries"] == 0
    assert not file.exists()


def test_stats_show_what_is_kept_and_clear_removes_it(cli, filled, file, vendor):
    found = json.loads(cli("stats", "--json")[1])
    assert (found["entries"], found["hits"]) == (2, 1)
    (row,) = found["by_backend"]
    assert (row["backend"], row["model"], row["entries"]) == (f"acme:{vendor.url}", "m-1", 2)
    assert found["bytes"] == row["bytes"] > 0
    shown = cli("stats")
    assert "m-1" in shown[1]
    assert "given 1 times" in shown[2]
    assert json.loads(cli("clear", "--json")[1]) == {"file": str(file), "removed": 2}
    assert "0 answers" in cli("clear")[2]


def test_a_file_that_is_no_cache_is_one_error_and_stays(cli, tmp_path):
    path = tmp_path / "mine.txt"
    path.write_text("My notes. " * 100)
    for words in (["stats"], ["clear"]):
        code, out, err = cli(*words, "--file", str(path))
        assert (code, out) == (1, "")
        assert "no cache" in err
    assert path.read_text() == "My notes. " * 100


def test_chat_with_cache_asks_once_and_with_refresh_anew(vendor, file, capsys):
    def chat(*words):
        code = main(["chat", "acme:m-1", "hi", "--quiet", *words])
        return code, capsys.readouterr().out

    assert [chat("--cache"), chat("--cache")] == [(0, "Answer 1.\n")] * 2
    assert chat("--cache", "--refresh") == (0, "Answer 2.\n")
    assert chat("--cache") == (0, "Answer 2.\n")
    assert vendor.count == 2
    assert chat() == (0, "Answer 3.\n")


def test_a_job_is_carried_each_time_and_kept_nowhere(vendor, file):
    class Sink:
        async def send_chunk(self, data):
            assert data

    async def main():
        async with backbay.connect("acme:m-1", capabilities={"execute": "full"}) as inner:
            async with backbay_cache.cached(inner) as backend:
                for _ in range(2):
                    job = backbay.Job("j", "m-1", {"messages": [{"role": "user", "content": "hi"}]})
                    await backend.execute(job, Sink())

    asyncio.run(main())
    assert vendor.count == 2
    assert not file.exists()
