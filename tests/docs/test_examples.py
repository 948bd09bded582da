"""The examples run, as their first lines say, with the model in the process; the services on real sockets."""

from __future__ import annotations

import contextlib
import http.client
import json
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parents[2] / "docs" / "examples"


def _run(name, environment, *arguments, said=""):
    command = [sys.executable, str(EXAMPLES / name), *arguments]
    ended = subprocess.run(command, env=environment, input=said, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def test_every_program_has_a_test_and_a_line_on_the_page():
    programs = {path.name for path in EXAMPLES.iterdir() if path.suffix in {".py", ".ipynb"}}
    page = (EXAMPLES / "index.md").read_text(encoding="utf-8")
    tests = Path(__file__).read_text(encoding="utf-8")
    assert programs == set(re.findall(r"\]\(([\w.]+)\)", page))
    assert {name for name in programs if name.removesuffix(".py") not in tests} == set()


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.name)
def test_a_program_says_how_it_is_run(path):
    head = path.read_text(encoding="utf-8").split('"""')[1]
    assert "    pip install backbay" in head
    assert re.search(rf"^    .*{path.stem}", head, re.MULTILINE)
    assert path.read_text(encoding="utf-8").count("\n") < 100


def test_the_chat_streams_and_remembers(bare_environment):
    shown = _run("chat.py", bare_environment, said="Hello, my name is Anna.\nWhat is my name?\n\n")
    assert re.search(r"> .*Anna.*\n> .*Anna.*\n> ", shown)


def test_the_chat_goes_on_after_an_answer_that_failed(bare_environment):
    command = [sys.executable, str(EXAMPLES / "chat.py"), "openai:gpt-5.4"]
    environment = bare_environment | {"OPENAI_API_KEY": "made-up", "OPENAI_BASE_URL": "http://127.0.0.1:9/v1"}
    ended = subprocess.run(command, env=environment, input="Hello\n\n", capture_output=True, text=True, timeout=60)
    assert ended.returncode == 0, ended.stderr
    assert "Connect" in ended.stderr or "connect" in ended.stderr


def test_the_extraction_gives_objects(bare_environment):
    shown = _run("extract.py", bare_environment).splitlines()
    assert [line.split()[0] for line in shown] == ["name='Anna'", "name='Ben'", "name='Clara'"]
    assert all(re.fullmatch(r"name='\w+' age=\d+", line) for line in shown)


def test_the_tool_loop_calls_the_function_and_answers_with_what_came_of_it(bare_environment):
    called, answered = _run("tools.py", bare_environment).splitlines()
    assert called == '[get_weather({"city": "Paris"}) -> sunny, 21 degrees]'
    assert "sunny" in answered


def test_switching_asks_every_model_and_says_what_failed(bare_environment):
    first, second, third = _run(
        "switch.py", bare_environment, "local:tiny", "opnai:gpt-5.4", "openai:gpt-5.4"
    ).splitlines()
    assert "Paris" in first
    assert "UnknownBackendError" in second
    assert "MissingCredentialError" in third


def test_the_fallback_answers_from_the_second_backend(bare_environment):
    shown = _run("fallback.py", bare_environment)
    assert shown.rstrip().endswith("[served by local, 2 attempts]")


@pytest.mark.parametrize(
    ("command", "ready"),
    [
        (["uvicorn", "fastapi_app:app", "--port", "0"], r"running on http://127\.0\.0\.1:(\d+)"),
        (["flask", "--app", "flask_app", "run", "--port", "0"], r"Running on http://127\.0\.0\.1:(\d+)"),
    ],
    ids=["fastapi_app", "flask_app"],
)
def test_a_service_answers_streams_and_refuses(command, ready, bare_environment, tmp_path):
    with _served(command, ready, bare_environment, tmp_path / "log.txt") as port:
        status, body = _post(port, "/answer", {"prompt": "What is the capital of France?"})
        assert status == 200
        assert "Paris" in json.loads(body)["text"]
        assert json.loads(body)["finish"] == "stop"
        status, body = _post(port, "/stream", {"prompt": "Tell me a story about a fox."})
        assert status == 200
        if command[0] == "uvicorn":
            names = re.findall(rb"^event: (\w+)$", body, re.MULTILINE)
            assert names[-1] == b"done"
            assert names.count(b"text") > 5
        else:
            assert b"fox" in body
        assert _post(port, "/answer", {"prompt": ""})[0] in (400, 422)


