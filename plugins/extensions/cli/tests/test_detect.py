"""``backbay detect``: engines on real sockets, found by a process of its own."""

from __future__ import annotations

import gc
import json
import shlex
import socket
import subprocess
from collections.abc import Callable
from importlib import resources
from pathlib import Path

import pytest

from backbay.testing import Received, Reply, ScriptedServer
from backbay_cli.detect import command

Run = Callable[..., subprocess.CompletedProcess[str]]
Install = Callable[..., Path]

ENGINE = """
from backbay import BackendSpec, Identity

spec = BackendSpec(
    name="acme",
    label="Acme",
    wires=("openai_chat",),
    default_base_url="http://127.0.0.1:9/v1",
    base_url_env=("ACME_BASE_URL",),
    credential_env=("ACME_API_KEY",),
    requires_credential=False,
    native=True,
    identity=(Identity(path="/acme", shows=("engine=acme",), ports=(9, 11)),),
)
"""
ONLY = {"BACKBAY_PLUGINS": "acme"}


def server(answers: dict[str, object], status: int = 200) -> ScriptedServer:
    def script(request: Received) -> Reply:
        found = answers.get(request.path)
        if found is None:
            return Reply.json({}, status=404)
        return Reply.json(found, status=status if request.path.endswith("models") else 200)

    return ScriptedServer(script)


def models(*ids: str) -> dict[str, object]:
    return {"data": [{"id": name} for name in ids]}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_an_engine_is_shown_with_the_lines_that_use_it(cli: Run, plugins: Install) -> None:
    plugins("backbay-acme", ENGINE)
    with server({"/acme": {"engine": "Acme 1"}, "/v1/models": models("a b", "m2\x1b[2J", "m3", "m4")}) as engine:
        done = cli("detect", "--port", str(engine.port), "--limit", "5", env=ONLY)
    assert (done.returncode, done.stderr) == (0, "")
    heading, line = done.stdout.splitlines()
    assert heading.split() == ["backend", "base", "URL", "models", "command", "Python"]
    assert line.split()[:2] == ["acme", engine.url]
    assert "a b, m2␛[2J, m3, and 1 more" in line
    assert f"backbay chat 'acme:a b' --base-url {engine.url}" in line
    assert line.endswith(f"backbay.connect('acme:a b', base_url='{engine.url}')")


def test_the_command_that_is_shown_works(cli: Run, acme: ScriptedServer) -> None:
    done = cli("detect", "--port", str(acme.port), "--limit", "5", "--json")
    [found] = json.loads(done.stdout)["found"]
    assert found["backend"] == "openai-compatible"
    words = shlex.split(found["command"])
    assert words[:2] == ["backbay", "chat"]
    asked = cli("chat", found["reference"].replace("openai-compatible", "acme"), *words[3:], "Hello", "--quiet")
    assert (asked.returncode, asked.stdout) == (0, "Hello, world.\n")


def test_json_has_everything_that_is_known(cli: Run, plugins: Install) -> None:
    plugins("backbay-acme", ENGINE)
    with server({"/acme": {"engine": "acme"}, "/v1/models": models("m1")}) as engine:
        done = cli("detect", "--json", "--limit", "5", env={**ONLY, "ACME_BASE_URL": engine.url})
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["looked_for"] == {"acme": [9, 11]}
    assert told["hosts"] == ["127.0.0.1"]
    assert told["found"] == [
        {
            "backend": "acme",
            "label": "Acme",
            "base_url": engine.url,
            "shown_by": f"http://127.0.0.1:{engine.port}/acme has engine=acme",
            "models": ["m1"],
            "wants_key": False,
            "others": [],
            "reference": "acme:m1",
            "arguments": {},
            "command": "backbay chat acme:m1",
            "python": "backbay.connect('acme:m1')",
        }
    ]


def test_an_engine_that_wants_a_key_says_which_variable_has_it(cli: Run, plugins: Install) -> None:
    plugins("backbay-acme", ENGINE)
    with server({"/acme": {"engine": "acme"}, "/v1/models": {}}, status=401) as engine:
        done = cli("detect", "--port", str(engine.port), "--limit", "5", env={**ONLY, "ACME_API_KEY": "sk-1"})
    assert "wants a key" in done.stdout
    assert "set ACME_API_KEY" in done.stderr
    assert all("authorization" not in request.headers for request in engine.requests)


