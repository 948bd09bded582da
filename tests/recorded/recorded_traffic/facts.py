"""Compares what Backbay made of an exchange with the facts that the corpus expects."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

from backbay import Embeddings, ModelInfo, Ranking, Response, Usage
from backbay.errors import BackbayError, ResponseError

from .corpus import Exchange

EXCLUSIVE_INPUT = frozenset({"messages", "converse", "invoke"})
"""APIs whose reported input leaves out what was read from, or written to, a cache."""

EXCLUSIVE_OUTPUT = frozenset({("google", "generateContent"), ("vertex", "generateContent"), ("xai", "chat")})
"""Vendors' APIs whose reported output leaves out reasoning."""

UNTOLD_REASONING = frozenset({("cohere", "chat_v2")})
"""Vendors' APIs that tell of reasoning tokens in a place that the expected facts leave out."""


def chat_problems(exchange: Exchange, answer: Response) -> Iterator[str]:
    """Yield what is different about an answer."""
    want = exchange.expected
    yield from _differ("text", answer.text, want["text"])
    yield from _differ("thinking", answer.thinking or "", want["thinking"] or "")
    word = want["finish_reason"]
    yield from _differ("finish", answer.raw_finish, None if word in (None, "") else str(word))
    yield from _differ("model", answer.model or "", "" if "model_from_url" in want else want["model"] or "")
    yield from _differ("id", answer.id or "", want["response_id"] or "")
    yield from _differ("refusal", answer.refusal, want.get("refusal"))
    yield from _usage_problems(exchange, answer.usage)
    yield from _call_problems(answer, want["tool_calls"])
    yield from _detail_problems(answer, want)


def _differ(what: str, found: object, wanted: object) -> Iterator[str]:
    if found != wanted:
        yield f"{what}: {str(found)[:120]!r}, expected {str(wanted)[:120]!r}"


def _usage_problems(exchange: Exchange, usage: Usage | None) -> Iterator[str]:
    """Compare token counts, in the vendor's own arithmetic; what it did not say must be ``None``, never 0."""
    want = {name: count for name, count in exchange.expected["usage"].items() if name in _COUNTS}
    if usage is None:
        yield from _differ("usage", {}, want)
        return
    found: dict[str, int | None] = {"input": usage.input, "output": usage.output, "cached": usage.cached}
    found |= {"reasoning": usage.reasoning, "cache_write": usage.cache_written}
    if exchange.api in EXCLUSIVE_INPUT and usage.input is not None:
        found["input"] = usage.input - (usage.cached or 0) - (usage.cache_written or 0)
    if (exchange.vendor, exchange.api) in EXCLUSIVE_OUTPUT and usage.output is not None:
        # Where all was thought, nothing else was counted, and nothing is said of it.
        found["output"] = usage.output - (usage.reasoning or 0) or want.get("output")
    if (exchange.vendor, exchange.api) in UNTOLD_REASONING:
        found["reasoning"] = None
    if "tool_input" in exchange.expected["usage"] and found["input"] is not None:
        found["input"] -= exchange.expected["usage"]["tool_input"]
    yield from _differ("usage", {name: count for name, count in found.items() if count is not None}, want)


_COUNTS = ("input", "output", "cached", "cache_write", "reasoning")


def _call_problems(answer: Response, wanted: list[dict[str, Any]]) -> Iterator[str]:
    calls = answer.tool_calls
    yield from _differ("tool calls", [call.name for call in calls], [call["name"] for call in wanted])
    if len({call.id for call in calls}) != len(calls) or not all(call.id for call in calls):
        yield f"tool call ids: {[call.id for call in calls]}"
    for number, (call, want) in enumerate(zip(calls, wanted, strict=False)):
        # A call without an id, or with that of another, gets one of its own.
        if want["id"] and [other["id"] for other in wanted].count(want["id"]) == 1:
            yield from _differ(f"call {number} id", call.id, want["id"])
        if "arguments_raw" in want:
            yield from _differ(f"call {number} raw arguments", call.raw_arguments, want["arguments_raw"])
            # The free text of a custom tool may happen to be JSON.
            if (call.arguments is not None or not call.error) and not want["arguments_raw"].startswith("{"):
                yield f"call {number}: arguments that are no JSON have no error"
        else:
            yield from _differ(f"call {number} arguments", call.arguments, want["arguments"])


