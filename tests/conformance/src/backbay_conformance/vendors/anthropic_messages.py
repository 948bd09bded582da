"""The messages wire, emulated.

Source: Anthropic's API reference (Create a Message, Streaming messages, List Models), and recorded traffic of
Anthropic, Vertex, Azure and OpenRouter.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from backbay import Finish
from backbay.testing import Received, sse

from ..scenarios import Answer, Call
from ..vendor import ANSWER_ID, COUNTS, MODEL, Asked, Dialect, Turn, Vendor
from .anthropic_batches import AnthropicBatchDesk

WORDS = {
    Finish.STOP: "end_turn",
    Finish.LENGTH: "max_tokens",
    Finish.TOOL_CALLS: "tool_use",
    Finish.CONTENT_FILTER: "refusal",
}

DIALECTS = (
    Dialect("repeated"),
    Dialect("output_at_the_end"),
    Dialect("without_details", COUNTS - {"reasoning"}),
    Dialect("without_cache", frozenset({"input", "output"})),
)
"""How servers of this wire tell of usage in a stream (recorded). Anthropic repeats at the end all that it told at the
beginning; older streams tell only of the output there. Older answers have no details of thinking, the oldest none of
the cache either."""

UNSAID = 4096
"""What the wire's codec sends as ``max_tokens`` where nobody says: the wire wants a number."""

_TELLS = {dialect.name: dialect.tells for dialect in DIALECTS}


