from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

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
