"""How the conformance suite asks this backend, and Mistral's wire emulated.

Source: recorded traffic of Mistral, and the types of its Python SDK. It needs the extra ``conformance``; nothing in
this package imports it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from backbay.testing import Received, sse
from backbay_conformance import BackendConformance
from backbay_conformance.scenarios import Answer
from backbay_conformance.vendor import ANSWER_ID, MODEL, Asked, Dialect, Turn
from backbay_conformance.vendors.openai_batches import OpenAIBatchDesk
from backbay_conformance.vendors.openai_chat import WORDS, OpenAIChatVendor

from . import spec as _spec

_COUNTS = frozenset({"input", "output", "cached"})
_ID = re.compile("[a-zA-Z0-9]{9}")
_NAMES = ("call_a", "call_b", "call_c", "call_d")
_FIELDS = frozenset(
    "model messages temperature top_p max_tokens stream stop random_seed metadata response_format tools tool_choice "
    "presence_penalty frequency_penalty n prediction parallel_tool_calls reasoning_effort prompt_mode guardrails "
    "prompt_cache_key safe_prompt".split()
)


class MistralBatchDesk(OpenAIBatchDesk):
    """Mistral's jobs, made of files as OpenAI's batches are; a job runs one model."""

    place = "batch/jobs"

    def line(self, row: Mapping[str, Any]) -> tuple[str, bytes]:
        """Return id and body of a line."""
        return super().line({"method": "POST", "url": "/v1/chat/completions", **row})

    def check(self, given: Mapping[str, Any]) -> None:
        """Raise ``ValueError`` if a job cannot be made like this."""
        if given.get("endpoint") != "/v1/chat/completions" or given.get("model") != MODEL:
            raise ValueError(f"{given} makes no job")

    def input(self, given: Mapping[str, Any]) -> str:
        """Return the name of the file that a job is made of."""
        [name] = given["input_files"]
        return str(name)

    def told(self, number: int, metadata: object, *, new: bool = False) -> bytes:
        """Return a job as Mistral describes it."""
        ended = not (new or self.open)
        total = 0 if new else len(self.made[number])
        files = {"output_file": f"out-{number}", "error_file": f"err-{number}"} if ended else {}
        told = {
            "id": f"batch_{number}",
            "object": "batch",
            "input_files": [f"file-{number}"],
            "endpoint": "/v1/chat/completions",
            "model": MODEL,
            "errors": [],
            "status": "QUEUED" if new else "SUCCESS" if ended else "RUNNING",
            "created_at": 1,
            "total_requests": total,
            "completed_requests": total if ended else 0,
            "succeeded_requests": total if ended else 0,
            "failed_requests": 0,
            "metadata": metadata,
            **files,
        }
        return json.dumps(told).encode()

    def listed(self, told: list[bytes]) -> bytes:
        """Return a page of jobs."""
        data = [json.loads(each) for each in told]
        return json.dumps({"object": "list", "total": len(data), "data": data}).encode()


class MistralVendor(OpenAIChatVendor):
    """Answers as Mistral does: usage and whole calls on the finish chunk, thinking in the content, flat errors."""

    wire = "mistral_chat"
    refuses_in_a_field = False
    resends_thinking = True
    extra = ("safe_prompt", True)
    tells = _COUNTS
    # Older answers tell no details (recorded).
    dialects = (Dialect("details", _COUNTS), Dialect("totals", frozenset({"input", "output"})))

    @property
    def events_that_finish(self) -> int:
        """The finish reason is one; ``[DONE]`` follows it."""
        return 2

    def whole(self, answer: Answer) -> bytes:
        """Return a ``chat.completion``."""
        text = "".join((*answer.text, *answer.refusal))
        thought = _thought("".join(answer.thinking), answer.signature) if answer.thinking else None
        content = text if thought is None else [thought, *([{"type": "text", "text": text}] if text else [])]
        message = {"role": "assistant", "tool_calls": _calls(answer), "content": content}
        choice = {"index": 0, "finish_reason": WORDS[answer.finish], "message": message}
        head = {"id": ANSWER_ID, "created": 1, "model": MODEL, "object": "chat.completion"}
        return json.dumps({**head, **_usage(answer), "choices": [choice]}, ensure_ascii=False).encode()

    def stream(self, answer: Answer) -> Sequence[bytes]:
        """Return the chunks of the answer, and ``[DONE]``."""
        chunks = [_chunk(delta) for delta in _deltas(answer)]
        calls = _calls(answer)
        last = {"content": ""} if calls is None else {"tool_calls": calls}
        chunks.append({**_chunk(last, WORDS[answer.finish]), **_usage(answer)})
        return [*(sse({**chunk, "p": "abcdefgh"}) for chunk in chunks), sse("[DONE]")]

    def error(self, status: int, message: str) -> bytes:
        """Return an error: of a key in FastAPI's form, else flat."""
        if status == 401:
            return json.dumps({"detail": message}).encode()
        return json.dumps(_error(status, message)).encode()

    def error_event(self, message: str) -> bytes:
        """Return an error in a stream, flat as elsewhere."""
        return sse(_error(500, message))

    def models(self, ids: Sequence[str]) -> bytes:
        """Return a ``list`` of model cards."""
        can = {"completion_chat": True, "function_calling": True, "vision": False}
        card = {"object": "model", "created": 1, "owned_by": "mistralai", "capabilities": can, "aliases": []}
        data = [{"id": model, **card, "name": model, "max_context_length": 131072, "type": "base"} for model in ids]
        return json.dumps({"object": "list", "data": data}).encode()

    def batches(self) -> MistralBatchDesk:
        """Return what takes batches."""
        return MistralBatchDesk(self)

    def read(self, request: Received) -> Asked:
        """Return what a request asked; refuse what Mistral refuses."""
        asked = super().read(request)
        body = asked.body
        strange = set(body) - _FIELDS
        if strange:
            raise ValueError(f"Extra inputs are not permitted: {sorted(strange)}")
        known: dict[str, str] = {}
        turns = [_turn(message, turn, known) for message, turn in zip(body["messages"], asked.turns, strict=True)]
        last = body["messages"][-1]
        if last["role"] == "assistant" and not last.get("prefix"):
            raise ValueError("Expected last role User or Tool (or Assistant with prefix True)")
        choice = "required" if asked.tool_choice == "any" else asked.tool_choice
        return replace(asked, turns=tuple(turns), tool_choice=choice, seed=body.get("random_seed"))


