"""How the conformance suite asks this backend, and Cohere's wire emulated.

Source: recorded traffic of ``POST /v2/chat`` from 2024 to 2026, and Cohere's API reference. It needs the extra
``conformance``; nothing in this package imports it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from backbay import Finish
from backbay.testing import Received, sse
from backbay_conformance import BackendConformance
from backbay_conformance.scenarios import Answer, Call
from backbay_conformance.vendor import ANSWER_ID, COUNTS, Asked, Dialect, Turn, Vendor

from . import spec as _spec

WORDS = {Finish.LENGTH: "MAX_TOKENS", Finish.TOOL_CALLS: "TOOL_CALL"}

DIALECTS = (
    Dialect("reasoning"),
    Dialect("cached", COUNTS - {"reasoning"}),
    Dialect("tokens", frozenset({"input", "output"})),
    Dialect("billed", frozenset()),
)
"""How the API tells of usage, newest first (recorded): with reasoning, before with the cache only, at first of tokens
alone. The last has billed units only, which the reference allows."""


class CohereVendor(Vendor):
    """Answers as Cohere does: events with names, parts that begin, grow and end, ``[DONE]``, and no model."""

    wire = "cohere_v2"
    extra = ("safety_mode", "OFF")
    owned = "messages"
    names_model = False
    finishes = frozenset({Finish.STOP, Finish.LENGTH, Finish.TOOL_CALLS})
    dialects = DIALECTS

    @property
    def events_that_finish(self) -> int:
        """``message-end``, and ``[DONE]`` after it."""
        return 2

    def whole(self, answer: Answer) -> bytes:
        """Return an answer with its message."""
        content = [{"type": kind, kind: "".join(pieces)} for kind, pieces in _content(answer)]
        message: dict[str, Any] = {"role": "assistant", **({"content": content} if content else {})}
        if answer.calls:
            message |= {"tool_plan": "I will look.", "tool_calls": [_call(call, call.raw) for call in answer.calls]}
        return _json({"id": ANSWER_ID, "message": message, **_end(answer)})

    def stream(self, answer: Answer) -> Sequence[bytes]:
        """Return the events of the answer, and ``[DONE]``."""
        head = {"role": "assistant", "content": [], "tool_plan": "", "tool_calls": [], "citations": []}
        events = [{"id": ANSWER_ID, "type": "message-start", "delta": {"message": head}}, *_events(answer)]
        events.append({"type": "message-end", "delta": _end(answer)})
        return [*(_named(event) for event in events), sse("[DONE]")]

    def error(self, status: int, message: str) -> bytes:
        """Return ``{"id", "message"}``."""
        return _json({"id": "2d4609a6-d1f9-4cf4-8d09-af865409bdc2", "message": message})

    def error_event(self, message: str) -> bytes:
        """Return the end of an answer that failed."""
        delta = {"finish_reason": "ERROR", "usage": {}, "error": message, "error_type": "INVALID_TOOL_GENERATION"}
        return _named({"type": "message-end", "delta": delta})

    def models(self, ids: Sequence[str]) -> bytes:
        """Return a page of models, the last."""
        models = [{"name": name, "endpoints": ["chat"], "finetuned": False, "context_length": 288000} for name in ids]
        return _json({"models": models})

    def embeddings(self, vectors: Sequence[Sequence[float]]) -> bytes:
        """Return vectors by their type, in the order of the inputs."""
        meta = {"api_version": {"version": "2"}, "billed_units": {"input_tokens": 4}}
        floats = {"float": [list(vector) for vector in vectors]}
        return _json({"id": "e1", "embeddings": floats, "meta": meta, "response_type": "embeddings_by_type"})

    def read(self, request: Received) -> Asked:
        """Return what a request asked."""
        if request.method != "POST" or not request.path.endswith("/chat"):
            raise ValueError(f"{request.method} {request.path} is no chat")
        body = request.json
        tools = tuple(tool["function"]["name"] for tool in body.get("tools", ()))
        return Asked(
            model=body.get("model"),
            stream=body.get("stream") is True,
            turns=tuple(_turn(message) for message in body["messages"]),
            tools=tools,
            tool_choice=_choice(body.get("tool_choice"), tools),
            temperature=body.get("temperature"),
            top_p=body.get("p"),
            max_tokens=body.get("max_tokens"),
            stop=tuple(body.get("stop_sequences", ())),
            seed=body.get("seed"),
            schema=body.get("response_format", {}).get("json_schema"),
            body=body,
        )


class Conformance(BackendConformance):
    """Every law."""

    spec = _spec
    vendor = CohereVendor


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


def _named(event: Mapping[str, Any]) -> bytes:
    return b"event: %b\n%b" % (str(event["type"]).encode(), sse(event))


def _content(answer: Answer) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield the parts of an answer. A model that refuses does so in its text."""
    if answer.thinking:
        yield "thinking", answer.thinking
    if answer.text or answer.refusal:
        yield "text", answer.text + answer.refusal


