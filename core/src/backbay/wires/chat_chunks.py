"""Chunks of the chat-completions wire turned into events. A whole answer is read as one chunk, by the same code.

Choice 0 is the answer. Reasoning is read from ``reasoning_content`` or ``reasoning``, whichever a server uses.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from ..errors import BackbayError, DecodeError
from ..events import Ended, Event, Started, Text, Thinking, UsageSeen
from ..http.errorbody import facts_of
from ..http.statuses import response_error
from ..response import Finish
from .lists import read_usage
from .tool_deltas import ToolDeltas

FINISHES = {
    "stop": Finish.STOP,
    "eos": Finish.STOP,
    "eos_token": Finish.STOP,
    "stop_sequence": Finish.STOP,
    "length": Finish.LENGTH,
    "max_tokens": Finish.LENGTH,
    "model_length": Finish.LENGTH,
    "tool_calls": Finish.TOOL_CALLS,
    "function_call": Finish.TOOL_CALLS,
    "content_filter": Finish.CONTENT_FILTER,
}
"""Finish reasons by the vendor's word; any other is ``OTHER``. Source: OpenAI's reference, and recorded traffic."""

_THINKING = ("reasoning_content", "reasoning")
_KEPT = ("service_tier", "system_fingerprint", "timings", "prompt_filter_results", "citations")


class ChunkReader:
    """Reads the chunks of one answer, each a decoded JSON object.

    Attributes:
        failure: What went wrong; the events that were returned came before it.
        finished: Whether the vendor said that the answer is finished.
    """

    __slots__ = (
        "_calls",
        "_details",
        "_logprobs",
        "_raw_finish",
        "_refusal",
        "_started",
        "_usage",
        "failure",
    )

    def __init__(self) -> None:
        self.failure: BackbayError | None = None
        self._started = False
        self._calls = ToolDeltas()
        self._usage: object = None
        self._raw_finish: str | None = None
        self._refusal: list[str] = []
        self._details: dict[str, Any] = {}
        self._logprobs: list[Any] = []

    @property
    def finished(self) -> bool:
        """Whether a finish reason has come."""
        return self._raw_finish is not None

    complete = False
    """Usage may follow the finish reason; ``[DONE]`` or the end of the body says that nothing does."""

    def read(self, chunk: object) -> Sequence[Event]:
        """Take the next chunk; return its events."""
        if not isinstance(chunk, dict):
            self.failure = DecodeError(f"A chunk of the answer is a JSON {type(chunk).__name__}, not an object.")
            return ()
        events: list[Event] = []
        if not self._started:
            self._start(chunk, events)
        choices = chunk.get("choices")
        if isinstance(choices, list):
            for choice in choices:
                if isinstance(choice, dict) and not choice.get("index"):
                    self._read_choice(choice, events)
        if chunk.get("usage") is not None or self._raw_finish is not None:
            self._read_rest(chunk, events)
        if chunk.get("error"):
            self._fail(chunk)
        # Usage may come before anything else; then it is too late for Started, which must be first.
        self._started = self._started or bool(events)
        return events

    def end(self) -> Sequence[Event]:
        """Take the end of the answer; return its last events, ``Ended`` among them."""
        events: list[Event] = list(self._calls.end())
        if self._calls.nameless:
            self.failure = DecodeError("A tool call of the answer has no name.")
            return events
        if self._logprobs:
            self._details["logprobs"] = {"content": self._logprobs}
        refusal = "".join(self._refusal) or None
        events.append(Ended(self._finish(refusal), self._raw_finish, refusal, self._details or None))
        return events

    def _start(self, chunk: dict[str, Any], events: list[Event]) -> None:
        # Azure's first chunk has empty strings here and no choices; wait for one that says something.
        model, answer_id = chunk.get("model"), chunk.get("id")
        if model or answer_id or chunk.get("choices"):
            self._started = True
            self._calls.name_answer(answer_id if isinstance(answer_id, str) else "")
            self._keep(chunk)
            events.append(Started(_word(model), _word(answer_id)))

    def _read_choice(self, choice: dict[str, Any], events: list[Event]) -> None:
        delta = choice.get("delta")
        if isinstance(delta, dict):
            for name in _THINKING:
                thought = delta.get(name)
                if thought and isinstance(thought, str):
                    events.append(Thinking(thought))
                    break
            content = delta.get("content")
            if content:
                self._read_content(content, events)
            if len(delta) > 1 or not content:
                self._read_delta(delta, events)
        if choice.get("finish_reason"):
            self._raw_finish = str(choice["finish_reason"])
        if choice.get("logprobs"):
            self._read_logprobs(choice["logprobs"])

    def _read_content(self, content: object, events: list[Event]) -> None:
        if isinstance(content, str):
            events.append(Text(content))
        elif isinstance(content, list):
            for part in content:
                self._read_part(part, events)
        else:
            self.failure = DecodeError(f"The content of the answer is a JSON {type(content).__name__}.")

    def _read_part(self, part: object, events: list[Event]) -> None:
        """Read a part of a content list: text, or thinking that is itself a list of texts (Mistral, recorded)."""
        if not isinstance(part, dict):
            self.failure = DecodeError("A part of the answer's content is no object.")
            return
        inner = part.get("thinking")
        if isinstance(inner, list):
            pieces = [piece.get("text") for piece in inner if isinstance(piece, dict)]
            events.extend(Thinking(str(text)) for text in pieces if text)
        elif isinstance(inner, str) and inner:
            events.append(Thinking(inner))
        elif isinstance(part.get("text"), str) and part["text"]:
            events.append(Text(part["text"]))

    def _read_delta(self, delta: dict[str, Any], events: list[Event]) -> None:
        calls = delta.get("tool_calls")
        if isinstance(calls, list):
            for call in calls:
                if isinstance(call, dict):
                    events.extend(self._calls.add(call))
        if isinstance(delta.get("function_call"), dict) and delta["function_call"].get("name") != "":
            # The form before tool_calls: one call, without an id.
            events.extend(self._calls.add({"index": 0, "function": delta["function_call"]}))
        if delta.get("refusal"):
            self._refusal.append(str(delta["refusal"]))
        if isinstance(delta.get("annotations"), list):
            self._details.setdefault("annotations", []).extend(delta["annotations"])
        if isinstance(delta.get("audio"), dict) and delta["audio"].get("id"):
            self._details.setdefault("audio", {}).update(delta["audio"])
        elif isinstance(delta.get("audio"), dict):
            self._extend_audio(delta["audio"])

    def _extend_audio(self, audio: dict[str, Any]) -> None:
        kept = self._details.setdefault("audio", {})
        for name, value in audio.items():
            joined = name in ("data", "transcript") and isinstance(kept.get(name), str)
            kept[name] = kept[name] + value if joined and isinstance(value, str) else value

    def _read_logprobs(self, logprobs: object) -> None:
        content = logprobs.get("content") if isinstance(logprobs, dict) else None
        if isinstance(content, list):
            self._logprobs += content

    def _read_rest(self, chunk: dict[str, Any], events: list[Event]) -> None:
        usage = chunk.get("usage")
        if usage and usage != self._usage:
            self._usage = usage
            counted = read_usage(usage)
            if counted is not None:
                events.append(UsageSeen(counted))
        self._keep(chunk)

    def _keep(self, chunk: dict[str, Any]) -> None:
        for name in _KEPT:
            if chunk.get(name):
                self._details[name] = chunk[name]

    def _finish(self, refusal: str | None) -> Finish:
        finish = FINISHES.get(self._raw_finish or "", Finish.OTHER)
        if finish is Finish.STOP and refusal:
            return Finish.CONTENT_FILTER
        # With a forced tool, servers say "stop" beside the call (OpenAI, recorded).
        return Finish.TOOL_CALLS if finish is Finish.STOP and self._calls else finish

    def _fail(self, chunk: dict[str, Any]) -> None:
        error = {"error": chunk["error"]}
        body = json.dumps(error, ensure_ascii=False).encode("utf-8", "replace")
        self.failure = response_error(200, {}, body, facts_of(error, in_band=True), redact=str)


def whole_to_chunk(raw: dict[str, Any]) -> dict[str, Any]:
    """Return a whole answer as the one chunk that would carry it."""
    choices = raw.get("choices")
    if not isinstance(choices, list):
        return raw
    first = [{**choice, "delta": _whole_delta(choice.get("message"))} for choice in choices if isinstance(choice, dict)]
    return {**raw, "choices": first}


def _whole_delta(message: object) -> object:
    if not isinstance(message, dict) or not isinstance(message.get("tool_calls"), list):
        return message
    # In a whole answer each entry is a call of its own, whatever index it may claim.
    calls = [{**call, "index": number} for number, call in enumerate(message["tool_calls"]) if isinstance(call, dict)]
    return {**message, "tool_calls": calls}


def _word(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