def test_a_client_that_leaves_a_streaming_service_does_no_harm(bare_environment, tmp_path):
    command, ready = ["uvicorn", "fastapi_app:app", "--port", "0"], r"running on http://127\.0\.0\.1:(\d+)"
    with _served(command, ready, bare_environment, tmp_path / "log.txt") as port:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        with contextlib.closing(connection):
            connection.request("POST", "/stream", *_question({"prompt": "Tell me a story about a fox."}))
            with connection.getresponse() as response:
                assert response.readline() == b"event: text\n"
        assert _post(port, "/answer", {"prompt": "What can you do?"})[0] == 200
    assert "Traceback" not in (tmp_path / "log.txt").read_text(encoding="utf-8")


def test_the_cells_of_the_notebook_run(bare_environment, tmp_path):
    code = f"""
import nbformat, nbclient, json
notebook = nbformat.read({str(EXAMPLES / "notebook.ipynb")!r}, as_version=4)
nbclient.NotebookClient(notebook, timeout=60, kernel_name="python3").execute()
outputs = [[output.get("text") or output["data"]["text/plain"] for output in cell.get("outputs", [])]
           for cell in notebook.cells if cell.cell_type == "code"]
print(json.dumps(outputs))
"""
    environment = {name: value for name, value in bare_environment.items() if name != "PYTHONWARNINGS"}
    places = {"IPYTHONDIR": "ipython", "JUPYTER_RUNTIME_DIR": "runtime", "JUPYTER_PLATFORM_DIRS": "1"}
    environment |= {name: str(tmp_path / value) if value != "1" else value for name, value in places.items()}
    ended = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=120, cwd=tmp_path
    )
    assert ended.returncode == 0, ended.stderr
    outputs = json.loads(ended.stdout.splitlines()[-1])
    asked, streamed, parsed, sums, closed = ("".join(cell) for cell in outputs)
    assert "I can answer" in asked
    assert streamed.endswith("'stop'>")
    assert parsed == "Person(name='Anna', age=34)"
    assert sums.count("=") == 4
    assert closed == ""


def test_the_notebook_is_kept_without_outputs():
    cells = json.loads((EXAMPLES / "notebook.ipynb").read_text(encoding="utf-8"))["cells"]
    assert [cell for cell in cells if cell.get("outputs") or cell.get("execution_count")] == []


@contextlib.contextmanager
def _served(command, ready, environment, log):
    """Start a service, and give its port once it says that it serves."""
    environment = {name: value for name, value in environment.items() if name != "PYTHONWARNINGS"}
    with (
        log.open("wb") as output,
        subprocess.Popen(
            [sys.executable, "-m", *command],
            cwd=EXAMPLES,
            env=environment | {"PYTHONDONTWRITEBYTECODE": "1"},
            stdout=output,
            stderr=subprocess.STDOUT,
        ) as service,
    ):
        try:
            yield _port(ready, log, service)
        finally:
            service.terminate()


def _port(ready, log, service):
    end = time.monotonic() + 45
    while time.monotonic() < end and service.poll() is None:
        if match := re.search(ready, log.read_text(encoding="utf-8", errors="replace")):
            return int(match[1])
        time.sleep(0.05)
    pytest.fail(f"the service does not start: {log.read_text(encoding='utf-8', errors='replace')}")


def _question(body):
    return json.dumps(body).encode(), {"content-type": "application/json"}


def _post(port, path, body):
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30)) as connection:
        connection.request("POST", path, *_question(body))
        with connection.getresponse() as response:
            return response.status, response.read()