def _detail_problems(answer: Response, want: Mapping[str, Any]) -> Iterator[str]:
    details = answer.details
    for name in ("citations", "images", "server_tools"):
        listed = details.get(name, [])
        if name == "images" and want.get("images") and not listed:
            # The corpus counts any data in an answer; ours tells sound from pictures.
            listed = [details["audio"]] if "audio" in details else []
        expected = want.get(name, 0)
        expected = len(expected) if isinstance(expected, list) else expected
        yield from _differ(name, len(listed) if isinstance(listed, list) else listed, expected)
    for name in ("logprobs", "audio"):
        wanted = bool(want.get(name)) or (name == "audio" and "images" in want and "images" not in details)
        yield from _differ(name, bool(details.get(name)), wanted)
    for name in ("stop_sequence", "incomplete_reason", "tool_plan"):
        if want.get(name) is not None:
            yield from _differ(name, details.get(name), want[name])
    kept = _strings([part.opaque for part in answer.parts if part.type != "text"])
    known = {text: text for text in kept} | {hashlib.sha256(text.encode()).hexdigest(): text for text in kept}
    for signature in want.get("signatures", ()):
        name = signature["sha256"] if isinstance(signature, dict) else signature
        if name not in known:
            yield f"a signature is lost: {str(signature)[:100]}"


def _strings(value: object) -> set[str]:
    """Return every string in a JSON value."""
    if isinstance(value, str):
        return {value}
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list):
        return {text for item in value for text in _strings(item)}
    return set()


def failure_problems(exchange: Exchange, error: BackbayError) -> Iterator[str]:
    """Yield what is different about an answer that failed after it had begun."""
    want = exchange.expected
    yield from _differ("error", isinstance(error, ResponseError), True)
    words = want["in_stream_error"]["message"] or ""
    if words[:80] not in error.message:
        yield f"message: {error.message!r}, expected {words[:80]!r}"
    seen = want.get("at_error") or {"text": want["text"], "thinking": want["thinking"]}
    partial = error.partial or Response()
    yield from _differ("partial text", partial.text, seen["text"])
    yield from _differ("partial thinking", partial.thinking or "", seen["thinking"] or "")


def error_problems(exchange: Exchange, error: BackbayError) -> Iterator[str]:
    """Yield what is different about an error response."""
    want = exchange.expected["error"]
    if not isinstance(error, ResponseError):
        yield f"a {type(error).__name__}: {error}"
        return
    yield from _differ("status", error.status, want["status"])
    words = " ".join(str(want["message"] or "").split())[:80]
    if words not in error.message:
        yield f"message: {error.message[:200]!r}, expected {words!r}"
    codes = [str(want[name]) for name in ("code", "type") if want[name] is not None]
    if codes == [str(want["status"])]:
        codes.append("None")  # Where the vendor names no code, its SDK has the status in that place.
    if codes and str(error.code) not in codes:
        yield f"code: {error.code!r}, expected one of {codes}"
    after = exchange.headers.get("retry-after", "")
    if after.isdecimal() and error.retry_after != float(after):
        yield f"retry_after: {error.retry_after}, expected {after}"


def model_problems(exchange: Exchange, models: list[ModelInfo]) -> Iterator[str]:
    """Yield what is different about a model list."""
    want = exchange.expected["models"]
    ids = [model.id for model in models]
    yield from _differ("count", len(ids), want["count"])
    wanted = [str(name).removeprefix("models/") for name in want["ids"]]
    yield from _differ("ids", [name.removeprefix("models/") for name in ids][: len(wanted)], wanted)


def vector_problems(exchange: Exchange, found: Embeddings) -> Iterator[str]:
    """Yield what is different about embeddings."""
    want = exchange.expected
    yield from _differ("vectors", len(found.vectors), want["embeddings"]["count"])
    if "dims" in want["embeddings"] and found.vectors:
        yield from _differ("dimensions", len(found.vectors[0]), want["embeddings"]["dims"])
    if want.get("model"):
        yield from _differ("model", found.model, want["model"])
    counted = found.usage.input if found.usage else None
    if want.get("usage"):
        yield from _differ("input", counted, want["usage"].get("input"))


def ranking_problems(exchange: Exchange, found: Ranking) -> Iterator[str]:
    """Yield what is different about a ranking."""
    results = [{"index": item.index, "score": item.score} for item in found.results]
    want = sorted(exchange.expected["rerank"], key=lambda item: -item["score"])
    yield from _differ("ranking", results, [{name: item[name] for name in ("index", "score")} for item in want])
