"""The command as a whole: help, usage errors, versions, and the commands that other distributions add."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from backbay_cli import main

Run = Callable[..., subprocess.CompletedProcess[str]]
Install = Callable[..., Path]

GREET = """
from typing import Annotated

from backbay import hooks
from typer import Argument, Option

@hooks.hookimpl()
def register_commands(app):
    @app.command("NAME")
    def greet(name: str) -> None:
        print(f"Hello, {name}.")
"""


@pytest.mark.parametrize("command", ["backends", "detect", "doctor", "models", "chat", "health", "new", "version"])
def test_every_command_has_help_with_the_exit_codes_and_json(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([command, "--help"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "--json" in shown
    assert "Exit codes: 0 it worked; 1 " in shown
    assert "130 interrupted" in shown


def test_no_option_takes_a_key(capsys: pytest.CaptureFixture[str]) -> None:
    main(["chat", "--help"])
    assert "--api-key-env" in (shown := capsys.readouterr().out)
    assert "--api-key " not in shown


def test_a_mistyped_command_gets_a_suggestion(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["chta", "--json"]) == 2
    error = json.loads(capsys.readouterr().out)["error"]
    assert error["type"] == "UsageError"
    assert "chat" in error["message"]


def test_without_a_command_there_is_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    shown = capsys.readouterr()
    assert "doctor" in shown.out + shown.err
    assert "Traceback" not in shown.err


def test_version_tells_what_a_report_needs(cli: Run) -> None:
    told = json.loads(cli("version", "--json").stdout)
    assert set(told) == {"backbay-cli", "backbay", "python", "platform"}
    plain = cli("version").stdout
    assert all(value in plain for value in told.values())


def test_a_defect_is_a_message_and_not_a_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("BACKBAY_DEBUG", raising=False)

    def broken(**_: object) -> None:
        raise ZeroDivisionError("by \x1b[2J zero")

    monkeypatch.setattr("backbay.registry.inspect", broken)
    monkeypatch.setattr("backbay.inspect", broken, raising=False)
    assert main(["backends"]) == 1
    shown = capsys.readouterr()
    assert "ZeroDivisionError: by ␛[2J zero" in shown.err
    assert "Traceback" not in shown.err
    assert main(["--debug", "backends"]) == 1
    assert "Traceback" in capsys.readouterr().err


def hook(plugins: Install, distribution: str, source: str, name: str) -> None:
    plugins(distribution, source, name=name, group="backbay.hooks", value="")


def test_a_distribution_adds_a_command(cli: Run, plugins: Install) -> None:
    hook(plugins, "backbay-acme", GREET.replace("NAME", "greet"), "acme")
    done = cli("greet", "you")
    assert (done.returncode, done.stdout, done.stderr) == (0, "Hello, you.\n", "")
    assert "greet" in cli("--help").stdout


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("raise RuntimeError('at import')", "at import"),
        ("import sys; sys.exit(7)", "SystemExit"),
        (GREET + "    raise RuntimeError('while registering')", "while registering"),
        (GREET.replace("name: str", "name: Annotated[str, Option(), Argument()]"), "acme"),
        (GREET.replace("NAME", "doctor"), "doctor exists already"),
    ],
)
def test_hooks_that_fail_are_left_out_with_a_warning(cli: Run, plugins: Install, source: str, said: str) -> None:
    hook(plugins, "backbay-acme", source.replace("NAME", "harm"), "acme")
    hook(plugins, "backbay-example", GREET.replace("NAME", "greet"), "example")
    done = cli("greet", "you")
    assert (done.returncode, done.stdout) == (0, "Hello, you.\n")
    assert done.stderr.startswith("warning:")
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert cli("harm", "you").returncode == 2


def test_the_commands_of_this_distribution_load_no_hooks(cli: Run, plugins: Install, tmp_path: Path) -> None:
    sign = tmp_path / "imported"
    hook(plugins, "backbay-acme", f"import pathlib; pathlib.Path({str(sign)!r}).touch()", "acme")
    for command in ("backends", "version"):
        assert cli(command).returncode == 0
    assert not sign.exists()


REGISTER = """
import pathlib
pathlib.Path(SIGN).touch()

def register_commands(app):
    for name in NAMES:
        app.command(name)(greet)

def greet(who: str) -> None:
    print(f"Hello, {who}.")
"""


def command(plugins: Install, sign: Path, name: str, *added: str) -> None:
    """Install a distribution whose entry points of commands have a name, or several, with spaces between them."""
    source = REGISTER.replace("SIGN", repr(str(sign))).replace("NAMES", repr(added))
    first, *more = name.split()
    module = sign.name
    lines = "".join(f"\n{each} = {module}:register_commands" for each in more)
    plugins(module, source, name=first, group="backbay.commands", value=f":register_commands{lines}")


def test_an_entry_point_of_the_called_commands_name_is_loaded_alone(cli: Run, plugins: Install, tmp_path: Path) -> None:
    ours, other = tmp_path / "acme", tmp_path / "example"
    command(plugins, ours, "greet", "greet")
    command(plugins, other, "other", "part")
    done = cli("greet", "you")
    assert (done.returncode, done.stdout, done.stderr) == (0, "Hello, you.\n", "")
    assert ours.exists()
    assert not other.exists()
    assert cli("part", "you").stdout == "Hello, you.\n"
    assert other.exists()


def test_one_function_may_stand_under_the_name_of_each_of_its_commands(
    cli: Run, plugins: Install, tmp_path: Path
) -> None:
    command(plugins, tmp_path / "acme", "greet wave", "greet", "wave")
    shown = cli("--help")
    assert (shown.stdout.count(" greet"), shown.stdout.count(" wave"), shown.stderr) == (1, 1, "")
    for name in ("greet", "wave"):
        done = cli(name, "you")
        assert (done.returncode, done.stdout, done.stderr) == (0, "Hello, you.\n", "")


def test_an_entry_point_that_lacks_the_command_of_its_name_hides_no_other(
    cli: Run, plugins: Install, tmp_path: Path
) -> None:
    command(plugins, tmp_path / "acme", "part", "doctor")
    command(plugins, tmp_path / "example", "other", "part")
    done = cli("part", "you")
    assert (done.returncode, done.stdout) == (0, "Hello, you.\n")
    assert done.stderr.count("doctor exists already") == 1
