"""How the conformance suite asks this backend, and Ollama's own wire emulated.

Source: recorded traffic of Ollama 0.3 to 0.12 and of its cloud, and Ollama's API reference. It needs the extra
``conformance``; nothing in this package imports it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from backbay import Finish
from backbay.testing import Received
from backbay_conformance import BackendConformance
from backbay_conformance.scenarios import Answer, Call
from backbay_conformance.vendor import COUNTS, MODEL, Asked, Dialect, RawAsked, Turn, Vendor

from . import spec as _spec

CREATED = "2026-08-17T15:57:12.772341Z"

DIALECTS = (
    Dialect("cached", COUNTS - {"reasoning"}),
    Dialect("totals", frozenset({"input", "output"})),
    Dialect("absent", frozenset()),
)
"""How servers tell of usage in the last line: today with what came from the cache, before without it; some not at all
(recorded)."""


class OllamaVendor(Vendor):
    """Answers as Ollama does: a line for each piece, whole calls, ``"stop"`` beside them too, no id of the answer."""

    wire = "ollama_chat"
    extra = ("keep_alive", "5m")
    owned = "messages"
    image_urls = False
    names_answer = False
    finishes = frozenset({Finish.STOP, Finish.LENGTH, Finish.TOOL_CALLS})
    tells = COUNTS - {"reasoning"}
    dialects = DIALECTS

    @property
    def stream_type(self) -> str:
        """Content type of a streamed body."""
        return "application/x-ndjson"

    def whole(self, answer: Answer) -> bytes:
        """Return the answer as one object."""
        message: dict[str, Any] = {"role": "assistant", "content": "".join(_said(answer))}
        if answer.thinking:
            message["thinking"] = "".join(answer.thinking)
        if answer.calls:
            message["tool_calls"] = [_call(call, index) for index, call in enumerate(answer.calls)]
        return _json({**_line(message, done=True), **_end(answer)})

    def stream(self, answer: Answer) -> Sequence[bytes]:
        """Return the lines of the answer; the last one says how it ended."""
        lines = [_line(message) for message in _messages(answer)]
        lines.append({**_line({"role": "assistant", "content": ""}, done=True), **_end(answer)})
        return [_json(line) + b"\n" for line in lines]

    def error(self, status: int, message: str) -> bytes:
        """Return ``{"error": "words"}``."""
        return _json({"error": message})

    def error_event(self, message: str) -> bytes:
        """Return the line of an error."""
        return _json({"error": message}) + b"\n"

    def models(self, ids: Sequence[str]) -> bytes:
        """Return the models that were pulled."""
        details = {"format": "gguf", "family": "llama", "parameter_size": "3.2B", "quantization_level": "Q4_K_M"}
        return _json(
            {"models": [{"name": name, "model": name, "size": 2019393189, "details": details} for name in ids]}
        )

    def embeddings(self, vectors: Sequence[Sequence[float]]) -> bytes:
        """Return vectors, in the order of the inputs."""
        return _json({"model": MODEL, "embeddings": [list(vector) for vector in vectors], "prompt_eval_count": 4})

    def read(self, request: Received) -> Asked:
        """Return what a request asked."""
        if request.method != "POST" or not request.path.endswith("/api/chat"):
            raise ValueError(f"{request.method} {request.path} is no chat")
        body = request.json
        options = body.get("options", {})
        form = body.get("format")
        return Asked(
            model=body.get("model"),
            stream=body.get("stream", True),
            turns=tuple(_turns(body["messages"])),
            tools=tuple(tool["function"]["name"] for tool in body.get("tools", ())),
            temperature=options.get("temperature"),
            top_p=options.get("top_p"),
            max_tokens=options.get("num_predict"),
            stop=tuple(options.get("stop", ())),
            seed=options.get("seed"),
            schema=form if isinstance(form, dict) else None,
            body=body,
        )

    def raw(self, answer: Answer) -> bytes:
        """Return what follows a text."""
        return _json(
            {"model": MODEL, "created_at": CREATED, "response": "".join(answer.text), "done": True} | _end(answer)
        )

    def read_raw(self, request: Received) -> RawAsked:
        """Return what a request to continue a text asked."""
        if request.method != "POST" or not request.path.endswith("/api/generate"):
            raise ValueError(f"{request.method} {request.path} continues no text")
        body = request.json
        if body.get("raw") is not True or body.get("stream") is not False:
            raise ValueError("it asks for the model's template, or for a stream")
        options, form = body.get("options", {}), body.get("format")
        return RawAsked(
            model=body.get("model"),
            prompt=body.get("prompt"),
            temperature=options.get("temperature"),
            top_p=options.get("top_p"),
            max_tokens=options.get("num_predict"),
            stop=tuple(options.get("stop", ())),
            seed=options.get("seed"),
            schema=form if isinstance(form, dict) else None,
            body=body,
        )


class Conformance(BackendConformance):
    """Every law, on Ollama's own wire."""

    spec = _spec
    vendor = OllamaVendor


