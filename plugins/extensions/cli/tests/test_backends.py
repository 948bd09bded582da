from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from types import SimpleNamespace

import pytest

from backbay_cli import main
from backbay_cli.available import listed
from backbay_cli.safe_text import safe

Run = Callable[..., subprocess.CompletedProcess[str]]
Install = Callable[..., Path]


def test_no_plugin_is_loaded_by_the_list(cli: Run, plugins: Install, tmp_path: Path) -> None:
    sign = tmp_path / "imported"
    folder = plugins("backbay-acme", f"import pathlib; pathlib.Path({str(sign)!r}).touch()")
    plugins("backbay-example", "import sys; sys.exit(1)", name="example")
    done = cli("backends", "--json")
    assert done.returncode == 0, done.stderr
    found = {record["name"]: record for record in json.loads(done.stdout)["backends"]}
    assert found["acme"] == {
        "name": "acme",
        "distribution": "backbay-acme",
        "version": "1.0",
        "location": str(folder),
        "state": "ok",
        "reason": None,
        "value": "backbay_acme:spec",
        "record_hash": None,
        "direct_url": None,
    }
    assert found["example"]["state"] == "ok"
    assert found["manual"]["distribution"] == "backbay"
    assert not sign.exists()


def test_a_pipe_gets_plain_columns_of_whole_lines(cli: Run, plugins: Install) -> None:
    folder = plugins("backbay-acme", "")
    done = cli("backends", env={"COLUMNS": "20"})
    lines = done.stdout.splitlines()
    assert lines[0].split() == ["backend", "distribution", "version", "state", "reason", "or", "location"]
    (line,) = [line for line in lines if line.startswith("acme")]
    place = str(folder).replace(str(folder.parent), "~")
    assert line.split() == ["acme", "backbay-acme", "1.0", "ok", place]


def test_what_could_be_installed_is_listed_with_the_line_that_installs_it(cli: Run) -> None:
    everything = json.loads((files("backbay_cli") / "available.json").read_text(encoding="utf-8"))["backends"]
    absent = {entry["name"]: entry for entry in everything}
    done = cli("backends", "--json")
    installed = {record["name"] for record in json.loads(done.stdout)["backends"]}
    done = cli("backends", "--available", "--json")
    assert done.returncode == 0, done.stderr
    found = {entry["name"]: entry for entry in json.loads(done.stdout)["available"]}
    assert found.keys() == absent.keys() - installed
    for name, entry in found.items():
        assert entry == {**absent[name], "install": f"pip install {absent[name]['distribution']}"}


def test_a_vendor_that_is_not_installed_is_listed_and_one_that_is_is_not(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("backbay.registry.inspect", lambda **_: ())
    monkeypatch.setattr("backbay.inspect", lambda **_: (), raising=False)
    assert main(["backends", "--available"]) == 0
    head, *lines = capsys.readouterr().out.splitlines()
    assert head.split() == ["backend", "for", "speaks", "can", "key", "base", "URL", "install"]
    [openai] = [line for line in lines if line.startswith("openai ")]
    for part in (
        "OpenAI",
        "openai_chat, openai_responses",
        "tools, JSON Schema, images",
        " OPENAI_API_KEY ",
        " https://api.openai.com/v1 ",
    ):
        assert part in openai
    assert openai.endswith(" pip install backbay-openai")
    [llamacpp] = [line for line in lines if line.startswith("llamacpp ")]
    assert "(optional)" in llamacpp
    [local] = [line for line in lines if line.startswith("local ")]
    assert "in this process" in local

    records = [SimpleNamespace(name=entry.name) for entry in listed() if entry.name != "openai"]
    monkeypatch.setattr("backbay.inspect", lambda **_: records)
    assert main(["backends", "--available", "--json"]) == 0
    assert [entry["name"] for entry in json.loads(capsys.readouterr().out)["available"]] == ["openai"]

    monkeypatch.setattr("backbay.inspect", lambda **_: [*records, SimpleNamespace(name="openai")])
    assert main(["backends", "--available"]) == 0
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "All backends" in shown.err


def on_terminal(command: list[str], environment: dict[str, str], columns: int) -> str:
    """Run ``command`` with a terminal of so many columns as its standard output; return what it shows."""
    import fcntl
    import pty
    import struct
    import termios

    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
        env={"TERM": "xterm-256color", **environment},
    ) as process:
        os.close(theirs)
        shown = b""
        while True:
            try:
                data = os.read(ours, 65536)
            except OSError:
                break
            if not data:
                break
            shown += data
        process.wait(20)
    os.close(ours)
    return shown.decode().replace("\r\n", "\n")


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such terminals there")
@pytest.mark.parametrize("columns", [30, 80, 200])
def test_nothing_is_lost_on_a_terminal_of_any_width(
    plugins: Install, command: list[str], environment: dict[str, str], columns: int
) -> None:
    plugins("backbay-acme", "")
    shown = on_terminal([*command, "backends"], {**environment, "NO_COLOR": "1", "TERM": "dumb"}, columns)
    assert all(len(line.rstrip()) <= columns for line in shown.splitlines())
    flat = "".join(shown.split())
    for word in ("acme", "backbay-acme", "1.0", "ok", "~/plugins"):
        assert word in flat
    assert shown == safe(shown)


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such terminals there")
def test_colour_is_for_terminals_that_want_it(
    plugins: Install, command: list[str], environment: dict[str, str]
) -> None:
    plugins("backbay-acme", "")
    words = [*command, "backends"]
    assert "\x1b[32m" in on_terminal(words, environment, 80)
    assert "\x1b[32m" not in on_terminal(words, {**environment, "NO_COLOR": "1"}, 80)
