"""Raw text goes to ``/api/generate`` with ``raw``, so that the model's template is left out."""

from __future__ import annotations

import json
from typing import Any

import pytest

import backbay
from backbay import Finish
from backbay.testing import Reply, ScriptedServer

DONE = {
    "model": "m",
    "created_at": "2026-08-17T15:57:12.772341Z",
    "response": " Paris.\n",
    "done": True,
    "done_reason": "stop",
    "context": [1, 2],
    "prompt_eval_count": 5,
    "eval_count": 3,
}
PROMPT = '"The capital"\r\n\tof France čćž is '
SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}}


def exchanged(answer: Any = DONE, prompt: str = PROMPT, **options: Any) -> tuple[dict[str, Any], backbay.Response]:
    """Return the body that a call sends, and the answer to it."""
    with ScriptedServer(Reply.json(answer)) as server:
        with backbay.connect_sync("ollama:m", base_url=server.url, retries=0) as backend:
            response = backend.complete_raw(prompt, **options)
        [request] = server.requests
    assert request.path == "/api/generate"
    body: dict[str, Any] = json.loads(request.body)
    return body, response


def test_the_text_is_sent_raw_and_as_it_is() -> None:
    body, answer = exchanged()
    assert body == {"model": "m", "prompt": PROMPT, "raw": True, "stream": False}
    assert (answer.text, answer.finish, answer.raw_finish, answer.model) == (" Paris.\n", Finish.STOP, "stop", "m")
    assert answer.usage is not None
    assert (answer.usage.input, answer.usage.output) == (5, 3)
    assert answer.raw == DONE


def test_options_go_where_the_server_looks_for_them() -> None:
    body, _ = exchanged(
        max_tokens=7, temperature=0.0, stop=["\n"], seed=0, extra={"options": {"num_ctx": 8192}, "keep_alive": "5m"}
    )
    assert body["options"] == {"temperature": 0.0, "num_predict": 7, "seed": 0, "stop": ["\n"], "num_ctx": 8192}
    assert body["keep_alive"] == "5m"


def test_a_form_of_the_answer_is_asked_for_by_name_or_by_schema() -> None:
    assert exchanged(response_format=SCHEMA)[0]["format"] == SCHEMA
    assert exchanged(response_format={"type": "json_object"})[0]["format"] == "json"


@pytest.mark.parametrize("field", ["prompt", "raw", "stream", "format", "model"])
def test_extra_cannot_say_what_is_written_already(field: str) -> None:
    with pytest.raises(backbay.OptionConflictError, match=field):
        exchanged(extra={field: False})


@pytest.mark.parametrize("said", [{}, {"response": ""}, {"response": None}])
def test_one_that_is_done_and_says_nothing_is_an_empty_answer(said: dict[str, Any]) -> None:
    """A model may end at once: that is no error, and its finish says why it ended."""
    answer = exchanged({"model": "m", "done": True, "done_reason": "length", **said})[1]
    assert (answer.text, answer.finish, answer.usage) == ("", Finish.LENGTH, None)


@pytest.mark.parametrize(
    "body", [{"model": "m", "response": "half", "done": False}, {"response": 5, "done": True}, {"unexpected": 1}, []]
)
def test_what_is_not_done_or_no_text_is_a_decode_error(body: object) -> None:
    with pytest.raises(backbay.DecodeError):
        exchanged(body)


def test_a_missing_model_is_named_with_what_to_pull() -> None:
    error = Reply.json({"error": "model 'm' not found"}, status=404)
    with ScriptedServer(error) as server, backbay.connect_sync("ollama:m", base_url=server.url) as backend:
        with pytest.raises(backbay.ModelNotFoundError) as caught:
            backend.complete_raw(PROMPT)
    assert "ollama pull m" in str(caught.value.hint)


@pytest.mark.parametrize("wire", ["openai_chat", "openai_responses", "anthropic_messages"])
def test_wires_that_cannot_leave_the_template_out_refuse_raw_text(wire: str) -> None:
    """The server's ``/v1/completions`` puts the text into the model's template."""
    with ScriptedServer(Reply.json(DONE)) as server:
        with backbay.connect_sync("ollama:m", base_url=f"{server.url}", wire=wire) as backend:
            with pytest.raises(backbay.UnsupportedError):
                backend.complete_raw(PROMPT)
        assert server.connections == 0


def test_recorded_answers_are_read_as_they_were_meant(load_exchanges: Any) -> None:
    from backbay.folding import fold
    from backbay_ollama import spec
    from backbay_ollama.codec import OllamaChat

    codec = OllamaChat(spec, {})
    recorded = [each for each in load_exchanges("ollama/api_generate/*/*.json") if each["expected"]["kind"] == "chat"]
    whole = [each for each in recorded if each["request"]["json"].get("stream") is False]
    assert len(whole) >= 3
    for exchange in whole:
        answer, expected = fold(codec.decode_raw(exchange["response"]["bytes"]).events), exchange["expected"]
        assert answer.text == expected["text"], exchange["id"]
        assert answer.raw_finish == expected["finish_reason"], exchange["id"]
        assert answer.usage is not None
        assert (answer.usage.input, answer.usage.output) == (expected["usage"]["input"], expected["usage"]["output"])
