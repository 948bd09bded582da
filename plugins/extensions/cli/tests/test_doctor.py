"""Plugins that misbehave in every way change nothing for the others, and each is reported with its reason."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., subprocess.CompletedProcess[str]]
Install = Callable[..., Path]

GOOD = """
from backbay import BackendSpec

spec = BackendSpec(
    name="NAME",
    wires=("openai_chat",),
    base_url_env=("EXAMPLE_BASE_URL",),
    credential_env=("EXAMPLE_API_KEY", "EXAMPLE_TOKEN"),
)
"""


def good(name: str) -> str:
    return GOOD.replace("NAME", name)


def doctor(cli: Run, *arguments: str, **variables: str) -> dict[str, Any]:
    done = cli("doctor", "--json", *arguments, env=variables)
    found = json.loads(done.stdout)
    bad = any(plugin["state"] in ("broken", "incompatible") for plugin in found["plugins"])
    assert done.returncode == int(bad), done.stderr
    assert done.stderr == ""
    return found


def by_name(found: dict[str, Any]) -> dict[str, Any]:
    return {plugin["name"]: plugin for plugin in found["plugins"]}


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("raise RuntimeError('boom \\x1b[2J')", "RuntimeError: boom"),
        ("import no_such_module_anywhere", "No module named 'no_such_module_anywhere'"),
        ("import sys; sys.exit(3)", "SystemExit: 3"),
        ("import os; os._exit(0)", "ended the process with status 0"),
        ("import sys, os; print('last words', file=sys.stderr, flush=True); os._exit(9)", "it last said: last words"),
        ("print('{\"ok\": true}'); spec = 5", "expected a backbay.BackendSpec"),
        ("spec = None; raise KeyboardInterrupt", "KeyboardInterrupt"),
        (good("other"), "spec of 'other', expected 'acme'"),
        (
            "from backbay import BackendSpec\nspec = BackendSpec(name='acme', backend='no_such_module_anywhere:Acme')",
            "its backend no_such_module_anywhere:Acme does not load",
        ),
    ],
)
def test_a_plugin_that_fails_is_reported_with_its_reason(cli: Run, plugins: Install, source: str, said: str) -> None:
    """A5."""
    plugins("backbay-acme", source)
    plugins("backbay-example", good("example"), name="example")
    found = by_name(doctor(cli))
    assert found["acme"]["state"] == "broken"
    assert said in found["acme"]["reason"]
    assert (found["acme"]["distribution"], found["acme"]["version"]) == ("backbay-acme", "1.0")
    assert (found["example"]["state"], found["example"]["reason"]) == ("ok", None)


def test_a_plugin_that_hangs_is_stopped_with_all_that_it_started(cli: Run, plugins: Install, tmp_path: Path) -> None:
    """A5: within the limit, while the others are looked at."""
    sign = tmp_path / "alive"
    child = f"import time, pathlib; time.sleep(2.5); pathlib.Path({str(sign)!r}).touch()"
    plugins(
        "backbay-acme",
        f"import subprocess, sys, time\nsubprocess.Popen([sys.executable, '-c', {child!r}])\ntime.sleep(60)",
    )
    plugins("backbay-example", good("example"), name="example")
    start = time.monotonic()
    found = by_name(doctor(cli, "--limit", "1.5"))
    assert time.monotonic() - start < 15
    assert found["acme"]["state"] == "broken"
    assert "did not finish loading within 1.5 s" in found["acme"]["reason"]
    assert found["acme"]["seconds"] is None
    assert found["example"]["state"] == "ok"
    if sys.platform != "win32":
        time.sleep(1.2)
        assert not sign.exists()


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such signals there")
def test_a_plugin_that_crashes_is_reported_by_the_signals_name(cli: Run, plugins: Install) -> None:
    plugins("backbay-acme", "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)")
    assert "killed by SIGSEGV" in by_name(doctor(cli))["acme"]["reason"]


def test_two_plugins_of_one_name_are_both_named_and_both_loaded(cli: Run, plugins: Install) -> None:
    """A5."""
    plugins("backbay-acme", good("acme"))
    plugins("backbay-acme-too", "raise RuntimeError('too many')")
    found = {plugin["distribution"]: plugin for plugin in doctor(cli)["plugins"]}
    assert found["backbay-acme"]["state"] == "shadowed"
    assert "backbay-acme-too" in found["backbay-acme"]["reason"]
    assert "too many" in found["backbay-acme-too"]["reason"]


def test_a_plugin_that_is_not_allowed_is_not_loaded(cli: Run, plugins: Install, tmp_path: Path) -> None:
    sign = tmp_path / "imported"
    plugins("backbay-acme", f"import pathlib; pathlib.Path({str(sign)!r}).touch()\n{good('acme')}")
    found = doctor(cli, BACKBAY_PLUGINS="backbay-example")
    assert by_name(found)["acme"]["state"] == "disabled"
    assert not sign.exists()
    assert any("BACKBAY_PLUGINS" in note for note in found["notes"])
    assert by_name(doctor(cli))["acme"]["state"] == "ok"
    assert sign.exists()


def test_hooks_that_fail_are_reported_too(cli: Run, plugins: Install) -> None:
    plugins("backbay-acme", "raise RuntimeError('hooked')", group="backbay.hooks", value="")
    plugins("backbay-example", "", name="example", group="backbay.hooks", value="")
    found = by_name(doctor(cli))
    assert (found["acme"]["kind"], found["acme"]["state"]) == ("hooks", "broken")
    assert "hooked" in found["acme"]["reason"]
    assert found["example"]["state"] == "ok"


def test_keys_are_named_and_never_shown(cli: Run, plugins: Install) -> None:
    """U15."""
    plugins("backbay-acme", good("acme"))
    secrets = {
        "EXAMPLE_API_KEY": "  ",
        "EXAMPLE_TOKEN": "sk-verysecret",
        "EXAMPLE_BASE_URL": "http://person:verysecret@127.0.0.1:9/v1",
        "HTTPS_PROXY": "http://person:verysecret@127.0.0.1:9",
    }
    found = doctor(cli, **secrets)
    read = {item["name"]: item for item in found["environment"]}
    assert (read["EXAMPLE_API_KEY"]["set"], read["EXAMPLE_API_KEY"]["used_by"]) == (False, [])
    assert (read["EXAMPLE_TOKEN"]["set"], "acme" in read["EXAMPLE_TOKEN"]["used_by"]) == (True, True)
    assert "acme" in read["EXAMPLE_BASE_URL"]["used_by"]
    assert any("HTTPS_PROXY" in note for note in found["notes"])
    shown = cli("doctor", env=secrets)
    for text in (json.dumps(found), shown.stdout, shown.stderr):
        assert "verysecret" not in text
        assert "EXAMPLE_TOKEN" in text or text == shown.stderr


def test_a_missing_key_says_who_lacks_it(cli: Run, plugins: Install) -> None:
    plugins("backbay-acme", good("acme"))
    read = {item["name"]: item for item in doctor(cli)["environment"]}
    assert "acme" in read["EXAMPLE_API_KEY"]["needed_by"]


def test_it_is_readable_in_a_pipe_and_in_a_wide_terminal(cli: Run, plugins: Install) -> None:
    plugins("backbay-acme", "raise RuntimeError('[red]boom\\x1b[2J\\nsecond line')")
    done = cli("doctor")
    assert done.returncode == 1
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("acme ") and "broken" in line]
    assert "RuntimeError: [red]boom␛[2J" in line
    assert "\x1b" not in done.stdout


@pytest.mark.parametrize("limit", ["0", "-1", "nan", "inf", "soon"])
def test_a_limit_that_is_none_is_refused(cli: Run, limit: str) -> None:
    done = cli("doctor", "--limit", limit)
    assert (done.returncode, done.stdout) == (2, "")
    assert "--limit" in done.stderr
