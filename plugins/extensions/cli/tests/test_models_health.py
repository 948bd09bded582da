from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

from backbay.testing import ScriptedServer

Run = Callable[..., subprocess.CompletedProcess[str]]
NOWHERE = "http://127.0.0.1:9/v1"


def test_models_are_listed_safe_and_sorted(cli: Run, acme: ScriptedServer) -> None:
    done = cli("models", "acme:any")
    assert done.returncode == 0, done.stderr
    assert [line.split() for line in done.stdout.splitlines()] == [
        ["model", "context", "owner"],
        ["acme-1␛[2J", "-", "[red]acme"],
        ["acme-2", "-", "acme"],
    ]


def test_models_in_json_are_exact(cli: Run, acme: ScriptedServer) -> None:
    found = json.loads(cli("models", "acme", "--json", "--base-url", acme.url).stdout)
    assert found["backend"].startswith("acme")
    assert [model["id"] for model in found["models"]] == ["acme-1\x1b[2J", "acme-2"]
    assert found["models"][1]["context_window"] is None


def test_a_backend_without_a_list_is_refused_before_anything_is_sent(cli: Run) -> None:
    done = cli("models", "manual")
    assert (done.returncode, done.stdout) == (2, "")
    assert "list_models" in done.stderr


def test_a_dead_server_is_one_error(cli: Run, acme: ScriptedServer) -> None:
    done = cli("models", "acme", "--base-url", NOWHERE, "--limit-total", "1.5", "--json")
    assert done.returncode == 1
    assert json.loads(done.stdout)["error"]["type"] in ("ConnectError", "LimitExceededError")


def test_health_probes_several_at_once(cli: Run, acme: ScriptedServer) -> None:
    done = cli("health", "acme", "acme:acme-1", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)["backends"]
    assert [probe["name"] for probe in found] == ["acme", "acme:acme-1"]
    for probe in found:
        assert (probe["reachable"], probe["status"], probe["error"]) == (True, 200, None)
        assert probe["latency_ms"] > 0
    assert acme.connections == 2


def test_health_fails_if_one_is_unreachable(cli: Run, acme: ScriptedServer) -> None:
    done = cli("health", "acme", env={"ACME_BASE_URL": NOWHERE})
    assert done.returncode == 1
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("acme")]
    assert line.split()[1] == "no"
    assert len(line.split()) > 4


def test_health_says_which_could_not_be_set_up_and_probes_the_others(cli: Run, acme: ScriptedServer) -> None:
    done = cli("health", "acme", "no-such-backend", "--json")
    assert done.returncode == 2
    good, bad = json.loads(done.stdout)["backends"]
    assert good["reachable"]
    assert not bad["reachable"]
    assert "no-such-backend" in bad["error"]


def test_health_without_names_leaves_out_what_has_no_key(
    cli: Run, acme: ScriptedServer, plugins: Callable[..., Path]
) -> None:
    keyed = (
        "from backbay import BackendSpec, Capabilities\n"
        "spec = BackendSpec(name='example', wires=('openai_chat',), credential_env=('EXAMPLE_API_KEY',),"
        " base_url_env=('ACME_BASE_URL',), capabilities=Capabilities.of(full='generate health'))"
    )
    plugins("backbay-example", keyed, name="example")
    only = {"BACKBAY_PLUGINS": "acme,example"}
    found = json.loads(cli("health", "--json", env=only).stdout)
    assert [probe["name"] for probe in found["backends"]] == ["acme"]
    assert found["skipped"] == {
        "example": "no key: EXAMPLE_API_KEY is not set",
        "manual": "it has no health probe",
    }
    found = json.loads(cli("health", "--json", env={**only, "EXAMPLE_API_KEY": "sk-1"}).stdout)
    assert [(probe["name"], probe["reachable"]) for probe in found["backends"]] == [("acme", True), ("example", True)]