class ChatConformance(BackendConformance):
    """Every law, on the chat-completions wire."""

    spec = _spec.on_wire("openai_chat")


class ResponsesConformance(BackendConformance):
    """Every law, on the responses wire."""

    spec = _spec.on_wire("openai_responses")


class MessagesConformance(BackendConformance):
    """Every law, on the messages wire."""

    spec = _spec.on_wire("anthropic_messages")


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


def _line(message: Mapping[str, Any], *, done: bool = False) -> dict[str, Any]:
    return {"model": MODEL, "created_at": CREATED, "message": message, "done": done}


def _said(answer: Answer) -> tuple[str, ...]:
    # A model that refuses does so in its text.
    return answer.text + answer.refusal


def _messages(answer: Answer) -> Iterator[dict[str, Any]]:
    for piece in answer.thinking:
        yield {"role": "assistant", "content": "", "thinking": piece}
    for piece in _said(answer):
        yield {"role": "assistant", "content": piece}
    for index, call in enumerate(answer.calls):
        yield {"role": "assistant", "content": "", "tool_calls": [_call(call, index)]}


def _call(call: Call, index: int) -> dict[str, Any]:
    """Return a call. The first number is left out, as older versions do; ids they had none."""
    try:
        arguments = json.loads(call.raw or "{}")
    except ValueError:
        # The server itself gives objects only; this is what another in its place would send.
        arguments = call.raw
    number = {"index": index} if index else {}
    return {"id": call.id, "function": {**number, "name": call.name, "arguments": arguments}}


def _end(answer: Answer) -> dict[str, Any]:
    """Return the fields that end an answer; nanoseconds, and the token counts of its dialect."""
    end = {"done_reason": "length" if answer.finish is Finish.LENGTH else "stop", "total_duration": 1006884459}
    if answer.usage is None or answer.dialect == "absent":
        return end
    end |= {"prompt_eval_count": answer.usage[0], "prompt_eval_duration": 80000000}
    if answer.cached is not None and answer.dialect != "totals":
        end["prompt_eval_cached_count"] = answer.cached
    return {**end, "eval_count": answer.usage[1], "eval_duration": 902000000}


def _turns(messages: Sequence[Mapping[str, Any]]) -> Iterator[Turn]:
    """Yield the turns. Messages of one user are one turn where one has images, as the server's templates join them."""
    waiting: list[Mapping[str, Any]] = []
    for message in messages:
        if waiting and not _goes_on(waiting, message):
            yield _turn(waiting)
            waiting = []
        waiting.append(message)
    yield _turn(waiting)


def _goes_on(waiting: Sequence[Mapping[str, Any]], message: Mapping[str, Any]) -> bool:
    pictured = any(each.get("images") for each in (*waiting, message))
    return pictured and waiting[-1]["role"] == message["role"] == "user"


def _turn(messages: Sequence[Mapping[str, Any]]) -> Turn:
    first = messages[0]
    calls = [(call.get("id", ""), call["function"]) for call in first.get("tool_calls", ())]
    return Turn(
        role=first["role"],
        text="".join(message["content"] for message in messages),
        images=sum(len(message.get("images", ())) for message in messages),
        calls=tuple((call_id, call["name"], call["arguments"]) for call_id, call in calls),
        answers=first.get("tool_call_id"),
        thinking=first.get("thinking"),
    )