class AnthropicMessagesVendor(Vendor):
    """Answers as Anthropic does: each block begins, grows and ends, a ping comes between, and thinking is signed."""

    wire = "anthropic_messages"
    refuses_in_a_field = True
    owned = "max_tokens"
    resends_thinking = True
    system_turns = "joined"
    dialects = DIALECTS

    @property
    def events_that_finish(self) -> int:
        """The stop reason is one; ``message_stop`` follows it."""
        return 2

    def whole(self, answer: Answer) -> bytes:
        """Return a ``message``."""
        content = [block for block, _ in _blocks(answer)]
        usage = _usage(answer)
        return _json({**_head(content), **self._end(answer), **({} if usage is None else {"usage": usage})})

    def stream(self, answer: Answer) -> Sequence[bytes]:
        """Return the events of the answer, up to ``message_stop``."""
        first, last = _usage_in_stream(answer)
        begun = {**_head([]), "stop_reason": None, "stop_sequence": None, **first}
        events: list[dict[str, Any]] = [{"type": "message_start", "message": begun}, {"type": "ping"}]
        for index, (block, deltas) in enumerate(_blocks(answer)):
            events.append({"type": "content_block_start", "index": index, "content_block": _emptied(block)})
            events += [{"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas]
            events.append({"type": "content_block_stop", "index": index})
        events.append({"type": "message_delta", "delta": self._end(answer), **last})
        events.append({"type": "message_stop"})
        return [b"event: %b\n%b" % (event["type"].encode(), sse(event)) for event in events]

    def _end(self, answer: Answer) -> dict[str, Any]:
        end: dict[str, Any] = {"stop_reason": WORDS[answer.finish], "stop_sequence": None, "stop_details": None}
        if answer.refusal:
            end["stop_details"] = {"type": "refusal", "category": None, "explanation": "".join(answer.refusal)}
        return end

    def error(self, status: int, message: str) -> bytes:
        """Return ``{"type": "error", ...}``."""
        return _json({"type": "error", "error": {"type": "some_error", "message": message}, "request_id": "req_1"})

    def error_event(self, message: str) -> bytes:
        """Return an ``error`` event."""
        return b"event: error\n" + sse({"type": "error", "error": {"type": "api_error", "message": message}})

    def models(self, ids: Sequence[str]) -> bytes:
        """Return the one page of a list."""
        data = [
            {"type": "model", "id": model, "display_name": model, "created_at": "2026-01-01T00:00:00Z"} for model in ids
        ]
        ends = {"first_id": ids[0], "last_id": ids[-1]} if ids else {"first_id": None, "last_id": None}
        return _json({"data": data, "has_more": False, **ends})

    def embeddings(self, vectors: Sequence[Sequence[float]]) -> bytes:
        """Return the error for what is not there: this wire has no embeddings."""
        return _json({"type": "error", "error": {"type": "not_found_error", "message": "Not found"}})

    def batches(self) -> AnthropicBatchDesk:
        """Return what takes batches."""
        return AnthropicBatchDesk(self)

    def read(self, request: Received) -> Asked:
        """Return what a request asked."""
        if request.method != "POST" or not request.path.endswith("/messages"):
            raise ValueError(f"{request.method} {request.path} is no message")
        body = request.json
        if not isinstance(body.get("max_tokens"), int):
            raise ValueError("max_tokens: Field required")
        if request.headers.get("anthropic-version") not in ("2023-06-01", "2026-10-21"):
            raise ValueError("anthropic-version: header is required")
        form = (body.get("output_config") or {}).get("format") or {}
        return Asked(
            model=body.get("model"),
            stream=body.get("stream") is True,
            turns=tuple(_turns(body)),
            tools=tuple(tool["name"] for tool in body.get("tools", ())),
            tool_choice=_choice(body.get("tool_choice")),
            temperature=body.get("temperature"),
            top_p=body.get("top_p"),
            max_tokens=None if body["max_tokens"] == UNSAID else body["max_tokens"],
            stop=tuple(body.get("stop_sequences") or ()),
            schema=form.get("schema"),
            body=body,
        )


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


def _head(content: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {"model": MODEL, "id": ANSWER_ID, "type": "message", "role": "assistant", "content": content}


def _blocks(answer: Answer) -> Iterator[tuple[dict[str, Any], list[dict[str, Any]]]]:
    """Yield each block of an answer as it is whole, and the deltas in which it comes."""
    if answer.thinking or answer.signature:
        signature = answer.signature or ""
        deltas = [{"type": "thinking_delta", "thinking": piece} for piece in answer.thinking]
        deltas += [{"type": "signature_delta", "signature": signature}] if signature else []
        yield {"type": "thinking", "thinking": "".join(answer.thinking), "signature": signature}, deltas
    if answer.text:
        block = {"type": "text", "text": "".join(answer.text)}
        yield block, [{"type": "text_delta", "text": piece} for piece in answer.text]
    for call in answer.calls:
        yield _tool_use(call), [{"type": "input_json_delta", "partial_json": piece} for piece in call.arguments]


def _tool_use(call: Call) -> dict[str, Any]:
    try:
        arguments = json.loads(call.raw or "{}")
    except ValueError:
        # Cut off by max_tokens, and here with all that came, as a string.
        arguments = call.raw
    return {"type": "tool_use", "id": call.id, "name": call.name, "input": arguments, "caller": {"type": "direct"}}


def _emptied(block: Mapping[str, Any]) -> dict[str, Any]:
    """Return a block as it begins."""
    empty = {"text": "", "thinking": "", "signature": "", "input": {}}
    return {name: empty.get(name, value) if name != "type" else value for name, value in block.items()}


def _usage(answer: Answer) -> dict[str, Any] | None:
    tells = _TELLS[answer.dialect or "repeated"]
    if answer.usage is None or not tells:
        return None
    prompt, output = answer.usage
    cached = (answer.cached or 0) if "cached" in tells else 0
    usage: dict[str, Any] = {"input_tokens": prompt - cached, "output_tokens": output}
    if answer.cached is not None and "cached" in tells:
        usage |= {"cache_creation_input_tokens": 0, "cache_read_input_tokens": answer.cached}
    if answer.reasoning is not None and "reasoning" in tells:
        usage["output_tokens_details"] = {"thinking_tokens": answer.reasoning}
    return usage


def _usage_in_stream(answer: Answer) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what a stream tells of usage at its beginning and at its end."""
    usage = _usage(answer)
    if usage is None:
        return {}, {}
    details = {name: value for name, value in usage.items() if name.startswith("output")}
    if answer.dialect == "output_at_the_end":
        return {"usage": {**usage, "output_tokens": min(1, usage["output_tokens"])}}, {"usage": details}
    begun = {name: value for name, value in usage.items() if name != "output_tokens_details"}
    return {"usage": {**begun, "output_tokens": min(1, usage["output_tokens"])}}, {"usage": usage}


def _turns(body: Mapping[str, Any]) -> Iterator[Turn]:
    system = body.get("system")
    if system is not None:
        yield Turn("system", system if isinstance(system, str) else "\n\n".join(block["text"] for block in system))
    last = None
    for message in body["messages"]:
        if message["role"] == last:
            raise ValueError(f"two turns of {last} are neighbours; strict servers of this wire refuse that")
        last = message["role"]
        content = message["content"]
        blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
        if not blocks:
            raise ValueError("messages: all messages must have non-empty content")
        results = [block for block in blocks if block["type"] == "tool_result"]
        if results != blocks[: len(results)]:
            raise ValueError("tool_result blocks must come first in a turn")
        yield from (_result(block) for block in results)
        if len(blocks) > len(results):
            yield _turn(message["role"], blocks[len(results) :])


def _result(block: Mapping[str, Any]) -> Turn:
    content = block["content"]
    blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
    text = "".join(inner["text"] for inner in blocks if inner["type"] == "text")
    return Turn("tool", text, sum(inner["type"] == "image" for inner in blocks), answers=block["tool_use_id"])


def _turn(role: str, blocks: Sequence[Mapping[str, Any]]) -> Turn:
    thoughts = [block for block in blocks if block["type"] == "thinking"]
    return Turn(
        role=role,
        text="".join(block["text"] for block in blocks if block["type"] == "text"),
        images=sum(block["type"] == "image" for block in blocks),
        calls=tuple((block["id"], block["name"], block["input"]) for block in blocks if block["type"] == "tool_use"),
        signatures=tuple(block["signature"] for block in thoughts),
        thinking="".join(block["thinking"] for block in thoughts) if thoughts else None,
    )


def _choice(value: Mapping[str, Any] | None) -> str | None:
    if value is None:
        return None
    if value["type"] == "auto" and "disable_parallel_tool_use" in value:
        return None  # The object is there for that alone.
    return str(value["name"]) if value["type"] == "tool" else {"any": "required"}.get(value["type"], value["type"])
