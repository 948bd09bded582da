"""One-shot chat against a vendor on a real loopback socket."""

from __future__ import annotations

import io
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from backbay.testing import ScriptedServer
from backbay_cli import main
from backbay_cli.safe_text import FORBIDDEN, safe

Run = Callable[..., subprocess.CompletedProcess[str]]


def lines_of(done: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_standard_output_has_the_answer_alone(cli: Run, acme: ScriptedServer) -> None:
    done = cli("chat", "acme:acme-1", "hi")
    assert (done.returncode, done.stdout) == (0, "Hello, world.\n")
    assert "Let me think." in done.stderr
    assert "12 tokens in, 34 out (8 thinking)" in done.stderr
    assert "tokens/s" in done.stderr
    assert "first after" in done.stderr


def test_thinking_and_footer_can_be_left_out(cli: Run, acme: ScriptedServer) -> None:
    done = cli("chat", "acme:acme-1", "hi", "--hide-thinking", "--quiet")
    assert (done.stdout, done.stderr) == ("Hello, world.\n", "")


def test_the_prompt_is_read_from_standard_input_where_none_is_given(cli: Run, acme: ScriptedServer) -> None:
    assert cli("chat", "acme:acme-1", "--system", "Be kind.", stdin="Grüße\nan alle\n").returncode == 0
    assert acme.requests[0].json["messages"] == [
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": "Grüße\nan alle"},
    ]


def test_every_option_reaches_the_vendor(cli: Run, acme: ScriptedServer, tmp_path: Path) -> None:
    tools, schema = tmp_path / "tools.json", tmp_path / "schema.json"
    tools.write_text(json.dumps([{"name": "weather", "description": "Tells it.", "parameters": {"type": "object"}}]))
    schema.write_text(json.dumps({"type": "object", "properties": {"city": {"type": "string"}}}))
    options = ["--temperature", "0", "--max-tokens", "9", "--seed", "7", "--stop", "a", "--stop", "b"]
    files = ["--tools", str(tools), "--schema", str(schema), "--image", "https://acme.example/dot.png"]
    done = cli("chat", "acme:acme-1", "hi", *options, *files, "--option", 'top_k={"a": [1]}')
    assert done.returncode == 0, done.stderr
    body = acme.requests[0].json
    assert (body["temperature"], body["seed"], body["stop"], body["top_k"]) == (0, 7, ["a", "b"], {"a": [1]})
    assert 9 in (body.get("max_tokens"), body.get("max_completion_tokens"))
    assert body["tools"][0]["function"]["name"] == "weather"
    assert body["response_format"]["json_schema"]["schema"]["properties"] == {"city": {"type": "string"}}
    assert [part["type"] for part in body["messages"][0]["content"]] == ["text", "image_url"]


def test_the_key_comes_from_the_named_variable(cli: Run, acme: ScriptedServer) -> None:
    """A15: the address that is given wins over the environment's."""
    env = {"OTHER_KEY": "sk-other", "ACME_API_KEY": "sk-own", "ACME_BASE_URL": "http://127.0.0.1:9/v1"}
    done = cli("chat", "acme:acme-1", "hi", "--api-key-env", "OTHER_KEY", "--base-url", acme.url + "/", env=env)
    assert done.returncode == 0, done.stderr
    assert acme.requests[0].headers["authorization"] == "Bearer sk-other"
    assert acme.requests[0].path == "/v1/chat/completions"


def test_what_a_model_says_is_made_harmless_however_it_is_cut(cli: Run, acme: ScriptedServer, rude_text: str) -> None:
    done = cli("chat", "acme:acme-1", "be rude")
    assert done.stdout == safe(rude_text) + "\n"
    assert "[bold]not markup[/bold]" in done.stdout
    assert not FORBIDDEN & set(done.stdout + done.stderr)


def test_json_lines_have_the_exact_text_and_no_control_character(
    cli: Run, acme: ScriptedServer, rude_text: str
) -> None:
    done = cli("chat", "acme:acme-1", "be rude", "--json")
    assert done.stdout.isascii()
    assert all(character.isprintable() or character == "\n" for character in done.stdout)
    assert lines_of(done)[-1]["response"]["text"] == rude_text


def test_tool_calls_are_shown_and_not_made(cli: Run, acme: ScriptedServer) -> None:
    done = cli("chat", "acme:acme-1", "the weather?")
    assert (done.returncode, done.stdout) == (0, "")
    assert 'tool call weather({"city": "Paris"})' in done.stderr
    assert len(acme.requests) == 1


def test_json_lines_are_the_events_and_then_the_response(cli: Run, acme: ScriptedServer) -> None:
    done = cli("chat", "acme:acme-1", "the weather?", "--json")
    lines = lines_of(done)
    kinds = [line["type"] for line in lines]
    assert kinds[0] == "started"
    assert kinds.count("tool_delta") >= 2
    assert kinds[-3:] in (["usage", "ended", "response"], ["ended", "usage", "response"])
    (call,) = lines[-1]["response"]["tool_calls"]
    assert (call["name"], call["arguments"], call["error"]) == ("weather", {"city": "Paris"}, None)
    assert lines[-1]["response"]["usage"]["output"] == 7
    assert lines[-1]["timing"]["total"] > 0
    assert done.stderr == ""


@pytest.mark.parametrize("extra", [(), ("--json",)])
def test_a_cut_answer_is_kept_and_has_its_own_exit_code(cli: Run, acme: ScriptedServer, extra: tuple[str, ...]) -> None:
    done = cli("chat", "acme:acme-1", "cut", *extra)
    assert done.returncode == 3
    if extra:
        last = lines_of(done)[-1]
        assert (last["type"], last["error"]["type"]) == ("error", "TruncatedError")
        assert last["response"]["text"] == last["error"]["partial"]["text"] == "half an ans"
    else:
        assert done.stdout == "half an ans\n"
        assert "TruncatedError" in done.stderr


def test_a_vendors_refusal_is_one_clear_message(cli: Run, acme: ScriptedServer) -> None:
    done = cli("chat", "acme:acme-1", "refuse")
    assert (done.returncode, done.stdout) == (1, "")
    assert "status 400" in done.stderr
    assert "code nope" in done.stderr
    assert "Traceback" not in done.stderr
    assert "\x1b" not in done.stderr


def test_a_traceback_comes_only_on_request_and_has_no_key(cli: Run, acme: ScriptedServer) -> None:
    env = {"ACME_API_KEY": "sk-verysecret"}
    for arguments, more in ((("--debug",), {}), ((), {"BACKBAY_DEBUG": "1"})):
        done = cli(*arguments, "chat", "acme:acme-1", "refuse", env={**env, **more})
        assert done.returncode == 1
        assert "Traceback (most recent call last)" in done.stderr
        assert "verysecret" not in done.stderr + done.stdout
    assert "Traceback" in cli("chat", "acme:acme-1", "refuse", "--debug").stderr


def test_a_limit_that_runs_out_ends_the_call(cli: Run, acme: ScriptedServer) -> None:
    """N10: before the first event, and between two of them, with what had come."""
    done = cli("chat", "acme:acme-1", "silence", "--limit-first-event", "0.3")
    assert done.returncode == 1
    assert "first_event" in done.stderr
    done = cli("chat", "acme:acme-1", "forever", "--limit-total", "0.5")
    assert done.returncode == 3
    assert done.stdout.startswith("word0 word1 ")
    assert acme.wait_for(lambda server: len(server.hangups) == 2)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("acme", "hi"), "no model"),
        (("acme:m", " "), "prompt is empty"),
        (("acme:m",), "prompt is empty"),
        (("acme:m", "hi", "--temperature", "-1"), "temperature"),
        (("acme:m", "hi", "--reasoning", "enormous"), "reasoning"),
        (("acme:m", "hi", "--limit-idle", "0"), "limits.idle"),
        (("acme:m", "hi", "--schema", "missing.json"), "missing.json cannot be read"),
        (("acme:m", "hi", "--tools", "missing.json"), "missing.json cannot be read"),
        (("acme:m", "hi", "--image", "missing.png"), "missing.png cannot be read"),
        (("acme:m", "hi", "--config", "api_key=x"), "--config cannot set api_key"),
        (("acme:m", "hi", "--config", "no_such=1"), "no_such"),
        (("acme:m", "hi", "--option", "model=x"), "model"),
        (("acme:m", "hi", "--wire", "no_such"), "no_such"),
        (("acme:m", "hi", "--api-key-env", "ACME_OTHER"), "ACME_OTHER is not set"),
        (("acmee:m", "hi"), "acme"),
        (("acme:m", "hi", "--max-tokens", "many"), "--max-tokens"),
        (("acme:m", "hi", "--no-such-option"), "--no-such-option"),
        ((), "NAME:MODEL"),
    ],
)
def test_bad_input_is_refused_before_anything_is_sent(
    here: ScriptedServer,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    said: str,
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO()))
    assert main(["chat", *arguments]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("error:")
    assert said in shown.err
    assert "Traceback" not in shown.err
    assert main(["chat", *arguments, "--json"]) == 2
    told = json.loads(capsys.readouterr().out)
    assert said in json.dumps(told["error"])
    assert told["error"]["exit_code"] == 2
    assert here.connections == 0


def test_a_closed_pipe_ends_the_answer_quietly(
    acme: ScriptedServer, command: list[str], environment: dict[str, str]
) -> None:
    with subprocess.Popen(
        [*command, "chat", "acme:acme-1", "forever"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.read(3) == b"wor"
        process.stdout.close()
        assert process.wait(10) == 1
        assert process.stderr.read() == b""
    assert acme.wait_for(lambda server: bool(server.hangups))


@pytest.mark.skipif(sys.platform == "win32", reason="signals are sent otherwise there")
class TestControlC:
    """Ctrl-C closes the connection, keeps what was said, and has its own exit code. N11: before the first byte too."""

    def interrupt(
        self, words: list[str], environment: dict[str, str], ready: Callable[[], bool]
    ) -> subprocess.CompletedProcess[str]:
        with subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
            encoding="utf-8",
        ) as process:
            end = time.monotonic() + 20
            while not ready() and process.poll() is None and time.monotonic() < end:
                time.sleep(0.02)
            time.sleep(0.4)
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=10)
        return subprocess.CompletedProcess(words, process.returncode, out, err)

    def test_while_it_streams(self, acme: ScriptedServer, command: list[str], environment: dict[str, str]) -> None:
        words = [*command, "chat", "acme:acme-1", "forever"]
        done = self.interrupt(words, environment, lambda: bool(acme.requests))
        assert done.returncode == 130
        assert done.stdout.startswith("word0 ")
        assert done.stdout.endswith(" \n")
        assert "interrupted; the answer is kept" in done.stderr
        assert "Traceback" not in done.stderr
        assert acme.wait_for(lambda server: bool(server.hangups))

    def test_with_json_the_partial_answer_is_the_last_line(
        self, acme: ScriptedServer, command: list[str], environment: dict[str, str]
    ) -> None:
        words = [*command, "chat", "acme:acme-1", "forever", "--json"]
        done = self.interrupt(words, environment, lambda: bool(acme.requests))
        assert done.returncode == 130
        lines = lines_of(done)
        said = "".join(line["delta"] for line in lines if line["type"] == "text")
        assert lines[-1]["type"] == "interrupted"
        assert lines[-1]["response"]["text"] == said
        assert said.startswith("word0 ")

    def test_before_the_first_byte(self, acme: ScriptedServer, command: list[str], environment: dict[str, str]) -> None:
        words = [*command, "chat", "acme:acme-1", "silence"]
        done = self.interrupt(words, environment, lambda: bool(acme.requests))
        assert (done.returncode, done.stdout) == (130, "")
        assert done.stderr.startswith("interrupted")
        assert acme.wait_for(lambda server: bool(server.hangups))