def _events(answer: Answer) -> Iterator[dict[str, Any]]:
    for index, (kind, pieces) in enumerate(_content(answer)):
        yield _event("content-start", index, content={"type": kind, kind: ""})
        for piece in pieces:
            yield _event("content-delta", index, content={kind: piece})
        yield {"type": "content-end", "index": index}
    if answer.calls:
        for piece in ("I will ", "look."):
            yield {"type": "tool-plan-delta", "delta": {"message": {"tool_plan": piece}}}
    for index, call in enumerate(answer.calls):
        yield _event("tool-call-start", index, tool_calls=_call(call, ""))
        for fragment in call.arguments:
            yield _event("tool-call-delta", index, tool_calls={"function": {"arguments": fragment}})
        yield {"type": "tool-call-end", "index": index}


def _event(kind: str, index: int, **message: object) -> dict[str, Any]:
    return {"type": kind, "index": index, "delta": {"message": message}}


def _call(call: Call, arguments: str) -> dict[str, Any]:
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": arguments}}


def _end(answer: Answer) -> dict[str, Any]:
    return {"finish_reason": WORDS.get(answer.finish, "COMPLETE"), "usage": _usage(answer)}


def _usage(answer: Answer) -> dict[str, Any]:
    """Return what the answer's dialect tells of usage; billed units are always fewer than tokens."""
    if answer.usage is None:
        return {}
    usage: dict[str, Any] = {"billed_units": {"input_tokens": 1, "output_tokens": 1}}
    if answer.dialect == "billed":
        return usage
    usage["tokens"] = {"input_tokens": answer.usage[0], "output_tokens": answer.usage[1]}
    if answer.reasoning is not None and answer.dialect in (None, "reasoning"):
        usage["tokens"]["reasoning_tokens"] = answer.reasoning
    if answer.cached is not None and answer.dialect != "tokens":
        usage["cached_tokens"] = answer.cached
    return usage


def _turn(message: Mapping[str, Any]) -> Turn:
    content = message.get("content") or ""
    parts = [{"type": "text", "text": content}] if isinstance(content, str) else content
    thoughts = [part["thinking"] for part in parts if part["type"] == "thinking"]
    calls = [(call["id"], call["function"]) for call in message.get("tool_calls", ())]
    return Turn(
        role=message["role"],
        text="".join(part["text"] for part in parts if part["type"] == "text"),
        images=sum(part["type"] == "image_url" for part in parts),
        calls=tuple((call_id, call["name"], json.loads(call["arguments"])) for call_id, call in calls),
        answers=message.get("tool_call_id"),
        thinking="".join(thoughts) if thoughts else None,
    )


def _choice(word: str | None, tools: tuple[str, ...]) -> str | None:
    """Return the choice of a tool. With one tool alone, to call one is to call that one."""
    if word == "REQUIRED" and len(tools) == 1:
        return tools[0]
    return None if word is None else word.lower()
