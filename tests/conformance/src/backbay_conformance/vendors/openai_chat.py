"""The chat-completions wire, emulated.

Source: the OpenAI API reference, and recorded traffic of OpenAI and those that speak the same.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from backbay import Finish
from backbay.testing import Received, sse

from ..scenarios import Answer, Call
from ..vendor import ANSWER_ID, MODEL, Asked, Dialect, Turn, Vendor
from .completions import CompletionsVendor
from .openai_batches import OpenAIBatchDesk

WORDS = {
    Finish.STOP: "stop",
    Finish.LENGTH: "length",
    Finish.TOOL_CALLS: "tool_calls",
    Finish.CONTENT_FILTER: "content_filter",
}

DIALECTS: tuple[Dialect, ...] = (
    Dialect("own_chunk"),
    Dialect("finish_chunk"),
    Dialect("every_chunk"),
    Dialect("cache_hits"),
    Dialect("totals_only", frozenset({"input", "output"})),
    Dialect("null", frozenset()),
    Dialect("absent", frozenset()),
)
"""How servers of this wire tell of usage in a stream (recorded): OpenAI in a chunk of its own after the finish reason;
Mistral and Cerebras beside it; Databricks and Perplexity with each chunk, as it grows; DeepSeek beside the finish
reason, and of its cache in fields of its own too. Some tell no details, some ``null``, some nothing."""


class OpenAIChatVendor(CompletionsVendor, Vendor):
    """Answers as OpenAI does: usage in a chunk of its own, ``content: null`` beside calls, ``[DONE]`` at the end."""

    wire = "openai_chat"
    refuses_in_a_field = True
    dialects = DIALECTS

    @property
    def events_that_finish(self) -> int:
        """The finish reason is one; usage and ``[DONE]`` follow it."""
        return 3

    def whole(self, answer: Answer) -> bytes:
        """Return a ``chat.completion``."""
        message: dict[str, Any] = {"role": "assistant", "content": "".join(answer.text) or None, "refusal": None}
        if not answer.calls and not answer.refusal:
            message["content"] = "".join(answer.text)
        if answer.thinking:
            message["reasoning_content"] = "".join(answer.thinking)
        if answer.refusal:
            message["refusal"] = "".join(answer.refusal)
        if answer.calls:
            message["tool_calls"] = [_call(call) for call in answer.calls]
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": self._word(answer)}
        body = {"id": ANSWER_ID, "object": "chat.completion", "created": 1, "model": MODEL, "choices": [choice]}
        return _json(body | _usage(answer))

    def stream(self, answer: Answer) -> Sequence[bytes]:
        """Return the chunks of the answer, and ``[DONE]``."""
        chunks = [_chunk(delta) for delta in self._deltas(answer)]
        chunks.append(_chunk({}, finish=self._word(answer)))
        return [*(sse(chunk) for chunk in _with_usage(chunks, answer)), sse("[DONE]")]

    def _deltas(self, answer: Answer) -> Iterator[Mapping[str, Any]]:
        yield {"role": "assistant", "content": None if answer.calls else "", "refusal": None}
        for piece in answer.thinking:
            yield {"reasoning_content": piece}
        for piece in answer.text:
            yield {"content": piece}
        for piece in answer.refusal:
            yield {"refusal": piece}
        yield from _call_deltas(answer.calls)

    def _word(self, answer: Answer) -> str:
        # OpenAI refuses with the finish reason "stop" (recorded).
        return "stop" if answer.refusal else WORDS[answer.finish]

    def error(self, status: int, message: str) -> bytes:
        """Return ``{"error": {...}}``."""
        return _json({"error": {"message": message, "type": "some_error", "param": None, "code": None}})

    def error_event(self, message: str) -> bytes:
        """Return a chunk that is an error."""
        return sse({"error": {"message": message, "type": "server_error", "code": None}})

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
        if request.method != "POST" or not request.path.endswith("/chat/completions"):
            raise ValueError(f"{request.method} {request.path} is no chat completion")
        body = request.json
        form = body.get("response_format") or {}
        return Asked(
            model=body.get("model"),
            stream=body.get("stream") is True,
            turns=tuple(_turn(message) for message in body["messages"]),
            tools=tuple(tool["function"]["name"] for tool in body.get("tools", ())),
            tool_choice=_choice(body.get("tool_choice")),
            temperature=body.get("temperature"),
            top_p=body.get("top_p"),
            max_tokens=body.get("max_completion_tokens", body.get("max_tokens")),
            stop=tuple(body.get("stop") or ()),
            seed=body.get("seed"),
            schema=form.get("json_schema", {}).get("schema"),
            body=body,
        )


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


def _chunk(delta: Mapping[str, Any], *, finish: str | None = None) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
    head = {"id": ANSWER_ID, "object": "chat.completion.chunk", "created": 1, "model": MODEL}
    return {**head, "choices": [choice], "usage": None}


def _with_usage(chunks: list[dict[str, Any]], answer: Answer) -> list[dict[str, Any]]:
    """Return the chunks of a stream with its usage where the dialect has it."""
    usage = _usage(answer).get("usage")
    match answer.dialect:
        case None | "own_chunk" | "totals_only":
            head = {"id": ANSWER_ID, "object": "chat.completion.chunk", "model": MODEL}
            return [*chunks, {**head, "choices": [], "usage": usage}]
        case "absent":
            return [{name: value for name, value in chunk.items() if name != "usage"} for chunk in chunks]
        case "every_chunk" if usage is not None:
            last = len(chunks) - 1
            growing = [min(number, usage["completion_tokens"]) for number in range(last)]
            grown = [{**usage, "completion_tokens": number} for number in growing]
            return [{**chunk, "usage": part} for chunk, part in zip(chunks, [*grown, usage], strict=True)]
    return [*chunks[:-1], {**chunks[-1], "usage": usage}]


def _usage(answer: Answer) -> dict[str, Any]:
    if answer.usage is None or answer.dialect == "absent":
        return {}
    if answer.dialect == "null":
        return {"usage": None}
    prompt, completion = answer.usage
    usage: dict[str, Any] = {"prompt_tokens": prompt, "completion_tokens": completion}
    usage["total_tokens"] = prompt + completion
    if answer.dialect == "totals_only":
        return {"usage": usage}
    if answer.cached is not None:
        usage["prompt_tokens_details"] = {"cached_tokens": answer.cached}
    if answer.cached is not None and answer.dialect == "cache_hits":
        usage |= {"prompt_cache_hit_tokens": answer.cached, "prompt_cache_miss_tokens": prompt - answer.cached}
    if answer.reasoning is not None:
        usage["completion_tokens_details"] = {"reasoning_tokens": answer.reasoning}
    return {"usage": usage}


def _call(call: Call) -> dict[str, Any]:
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.raw}}


def _call_deltas(calls: Sequence[Call]) -> Iterator[Mapping[str, Any]]:
    """Yield deltas of calls: the first of each has id and name, and calls take turns."""
    for index, call in enumerate(calls):
        function = {"name": call.name, "arguments": call.arguments[0]}
        yield {"tool_calls": [{"index": index, "id": call.id, "type": "function", "function": function}]}
    for turn in range(1, max((len(call.arguments) for call in calls), default=0)):
        for index, call in enumerate(calls):
            if turn < len(call.arguments):
                yield {"tool_calls": [{"index": index, "function": {"arguments": call.arguments[turn]}}]}


def _turn(message: Mapping[str, Any]) -> Turn:
    content = message.get("content") or ""
    parts = [{"type": "text", "text": content}] if isinstance(content, str) else content
    calls = [(call["id"], call["function"]) for call in message.get("tool_calls") or ()]
    return Turn(
        role=message["role"],
        text="".join(part["text"] for part in parts if part["type"] == "text"),
        images=sum(part["type"] == "image_url" for part in parts),
        calls=tuple((call_id, call["name"], json.loads(call["arguments"])) for call_id, call in calls),
        answers=message.get("tool_call_id"),
    )


def _choice(value: object) -> str | None:
    if isinstance(value, dict):
        return str(value["function"]["name"])
    return None if value is None else str(value)
