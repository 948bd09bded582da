"""The responses wire, emulated.

Source: OpenAI's API reference (Create a model response, Streaming events), and recorded traffic of OpenAI, Azure,
ChatGPT, OpenRouter, llama.cpp and mistral.rs.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from backbay import Finish
from backbay.testing import Received, sse

from ..scenarios import Answer, Call
from ..vendor import ANSWER_ID, COUNTS, MODEL, Asked, Dialect, Turn, Vendor
from .completions import CompletionsVendor
from .openai_batches import OpenAIBatchDesk

REASONS = {Finish.LENGTH: "max_output_tokens", Finish.CONTENT_FILTER: "content_filter"}
"""Why an answer is incomplete; every other is complete, whatever else it is."""

DIALECTS = (
    Dialect("details"),
    Dialect("without_reasoning", COUNTS - {"reasoning"}),
    Dialect("totals_only", frozenset({"input", "output"})),
    Dialect("null", frozenset()),
)
"""How servers of this wire tell of usage, with the last event (recorded): OpenAI with details, llama.cpp without those
of the output, mistral.rs without any. OpenAI documents that it may be ``null``."""

_TELLS = {dialect.name: dialect.tells for dialect in DIALECTS}


class OpenAIResponsesVendor(CompletionsVendor, Vendor):
    """Answers as OpenAI does: items begin, grow and end, and the last event has all of them once more."""

    wire = "openai_responses"
    refuses_in_a_field = True
    owned = "max_output_tokens"
    resends_thinking = True
    dialects = DIALECTS

    def whole(self, answer: Answer) -> bytes:
        """Return a ``response``."""
        return _json(_response(answer, [item for item, _ in _items(answer)]))

    def stream(self, answer: Answer) -> Sequence[bytes]:
        """Return the events of the answer; there is no ``[DONE]``."""
        begun = {**_head([]), "status": "in_progress", "usage": None}
        events: list[dict[str, Any]] = [
            {"type": "response.created", "response": begun},
            {"type": "response.in_progress", "response": begun},
        ]
        items = list(_items(answer))
        for number, (item, inner) in enumerate(items):
            events.append({"type": "response.output_item.added", "output_index": number, "item": _emptied(item)})
            events += [{**event, "item_id": item["id"], "output_index": number} for event in inner]
            events.append({"type": "response.output_item.done", "output_index": number, "item": item})
        response = _response(answer, [item for item, _ in items])
        events.append({"type": f"response.{response['status']}", "response": response})
        return [
            b"event: %b\n%b" % (event["type"].encode(), sse({**event, "sequence_number": number}))
            for number, event in enumerate(events)
        ]

    def error(self, status: int, message: str) -> bytes:
        """Return ``{"error": {...}}``."""
        return _json({"error": {"message": message, "type": "some_error", "param": None, "code": None}})

    def error_event(self, message: str) -> bytes:
        """Return an ``error`` event, whose words stand in the event itself."""
        event = {"type": "error", "code": "server_error", "message": message, "param": None, "sequence_number": 9}
        return b"event: error\n" + sse(event)

    def models(self, ids: Sequence[str]) -> bytes:
        """Return a ``list`` of models."""
        data = [{"id": model, "object": "model", "created": 1, "owned_by": "acme"} for model in ids]
        return _json({"object": "list", "data": data})

    def embeddings(self, vectors: Sequence[Sequence[float]]) -> bytes:
        """Return vectors, the last one first."""
        data = [{"object": "embedding", "index": number, "embedding": list(v)} for number, v in enumerate(vectors)]
        usage = {"prompt_tokens": 4, "total_tokens": 4}
        return _json({"object": "list", "data": data[::-1], "model": MODEL, "usage": usage})

    def batches(self) -> OpenAIBatchDesk:
        """Return what takes batches."""
        return OpenAIBatchDesk(self)

    def read(self, request: Received) -> Asked:
        """Return what a request asked."""
        if request.method != "POST" or not request.path.endswith("/responses"):
            raise ValueError(f"{request.method} {request.path} is no response")
        body = request.json
        for name in ("stop", "seed", "max_tokens", "messages", "response_format"):
            if name in body:
                raise ValueError(f"Unknown parameter: '{name}'")
        form = (body.get("text") or {}).get("format") or {}
        return Asked(
            model=body.get("model"),
            stream=body.get("stream") is True,
            turns=tuple(_turns(body)),
            tools=tuple(tool["name"] for tool in body.get("tools", ()) if tool["type"] == "function"),
            tool_choice=_choice(body.get("tool_choice")),
            temperature=body.get("temperature"),
            top_p=body.get("top_p"),
            max_tokens=body.get("max_output_tokens"),
            schema=form.get("schema"),
            body=body,
        )


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


def _head(output: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    head = {"id": ANSWER_ID, "object": "response", "created_at": 1, "model": MODEL, "error": None}
    return {**head, "incomplete_details": None, "output": output}


def _response(answer: Answer, items: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    # A refusal is an answer like any other (recorded).
    reason = None if answer.refusal else REASONS.get(answer.finish)
    end = {"incomplete_details": None if reason is None else {"reason": reason}}
    return {**_head(items), **end, "status": "incomplete" if reason else "completed", "usage": _usage(answer)}


def _usage(answer: Answer) -> dict[str, Any] | None:
    tells = _TELLS.get(answer.dialect or "details", COUNTS)
    if answer.usage is None or not tells:
        return None
    given, made = answer.usage
    usage: dict[str, Any] = {"input_tokens": given, "output_tokens": made, "total_tokens": given + made}
    if "cached" in tells and answer.cached is not None:
        usage["input_tokens_details"] = {"cached_tokens": answer.cached}
    if "reasoning" in tells and answer.reasoning is not None:
        usage["output_tokens_details"] = {"reasoning_tokens": answer.reasoning}
    return usage


def _items(answer: Answer) -> Iterator[tuple[dict[str, Any], list[dict[str, Any]]]]:
    """Yield each item as it is whole, and the events between its first and its last."""
    if answer.thinking or answer.signature:
        yield _thought(answer)
    if answer.text or answer.refusal or not answer.calls:
        yield _message(answer)
    for number, call in enumerate(answer.calls):
        yield _call(call, number)


def _thought(answer: Answer) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    part = {"type": "summary_text", "text": "".join(answer.thinking)}
    item: dict[str, Any] = {
        "id": "rs_1",
        "type": "reasoning",
        "content": [],
        "summary": [part] if answer.thinking else [],
    }
    if answer.signature:
        item["encrypted_content"] = answer.signature
    if not answer.thinking:
        return item, []
    return item, _grown("reasoning_summary_text", answer.thinking, {"summary_index": 0}, "text")


def _message(answer: Answer) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    at = {"content_index": 0}
    part: dict[str, Any]
    if answer.refusal:
        part = {"type": "refusal", "refusal": "".join(answer.refusal)}
        inner = _grown("refusal", answer.refusal, at, "refusal")
    else:
        part = {"type": "output_text", "annotations": [], "logprobs": [], "text": "".join(answer.text)}
        inner = _grown("output_text", answer.text, at, "text")
    begun = {"type": "response.content_part.added", **at, "part": {**part, part["type"].removeprefix("output_"): ""}}
    ended = {"type": "response.content_part.done", **at, "part": part}
    item = {"id": "msg_1", "type": "message", "status": "completed", "role": "assistant", "content": [part]}
    return item, [begun, *inner, ended]


def _call(call: Call, number: int) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    item = {"id": f"fc_{number}", "type": "function_call", "status": "completed", "arguments": call.raw}
    inner = _grown("function_call_arguments", call.arguments, {}, "arguments")
    return {**item, "call_id": call.id, "name": call.name}, inner


def _grown(what: str, pieces: Sequence[str], at: Mapping[str, Any], field: str) -> list[dict[str, Any]]:
    """Return the events in which a string comes, the last with all of it."""
    deltas = [{"type": f"response.{what}.delta", **at, "delta": piece, "obfuscation": "x"} for piece in pieces]
    return [*deltas, {"type": f"response.{what}.done", **at, field: "".join(pieces)}]


def _emptied(item: Mapping[str, Any]) -> dict[str, Any]:
    empty: dict[str, Any] = {"content": [], "summary": [], "arguments": "", "status": "in_progress"}
    return {name: empty.get(name, value) for name, value in item.items() if name != "encrypted_content"}


def _turns(body: Mapping[str, Any]) -> Iterator[Turn]:
    """Yield the turns; the items that one answer had are one turn again."""
    answered: list[Mapping[str, Any]] = []
    called: set[str] = set()
    for item in body["input"]:
        if item.get("type") in ("reasoning", "function_call") or item.get("role") == "assistant":
            answered.append(item)
            called |= {item["call_id"]} if item.get("type") == "function_call" else set()
            continue
        yield from _assistant_turn(answered)
        answered = []
        if item.get("type") == "function_call_output":
            if item["call_id"] not in called:
                raise ValueError(f"No tool call found for function call output with call_id {item['call_id']}.")
            yield Turn(role="tool", text=_text(item["output"]), images=_images(item["output"]), answers=item["call_id"])
        else:
            yield Turn(role=item["role"], text=_text(item["content"]), images=_images(item["content"]))
    yield from _assistant_turn(answered)


def _assistant_turn(items: Sequence[Mapping[str, Any]]) -> Iterator[Turn]:
    if not items:
        return
    thoughts = [item for item in items if item.get("type") == "reasoning"]
    for thought in thoughts:
        if not thought.get("encrypted_content"):
            raise ValueError(f"Item with id {thought['id']!r} not found. Items are not persisted.")
    calls = [item for item in items if item.get("type") == "function_call"]
    yield Turn(
        role="assistant",
        text="".join(_text(item["content"]) for item in items if item.get("role") == "assistant"),
        calls=tuple((call["call_id"], call["name"], json.loads(call["arguments"])) for call in calls),
        signatures=tuple(thought["encrypted_content"] for thought in thoughts),
        thinking="".join(part["text"] for thought in thoughts for part in thought["summary"]) if thoughts else None,
    )


def _text(content: str | Sequence[Mapping[str, Any]]) -> str:
    if isinstance(content, str):
        return content
    return "".join(part["text"] for part in content if part["type"] in ("input_text", "output_text"))


def _images(content: str | Sequence[Mapping[str, Any]]) -> int:
    return 0 if isinstance(content, str) else sum(part["type"] == "input_image" for part in content)


def _choice(value: object) -> str | None:
    if isinstance(value, dict):
        return str(value["name"])
    return None if value is None else str(value)