def test_an_engine_that_could_be_another_says_so(cli: Run, plugins: Install) -> None:
    plugins("backbay-acme", ENGINE)
    plugins("backbay-example", ENGINE.replace('name="acme"', 'name="example"'), name="example")
    with server({"/acme": {"engine": "acme"}}) as engine:
        done = cli("detect", "--port", str(engine.port), "--limit", "5", env={"BACKBAY_PLUGINS": "acme,example"})
    assert done.returncode == 0
    assert "it may as well be example" in done.stderr


def test_an_unknown_engine_without_a_plugin_for_it_gets_the_line_that_installs_one(cli: Run) -> None:
    with server({"/v1/models": models("m1")}) as engine:
        done = cli("detect", "--port", str(engine.port), "--limit", "5", env={"BACKBAY_PLUGINS": ""})
    assert done.returncode == 0
    assert "openai-compatible" in done.stdout
    assert "backbay-openai-compatible" in done.stderr or "BACKBAY_PLUGINS" in done.stderr


def test_where_nothing_is_found_it_is_said_what_was_looked_for_and_where(cli: Run, plugins: Install) -> None:
    plugins("backbay-acme", ENGINE)
    done = cli("detect", "--limit", "2", env=ONLY)
    assert (done.returncode, done.stdout) == (1, "")
    assert "on 127.0.0.1 within 2 s" in done.stderr
    assert "acme: port 9, 11" in done.stderr
    port = str(free_port())
    done = cli("detect", "--host", "localhost", "--port", port, env=ONLY)
    assert done.returncode == 1
    assert f"on localhost, port {port}, within 1 s" in done.stderr
    done = cli("detect", "--json", "--port", port, env=ONLY)
    assert done.returncode == 1
    assert json.loads(done.stdout) == {"found": [], "looked_for": {"acme": [int(port)]}, "hosts": ["127.0.0.1"]}


def test_without_a_plugin_for_an_engine_it_is_said_how_to_get_one(cli: Run) -> None:
    done = cli("detect", env={"BACKBAY_PLUGINS": ""})
    assert done.returncode == 1
    assert "backbay backends --available" in done.stderr


@pytest.mark.parametrize("wrong", [["--port", "0"], ["--port", "70000"], ["--limit", "0"], ["--host", "http://x"]])
def test_what_cannot_be_asked_is_refused(cli: Run, wrong: list[str]) -> None:
    done = cli("detect", *wrong)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error:")


@pytest.mark.parametrize("keys", [[], ["a-key-of-this-server"]], ids=["open", "locked"])
def test_a_real_llama_cpp_server_is_known_even_where_it_wants_a_key(cli: Run, keys: list[str]) -> None:
    xllamacpp = pytest.importorskip("xllamacpp")
    local = pytest.importorskip("backbay_local")
    pytest.importorskip("backbay_llamacpp")
    params = xllamacpp.CommonParams()
    params.model.path = str(resources.files(local).joinpath("models", "backbay-tiny-q8_0.gguf"))
    params.n_ctx, params.port, params.verbosity, params.warmup, params.ui = 512, 0, 0, False, False
    # More threads than one wait for each other on a busy machine.
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
    params.model_alias, params.api_keys = {"tiny"}, keys
    engine = xllamacpp.Server(params)
    try:
        done = cli("detect", "--port", engine.listening_address.rpartition(":")[2], "--limit", "5", "--json")
        [found] = json.loads(done.stdout)["found"]
        assert (found["backend"], found["wants_key"]) == ("llamacpp", bool(keys))
        assert found["models"] == (None if keys else ["tiny"])
        words = shlex.split(found["command"])[1:]
        if not keys:
            asked = cli(*words, "Say pong.", "--quiet")
            assert asked.returncode == 0, asked.stderr
            assert asked.stdout.strip()
    finally:
        del engine
        gc.collect()


def test_an_engine_on_another_machine_gets_leave_for_plain_http() -> None:
    from backbay.detecting import Found

    found = Found(
        backend="acme",
        label="Acme",
        base_url="http://far:1/v1",
        shown_by="",
        models=None,
        reference="acme:MODEL",
        arguments={"base_url": "http://far:1/v1", "allow_insecure_http": True},
    )
    said = "backbay chat acme:MODEL --base-url http://far:1/v1 --config allow_insecure_http=true"
    assert command(found) == said
    assert found.line == "backbay.connect('acme:MODEL', base_url='http://far:1/v1', allow_insecure_http=True)"
