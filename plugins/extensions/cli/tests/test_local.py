"""The main job: a real model in this process, found by its name."""

from __future__ import annotations

import importlib.util
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., subprocess.CompletedProcess[str]]

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("backbay_local") is None, reason="backbay-local is not installed beside backbay-cli"
)


def test_a_real_model_answers_a_prompt(cli: Run) -> None:
    done = cli("chat", "local:tiny", "What can you do?")
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.strip()) > 10
    assert "tokens in" in done.stderr
    assert "tokens/s" in done.stderr


def test_its_answer_in_json_is_the_text_that_streamed(cli: Run) -> None:
    done = cli("chat", "local:tiny", "--json", stdin="What is the capital of France?\n")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    said = "".join(line["delta"] for line in lines if line["type"] == "text")
    assert said
    assert lines[-1]["response"]["text"] == said
    assert lines[-1]["response"]["finish"] == "stop"
    assert lines[-1]["response"]["usage"]["output"] > 1


def test_a_schema_and_tools_hold(cli: Run, tmp_path: Path) -> None:
    schema, tools = tmp_path / "schema.json", tmp_path / "tools.json"
    city = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    schema.write_text(json.dumps({**city, "additionalProperties": False}))
    tools.write_text(json.dumps([{"name": "get_weather", "description": "The weather in a city.", "parameters": city}]))
    done = cli("chat", "local:tiny", "Name a city.", "--schema", str(schema), "--max-tokens", "200")
    assert isinstance(json.loads(done.stdout)["city"], str), done.stderr
    done = cli("chat", "local:tiny", "What is the weather in Paris?", "--tools", str(tools), "--max-tokens", "200")
    assert done.returncode == 0, done.stderr


def test_it_is_listed_healthy_and_sound(cli: Run) -> None:
    assert "tiny" in [model["id"] for model in json.loads(cli("models", "local", "--json").stdout)["models"]]
    (probe,) = json.loads(cli("health", "local:tiny", "--json").stdout)["backends"]
    assert probe["reachable"]
    found = json.loads(cli("doctor", "--json", "--limit", "30").stdout)
    (plugin,) = [item for item in found["plugins"] if item["name"] == "local"]
    assert (plugin["state"], plugin["reason"]) == ("ok", None)


@pytest.mark.skipif(sys.platform == "win32", reason="signals are sent otherwise there")
def test_ctrl_c_stops_a_long_generation(command: list[str], environment: dict[str, str]) -> None:
    words = [*command, "chat", "local:tiny", "Tell me a story.", "--max-tokens", "1500", "--option", "ignore_eos=true"]
    with subprocess.Popen(
        words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment
    ) as process:
        assert process.stdout is not None
        begun = process.stdout.read(1)
        process.send_signal(signal.SIGINT)
        start = time.monotonic()
        out, err = process.communicate(timeout=10)
    assert process.returncode == 130
    assert begun + out
    assert b"interrupted; the answer is kept" in err
    assert b"Traceback" not in err
    assert time.monotonic() - start < 3
