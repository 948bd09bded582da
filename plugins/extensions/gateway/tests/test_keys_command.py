"""``backbay gateway keys``: as a process of its own, which is how a person meets it."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys

import pytest

typer_testing = pytest.importorskip("typer.testing")

import typer  # noqa: E402

from backbay.errors import BackbayError, ConfigurationError, InvalidRequestError  # noqa: E402
from backbay.response import Usage  # noqa: E402
from backbay_gateway.commands import register_commands  # noqa: E402
from backbay_gateway.keys import Keys  # noqa: E402


@pytest.fixture
def url(tmp_path):
    return f"sqlite:///{tmp_path}/keys.sqlite"


@pytest.fixture
def keys(url):
    """Run ``gateway keys ARGUMENTS``; return what it printed. Errors are raised, as the command line gets them."""
    app = typer.Typer()
    app.callback()(lambda: None)
    register_commands(app)

    def run(*arguments):
        done = typer_testing.CliRunner().invoke(app, ["gateway", "keys", *arguments, "--database", url])
        if isinstance(done.exception, BackbayError):
            raise done.exception
        assert done.exit_code == 0, done.output
        return done

    return run


def use(url, text, *, model="acme:a", usage=None, cost=None):
    async def body():
        store = Keys.open(url)
        grant = await store.admit(text, model=model, estimated_tokens=100, estimated_cost=0.5)
        await grant.settle(usage, cost, served_by="acme:a")
        await store.aclose()

    asyncio.run(body())


def test_a_made_key_is_alone_on_standard_output_and_works(keys, url):
    done = keys("create", "--label", "one", "--model", "acme:*", "--expires", "30d", "--period", "day")
    text = done.stdout.strip()
    assert text.startswith("bb_")
    assert text not in done.stderr
    use(url, text)
    [shown] = json.loads(keys("list", "--json").stdout)["keys"]
    assert (shown["label"], shown["models"], shown["state"]) == ("one", ["acme:*"], "active")
    assert shown["expires"] > shown["created"]


def test_no_command_shows_the_secret_again(keys):
    made = json.loads(keys("create", "--json", "--requests", "60").stdout)
    secret = made["key"].split("_", 2)[2]
    for command in (("list",), ("show", made["id"]), ("usage",), ("limits", made["id"])):
        for more in ((), ("--json",)):
            assert secret not in keys(*command, *more).output


def test_limits_are_changed_one_by_one_and_taken_away_by_a_word(keys):
    made = json.loads(keys("create", "--json", "--requests", "60", "--budget-cost", "2.50", "--period", "month").stdout)
    keys("limits", made["id"], "--tokens", "1_000_000", "--requests", "none")
    found = json.loads(keys("limits", made["id"], "--json").stdout)["limits"]
    assert found == {
        "requests": None,
        "tokens": 1_000_000,
        "concurrent": None,
        "budget_tokens": None,
        "budget_cost": 2.5,
        "period": "month",
    }


def test_show_says_what_is_left(keys, url):
    made = json.loads(keys("create", "--json", "--budget-tokens", "1000", "--budget-cost", "2").stdout)
    use(url, made["key"], usage=Usage(input=30, output=12), cost=0.25)
    found = {one["meter"]: one for one in json.loads(keys("show", made["id"], "--json").stdout)["remaining"]}
    assert (found["budget_tokens.total"]["used"], found["budget_tokens.total"]["left"]) == (42, 958)
    assert (found["budget_cost.total"]["used"], found["budget_cost.total"]["left"]) == (0.25, 1.75)
    assert "budget_tokens.total  1000" in keys("show", made["id"]).stdout


def test_usage_is_summed_by_key_or_model_and_says_what_is_unknown(keys, url):
    made = json.loads(keys("create", "--json").stdout)
    use(url, made["key"], usage=Usage(input=3, output=4), cost=0.1)
    use(url, made["key"], model="acme:b\x1b[2J", usage=None)
    [row] = json.loads(keys("usage", "--json").stdout)["rows"]
    assert row == {
        "name": made["id"],
        "requests": 2,
        "input_tokens": 3,
        "output_tokens": 4,
        "charged_tokens": 107,
        "cost": 0.1,
        "charged_cost": 0.6,
        "unknown": 1,
    }
    shown = keys("usage", made["id"], "--by", "model").output
    assert "\x1b" not in shown
    assert "acme:a" in shown
    assert json.loads(keys("usage", "--since", "2100-01-01", "--json").stdout)["rows"] == []


def test_a_key_is_revoked_once_and_its_date_stays(keys):
    made = json.loads(keys("create", "--json").stdout)
    # Somebody may give the whole key where an id is wanted.
    first = json.loads(keys("revoke", made["key"], "--json").stdout)
    second = json.loads(keys("revoke", made["id"], "--json").stdout)
    assert first["revoked"] == second["revoked"] is not None
    assert first["state"] == "revoked"


@pytest.mark.parametrize(
    "arguments",
    [
        ("show", "abcdefghijkl"),
        ("revoke", "abcdefghijkl"),
        ("limits", "abcdefghijkl", "--requests", "1"),
        ("usage", "abcdefghijkl"),
        ("usage", "--by", "moon"),
        ("usage", "--since", "soon"),
        ("create", "--requests", "-1"),
        ("create", "--requests", "many"),
        ("create", "--requests", "9" * 30),
        ("create", "--tokens", "9" * 19),
        ("create", "--budget-cost", "nan"),
        ("create", "--budget-cost", "1e300"),
        ("create", "--period", "year"),
        ("create", "--expires", "2001-01-01"),
        ("create", "--expires", "tomorrow"),
        ("create", "--provider", "acme:a"),
        ("create", "--label", "a\nb"),
    ],
)
def test_what_cannot_be_is_one_sentence_and_nothing_is_made(keys, arguments):
    with pytest.raises(InvalidRequestError) as caught:
        keys(*arguments)
    assert len(str(caught.value)) < 300
    assert json.loads(keys("list", "--json").stdout)["keys"] == []


def test_what_is_no_id_is_not_repeated(keys):
    with pytest.raises(InvalidRequestError) as caught:
        keys("show", "bb_abcdefghijkl_mostofakey")
    assert "mostofakey" not in str(caught.value)


@pytest.mark.parametrize("url", ["mysql://x/y"])
def test_a_wrong_database_is_a_wrong_set_up(keys):
    with pytest.raises(ConfigurationError):
        keys("list")


def test_the_command_line_has_the_commands_and_exit_code_2_for_what_cannot_be(tmp_path):
    pytest.importorskip("backbay_cli")
    environment = {**os.environ, "BACKBAY_GATEWAY_DATABASE": f"sqlite:///{tmp_path}/k.sqlite", "HOME": str(tmp_path)}

    def run(*arguments):
        command = [sys.executable, "-P", "-m", "backbay_cli", "gateway", "keys", *arguments]
        return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60)

    made = run("create", "--json")
    assert made.returncode == 0, made.stderr
    assert json.loads(made.stdout)["key"].startswith("bb_")
    wrong = run("show", "abcdefghijkl", "--json")
    assert wrong.returncode == 2
    assert json.loads(wrong.stdout)["error"]["type"] == "InvalidRequestError"


def test_the_hook_imports_no_database_before_a_command_runs():
    code = "import sys, typer; from backbay_gateway.commands import register_commands as r; r(typer.Typer()); "
    code += "print([name for name in ('sqlalchemy', 'starlette', 'rich') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "[]", done.stdout + done.stderr
