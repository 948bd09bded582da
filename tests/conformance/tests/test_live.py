"""``backbay conform NAME --live``: the suite, where a server answers that nobody here wrote."""

from __future__ import annotations

import importlib.resources
import json
import os
import subprocess
import sys

import pytest

pytest.importorskip("backbay_cli")
pytest.importorskip("backbay_llamacpp")

KEY = "a-key-of-this-server"
SERVER = """
import sys, threading, xllamacpp
params = xllamacpp.CommonParams()
params.model.path, params.api_keys = sys.argv[1], [sys.argv[2]]
params.n_ctx, params.n_parallel = 2048, 2
params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
params.port, params.verbosity, params.warmup, params.ui = 0, 0, False, False
server = xllamacpp.Server(params)
print(server.listening_address, flush=True)
threading.Event().wait()
"""
USED = "an answer says what it used"


@pytest.fixture(scope="module")
def llama():
    """The address of llama.cpp's server, in a process of its own: laws about leaks count what this one has."""
    pytest.importorskip("xllamacpp")
    local = pytest.importorskip("backbay_local")
    model = importlib.resources.files(local).joinpath("models", "backbay-tiny-q8_0.gguf")
    command = [sys.executable, "-c", SERVER, str(model), KEY]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        yield f"{process.stdout.readline().strip()}/v1"
        process.terminate()


@pytest.fixture
def conform(tmp_path):
    """Run ``backbay conform ARGUMENTS`` in a process of its own."""

    def run(*arguments, **environment):
        kept = ("PATH", "LANG", "SYSTEMROOT", "TEMP", "TMP", "COVERAGE_PROCESS_START", "COVERAGE_PROCESS_CONFIG")
        own = {name: os.environ[name] for name in kept if name in os.environ}
        own |= {"HOME": str(tmp_path), "PYTHONUTF8": "1", **environment}
        command = [sys.executable, "-P", "-m", "backbay_cli", "conform", *arguments]
        return subprocess.run(command, capture_output=True, text=True, encoding="utf-8", env=own, cwd=tmp_path)

    return run


def test_a_server_that_runs_is_tried_with_the_key_of_the_environment(conform, llama):
    asked = ("llamacpp", "--live", "--base-url", llama, "--model", "tiny")
    done = conform(*asked, "--law", USED, LLAMACPP_API_KEY=KEY)
    assert (done.returncode, done.stderr) == (0, "")
    assert "1 of 1 laws kept, 0 broken" in done.stdout


def test_a_wrong_key_breaks_the_law_and_is_not_in_the_report(conform, llama, tmp_path):
    wrong = "a-wrong-key-altogether"
    asked = ("llamacpp", "--live", "--base-url", llama, "--model", wrong)
    done = conform(*asked, "--law", USED, "--report", "out.json", LLAMACPP_API_KEY=wrong)
    assert done.returncode == 1
    assert "AuthenticationError" in done.stdout
    written = (tmp_path / "out.json").read_text(encoding="utf-8")
    assert "[a key]" in written  # the model has the same name, so that the key would be in each message
    assert wrong not in written + done.stdout


def test_laws_about_bytes_are_not_there(conform, llama, tmp_path):
    asked = ("llamacpp", "--live", "--base-url", llama, "--model", "tiny")
    done = conform(*asked, "--law", "any split of the bytes", LLAMACPP_API_KEY=KEY)
    assert done.returncode == 2
    assert "no law has 'any split of the bytes' in its name" in " ".join(done.stderr.split())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["llamacpp", "--base-url", "http://127.0.0.1:9/v1"], "give --live as well"),
        (["llamacpp", "--live"], "must know which model to ask"),
        (["llamacpp", "--model", "tiny"], "give --live and --base-url as well"),
        (["local", "--live", "--model", "tiny"], "local runs in this process: there is no server to try"),
        (["openai-compatible", "--live", "--model", "x"], "has no address of its own. Give --base-url URL"),
        (["llamacpp", "--live", "--model", "x", "--verdict", "x.json"], "--verdict and --live"),
        (["llamacpp", "--live", "--model", "x", "--wire", "gemini"], "does not speak the wire 'gemini'"),
    ],
)
def test_what_cannot_work_is_said_with_exit_code_2(conform, arguments, said):
    if arguments[0] != "llamacpp":
        pytest.importorskip(f"backbay_{arguments[0].replace('-', '_')}")
    done = conform(*arguments)
    assert done.returncode == 2
    assert said in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr


def test_the_report_of_a_server_has_laws_and_capabilities(conform, llama):
    asked = ("llamacpp", "--live", "--base-url", llama, "--model", "tiny", "--law", "max tokens ends")
    found = json.loads(conform(*asked, "--json", LLAMACPP_API_KEY=KEY).stdout)
    [backend] = found["backends"]
    assert (found["verdict"], backend["name"]) == ("kept", "llamacpp")
    proven = {row["capability"] for row in backend["capabilities"] if row["verdict"] == "proven"}
    assert "max_tokens" in proven