class Conformance(BackendConformance):
    """Every law."""

    spec = _spec
    vendor = MistralVendor


def _turn(message: Mapping[str, Any], turn: Turn, known: dict[str, str]) -> Turn:
    """Return a turn with the suite's names for the ids of its calls, in the order in which they came."""
    allowed = {"assistant": {"tool_calls", "prefix"}, "tool": {"tool_call_id", "name"}}.get(message["role"], set())
    strange = set(message) - {"role", "content"} - allowed
    if strange:
        raise ValueError(f"Extra inputs are not permitted: {sorted(strange)}")
    if message["role"] == "assistant" and not message.get("content") and not message.get("tool_calls"):
        raise ValueError("Assistant message must have either content or tool_calls, but not none.")
    content = message.get("content")
    thoughts = [part for part in content if part["type"] == "thinking"] if isinstance(content, list) else []
    words = "".join(piece["text"] for thought in thoughts for piece in thought["thinking"])
    return replace(
        turn,
        calls=tuple((_named(call_id, known), name, arguments) for call_id, name, arguments in turn.calls),
        answers=None if turn.answers is None else _named(turn.answers, known),
        signatures=tuple(thought["signature"] for thought in thoughts if thought.get("signature")),
        thinking=words if thoughts else None,
    )


def _named(call_id: str, known: dict[str, str]) -> str:
    if not _ID.fullmatch(call_id):
        raise ValueError(f"Tool call id was {call_id} but must be a-z, A-Z, 0-9, with a length of 9.")
    return known.setdefault(call_id, _NAMES[len(known)])


def _deltas(answer: Answer) -> Iterator[Mapping[str, Any]]:
    yield {"role": "assistant", "content": ""}
    for number, piece in enumerate(answer.thinking, 1):
        signature = answer.signature if number == len(answer.thinking) else None
        yield {"content": [_thought(piece, signature)]}
    for piece in (*answer.text, *answer.refusal):
        yield {"content": piece}


def _thought(text: str, signature: str | None) -> dict[str, Any]:
    signed = {} if signature is None else {"signature": signature}
    return {"type": "thinking", "thinking": [{"type": "text", "text": text}], **signed, "closed": True}


def _calls(answer: Answer) -> list[dict[str, Any]] | None:
    return [
        {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.raw}, "index": number}
        for number, call in enumerate(answer.calls)
    ] or None


def _chunk(delta: Mapping[str, Any], finish: str | None = None) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return {"id": ANSWER_ID, "object": "chat.completion.chunk", "created": 1, "model": MODEL, "choices": [choice]}


def _usage(answer: Answer) -> dict[str, Any]:
    if answer.usage is None:
        return {}
    prompt, completion = answer.usage
    usage: dict[str, Any] = {"prompt_tokens": prompt, "total_tokens": prompt + completion}
    usage["completion_tokens"] = completion
    if answer.dialect != "totals" and answer.cached is not None:
        usage |= {"prompt_tokens_details": {"cached_tokens": answer.cached}, "service_tier": "standard"}
    return {"usage": usage}


def _error(status: int, message: str) -> dict[str, Any]:
    kind = "internal_server_error" if status >= 500 else "invalid_request_error"
    return {"object": "error", "message": message, "type": kind, "param": None, "code": "0", "raw_status_code": status}
