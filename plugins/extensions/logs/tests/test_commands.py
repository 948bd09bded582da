"""The commands and the switch: off until asked for, and nothing is loaded meanwhile."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import platformdirs
import pytest

from backbay_cli import main
from backbay_logs import Log
from backbay_logs.exporting import read_jsonl
from backbay_logs.switch import default_file, is_on, settings, switch_file


@pytest.fixture
def cli(capsys):
    """Run a command; gives its exit code, and what it wrote to both streams."""

    def call(*words):
        code = main(["logs", *words])
        done = capsys.readouterr()
        return code, done.out, done.err

    return call


CALL = """
    import asyncio, sys
    from backbay import hooks
    from backbay.testing import connect_fake
    asyncio.run(connect_fake("A fine answer.").complete("A question?"))
    ours = ("backbay_logs", "sqlite3", "platformdirs")
    print(hooks.anybody(), sorted(name for name in sys.modules if name.startswith(ours)))
"""
OFF = ["backbay_logs", "backbay_logs.plugin", "backbay_logs.switch"]


@pytest.fixture
def program(python):
    """Run a program that makes one call; gives what it printed. Only the hooks of this distribution are loaded."""

    def run(**environment):
        out, error = python(CALL, BACKBAY_PLUGINS="backbay-logs", **environment).communicate(timeout=20)
        assert error == ""
        return out.strip()

    return run


def test_where_nobody_asked_for_it_calls_know_nothing_of_it(program):
    found = program()
    assert found.startswith("False")
    if sys.platform == "linux":
        assert found == f"False {OFF}"
    assert not default_file().exists()


@pytest.mark.parametrize("value", ["off", "0", "", " OFF "])
def test_the_variable_switches_off_what_was_switched_on(cli, program, value):
    assert cli("on")[0] == 0
    assert program(BACKBAY_LOGS=value) == f"False {OFF}"


def test_on_and_off_hold_for_programs_that_begin_afterwards(cli, program):
    code, out, err = cli("on")
    assert (code, out) == (0, "")
    assert str(default_file()) in err
    assert program().startswith("True")
    assert cli("off")[0] == 0
    assert program().startswith("False")
    (record,) = Log().records()
    assert (record.backend, record.text) == ("fake", "A fine answer.")


def test_the_variable_names_another_file(program, tmp_path):
    program(BACKBAY_LOGS=str(tmp_path / "mine.db"))
    assert Log(tmp_path / "mine.db").count()[0] == 1
    assert not default_file().exists()


def test_what_on_was_told_is_kept_when_it_is_switched_off_and_on_again(cli, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    cli("on", "--file", "mine.db", "--max-size", "5M", "--data")
    cli("off")
    cli("on", "--no-data")
    found = settings()
    assert (found.on, found.file, found.max_bytes, found.data) == (True, tmp_path / "mine.db", 5 * 2**20, False)
    status = json.loads(cli("status", "--json")[1])
    assert (status["on"], status["source"], status["max_bytes"]) == (True, "switch", 5 * 2**20)
    assert "5.0 MiB" in cli("status")[1]


def test_on_says_so_where_the_variable_says_otherwise(cli, monkeypatch):
    monkeypatch.setenv("BACKBAY_LOGS", "off")
    assert "BACKBAY_LOGS is set" in cli("on", "--file", "/mine.db")[2]
    assert "off" in cli("status")[1]
    cli("on")
    monkeypatch.delenv("BACKBAY_LOGS")
    assert settings().file == Path("/mine.db").absolute()


def test_a_switch_that_cannot_be_read_is_a_warning_for_programs_and_an_error_for_commands(cli, python):
    switch_file().parent.mkdir(parents=True)
    for text in ("{", "[]", "{}", '{"on": 1, "file": "x", "max_bytes": 1, "data": false}'):
        switch_file().write_text(text)
        code, _, err = cli("status")
        assert code == 2
        assert "cannot be read" in err
    out, error = python(CALL, BACKBAY_PLUGINS="backbay-logs").communicate(timeout=20)
    assert out.startswith("False")
    assert error.count("LogWarning") == 1
    assert cli("on")[0] == 0
    assert cli("status")[0] == 0


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere platformdirs itself is asked")
@pytest.mark.parametrize("folder", [None, "", "  ", "/somewhere/else"])
def test_the_switch_is_where_platformdirs_would_have_it(monkeypatch, folder):
    monkeypatch.delenv("XDG_CONFIG_HOME")
    if folder is not None:
        monkeypatch.setenv("XDG_CONFIG_HOME", folder)
    assert switch_file() == platformdirs.user_config_path("backbay") / "logs.json"


@pytest.fixture
def log(filled, record, monkeypatch):
    rude = "m\x1b]0;title\x07[red]\u202e"
    log = filled(
        record("What is the capital of France?", "Paris."),
        record(
            "Where is it?\nTell me at once, and in as many words as you can find.", model=rude, time=1_600_000_060.0
        ),
        record("Broken", "", error={"type": "ServerError", "message": "gone"}),
    )
    monkeypatch.setenv("BACKBAY_LOGS", str(log.file))
    return log


def test_list_show_and_search_show_what_is_there(cli, log):
    code, out, _ = cli("list")
    assert code == 0
    lines = out.splitlines()
    assert [line.split()[0] for line in lines] == ["id", "1", "2", "3"]
    assert "ServerError" in lines[3]
    assert "\x1b" not in out
    assert [line.split()[0] for line in cli("list", "-n", "1")[1].splitlines()] == ["id", "3"]
    assert [line.split()[0] for line in cli("list", "--errors")[1].splitlines()] == ["id", "3"]
    assert "[capital]" in cli("search", "capital", "france")[1]
    shown = cli("show", "2")[1]
    assert "Tell me at once" in shown
    assert "\x1b" not in shown
    assert json.loads(cli("show", "1", "--json")[1])["text"] == "Paris."
    assert "No such call" in cli("search", "nowhere")[2]
    assert cli("show", "9")[0] == 1


def test_odd_searches_are_no_errors(cli, log):
    for words in (['"'], ["AND", "OR"], ["NEAR("], ["a:b"], ["--", "-x"]):
        assert cli("search", *words)[0] == 0


def test_since_takes_times_and_spans(cli, log):
    assert json.loads(cli("list", "--since", "2020-09-13T12:27:00+00:00", "--json")[1])["records"][0]["id"] == 2
    assert len(json.loads(cli("list", "--since", "2020-09-01", "--json")[1])["records"]) == 3
    assert json.loads(cli("list", "--since", "1h", "--json")[1])["records"] == []
    for wrong in ("yesterday", "5 parsecs", "1y", ""):
        code, _, err = cli("list", "--since", wrong)
        assert code == 2
        assert "no time" in err
    assert cli("on", "--max-size", "0")[0] == 2


def test_an_export_is_the_whole_log(cli, log):
    code, out, _ = cli("export")
    assert code == 0
    assert list(read_jsonl(out.splitlines())) == list(log.records())
    text = cli("export", "--format", "markdown")[1]
    assert text.count("\n## ") == 2
    assert "ServerError: gone" in text
    assert cli("export", "--format", "csv")[0] == 2


def test_clear_asks_first(cli, log, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))
    assert cli("clear")[0] == 2
    assert log.count()[0] == 3
    assert json.loads(cli("clear", "--yes", "--json")[1])["removed"] == 3
    assert log.count()[0] == 0


def test_a_file_that_is_no_log_is_one_error_and_stays(cli, tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("My notes. " * 100)
    for words in (["list"], ["search", "x"], ["export"], ["clear", "--yes"], ["on"]):
        code, out, err = cli(*words, "--file", str(path))
        assert (code, out) == (1, "")
        assert "no log" in err
    assert path.read_text() == "My notes. " * 100
    assert not is_on()


def test_a_call_of_the_command_line_is_logged(cli, capsys, python, tmp_path):
    program = (
        "import sys; from backbay_cli import main; sys.exit(main(['chat', 'local:tiny', 'Name a city.', '--quiet']))"
    )
    out, error = python(program, BACKBAY_LOGS=str(tmp_path / "chat.db")).communicate(timeout=30)
    assert error == ""
    (record,) = Log(tmp_path / "chat.db").records()
    assert record.text.strip() == out.strip()
