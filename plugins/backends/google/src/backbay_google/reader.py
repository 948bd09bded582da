"""Chunks of the Gemini wire turned into events. A whole answer is read as one chunk, by the same code.

Source: the reference of generateContent, and recorded traffic of the Gemini API and of Vertex AI.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from backbay.errors import BackbayError, DecodeError
from backbay.events import Ended, Event, Started, Text, Thinking, ToolDelta, UsageSeen
from backbay.response import Finish
from backbay.wires.tool_deltas import ToolDeltas

from . import errors, opaque
from .arguments import PartialArguments
from .extras import Extras
from .usage import read_usage

FINISHES = {
    "STOP": Finish.STOP,
    "MAX_TOKENS": Finish.LENGTH,
    "SAFETY": Finish.CONTENT_FILTER,
    "RECITATION": Finish.CONTENT_FILTER,
    "BLOCKLIST": Finish.CONTENT_FILTER,
    "PROHIBITED_CONTENT": Finish.CONTENT_FILTER,
    "SPII": Finish.CONTENT_FILTER,
    "IMAGE_SAFETY": Finish.CONTENT_FILTER,
    "IMAGE_PROHIBITED_CONTENT": Finish.CONTENT_FILTER,
    "IMAGE_RECITATION": Finish.CONTENT_FILTER,
    "MODEL_ARMOR": Finish.CONTENT_FILTER,
    # Numbers, where a proxy asks for enum-encoding=int (recorded). From 6 on the two APIs number them otherwise.
    "1": Finish.STOP,
    "2": Finish.LENGTH,
    "3": Finish.CONTENT_FILTER,
    "4": Finish.CONTENT_FILTER,
}
"""Finish reasons by the vendor's word; any other is ``OTHER``. Source: FinishReason's reference."""

_BEGINNINGS = ("candidates", "promptFeedback", "modelVersion", "responseId")
# Words beside which calls count all the same: the last says that the model was not meant to call (recorded).
_CALLING = ("STOP", "1", "UNEXPECTED_TOOL_CALL")


class GeminiReader:
    """Reads the chunks of one answer, each a decoded JSON object. Candidate 0 is the answer.

    Args:
        backend: The backend's name, under which opaque data is kept.

    Attributes:
        failure: What went wrong; the events that were returned came before it.
    """

    __slots__ = (
        "_backend",
        "_block",
        "_calls",
        "_count",
        "_extras",
        "_over",
        "_partial",
        "_raw_finish",
        "_started",
        "_usage",
        "failure",
    )

    complete = False
    """Token counts and citations may follow the finish reason; only the end of the body says that nothing does."""

    def __init__(self, backend: str) -> None:
        self.failure: BackbayError | None = None
        self._backend = backend
        self._started = False
        self._over = False
        self._calls = ToolDeltas()
        self._count = 0
        self._partial: PartialArguments | None = None
        self._usage: object = None
        self._raw_finish: str | None = None
        self._block: str | None = None
        self._extras = Extras()

    @property
    def finished(self) -> bool:
        """Whether a finish reason has come, or word that the prompt was blocked."""
        return self._raw_finish is not None or self._block is not None

    def read(self, chunk: object) -> Sequence[Event]:
        """Take the next chunk; return its events."""
        if self._over:
            return ()
        if not isinstance(chunk, dict):
            self.failure = DecodeError(f"A chunk of the answer is a JSON {type(chunk).__name__}, not an object.")
            return ()
        if chunk.get("error"):
            self.failure = errors.in_answer(chunk)
            return ()
        events: list[Event] = []
        candidates = chunk.get("candidates")
        listed = candidates if isinstance(candidates, list) else []
        if self.finished and any(_goes_on(candidate) for candidate in listed):
            self._over = True
            return ()
        if not self._started and any(chunk.get(name) for name in _BEGINNINGS):
            self._start(chunk, listed, events)
        for position, candidate in enumerate(listed):
            if isinstance(candidate, dict):
                self._read_candidate(candidate, position, events)
        self._read_rest(chunk, events)
        return events

    def end(self) -> Sequence[Event]:
        """Take the end of the answer; return its last events, ``Ended`` among them."""
        events: list[Event] = []
        if self._partial is not None:
            self._close_partial(events)
        events += self._calls.end()
        if self._calls.nameless:
            self.failure = DecodeError("A tool call of the answer has no name.")
            return events
        # Nobody spoke: the refusal is the vendor's code, told from words of a model by what stands before it.
        refusal = None if self._block is None else f"prompt_blocked:{self._block}"
        events.append(Ended(self._finish(), self._raw_finish, refusal, self._extras.details() or None))
        return events

    def _start(self, chunk: dict[str, Any], candidates: list[Any], events: list[Event]) -> None:
        self._started = True
        answer_id = _word(chunk.get("responseId"))
        # Older answers have no id; then calls are told from those of another turn by what they ask.
        self._calls.name_answer(answer_id or json.dumps([_calls_of(each) for each in candidates], sort_keys=True))
        events.append(Started(_word(chunk.get("modelVersion")), answer_id))

    def _read_candidate(self, candidate: dict[str, Any], position: int, events: list[Event]) -> None:
        index = candidate.get("index", position)
        if index:
            self._extras.read_other(index if isinstance(index, int) else position, candidate)
            return
        content = candidate.get("content")
        parts = content.get("parts") if isinstance(content, dict) else None
        for part in parts if isinstance(parts, list) else ():
            if isinstance(part, dict):
                self._read_part(part, events)
            else:
                self.failure = DecodeError("A part of the answer's content is no object.")
        if candidate.get("finishReason"):
            self._raw_finish = str(candidate["finishReason"])
        self._extras.read_candidate(candidate)

    def _read_part(self, part: dict[str, Any], events: list[Event]) -> None:
        if isinstance(part.get("text"), str):
            self._read_text(part, part["text"], events)
        elif isinstance(part.get("functionCall"), dict):
            self._read_call(part["functionCall"], _word(part.get(opaque.SIGNATURE)), events)
        elif part:
            self._extras.read_part(part)
            events.append(self._opaque({opaque.PART: part}))

    def _read_text(self, part: dict[str, Any], text: str, events: list[Event]) -> None:
        signature = _word(part.get(opaque.SIGNATURE))
        signed = {opaque.SIGNATURE: signature, opaque.CHARS: len(text)}
        if part.get("thought") is True:
            if signature and text:
                events.append(self._opaque(signed, text))
            elif signature:
                events.append(self._opaque({opaque.PART: part}))
            elif text:
                events.append(Thinking(text))
            return
        if text:
            events.append(Text(text))
        if signature:
            events.append(self._opaque(signed))

    def _opaque(self, kept: dict[str, Any], text: str = "") -> Thinking:
        if self._count:
            kept[opaque.CALLS] = self._count
        return Thinking(text, {self._backend: kept})

    def _read_call(self, call: dict[str, Any], signature: str | None, events: list[Event]) -> None:
        if "partialArgs" in call or "willContinue" in call or (self._partial and not call.get("name")):
            self._read_partial(call, signature, events)
            return
        arguments = call.get("args")
        # Text in their place is kept as it is, for the caller to see what is wrong with it.
        whole = isinstance(arguments, dict) or (isinstance(arguments, str) and bool(arguments))
        self._add_call(call, arguments if whole else {}, signature, events)

    def _read_partial(self, call: dict[str, Any], signature: str | None, events: list[Event]) -> None:
        """Read a piece of a call whose arguments are streamed (Vertex AI, streamFunctionCallArguments)."""
        if call.get("name") and self._partial is not None:
            self._close_partial(events)
        if self._partial is None:
            self._partial = PartialArguments(call, signature)
        try:
            self._partial.add(call.get("partialArgs"))
        except DecodeError as error:
            self.failure = error
            return
        if not call.get("willContinue"):
            self._close_partial(events)

    def _close_partial(self, events: list[Event]) -> None:
        partial, self._partial = self._partial, None
        if partial is not None:
            self._add_call(partial.call, partial.arguments, partial.signature, events)

    def _add_call(self, call: dict[str, Any], arguments: object, signature: str | None, events: list[Event]) -> None:
        vendor_id = _word(call.get("id"))
        kept: dict[str, Any] = {} if vendor_id else {opaque.ID: None}
        if signature:
            kept[opaque.SIGNATURE] = signature
        function = {"name": call.get("name"), "arguments": arguments}
        deltas = self._calls.add({"index": self._count, "id": vendor_id, "function": function})
        events += [_with(delta, {self._backend: kept} if kept else None) for delta in deltas]
        self._count += 1

    def _read_rest(self, chunk: dict[str, Any], events: list[Event]) -> None:
        usage = chunk.get("usageMetadata")
        if usage and usage != self._usage:
            self._usage = usage
            counted = read_usage(usage)
            if counted is not None:
                self._started = True  # It is too late for Started now, which must be first.
                events.append(UsageSeen(counted))
        feedback = chunk.get("promptFeedback")
        if isinstance(feedback, dict) and feedback:
            self._extras.keep("promptFeedback", feedback)
            if is_blocked(chunk):
                self._block = str(feedback["blockReason"])
        if chunk.get("continuationToken"):
            self._extras.keep("continuationToken", chunk["continuationToken"])

    def _finish(self) -> Finish:
        if self._raw_finish is None and self._block is not None:
            return Finish.CONTENT_FILTER
        if self._count and self._raw_finish in _CALLING:
            return Finish.TOOL_CALLS
        return FINISHES.get(self._raw_finish or "", Finish.OTHER)


def is_blocked(chunk: dict[str, Any]) -> bool:
    """Whether a chunk says that the prompt was blocked, so that there is no answer."""
    feedback = chunk.get("promptFeedback")
    return isinstance(feedback, dict) and bool(feedback.get("blockReason"))


def _goes_on(candidate: object) -> bool:
    """Whether the first candidate has content and no finish reason, so that, after one, it is another answer's.

    Older models gave the reason with each chunk.
    """
    if not isinstance(candidate, dict) or candidate.get("index") or candidate.get("finishReason"):
        return False
    content = candidate.get("content")
    return isinstance(content, dict) and bool(content.get("parts"))


def _with(delta: ToolDelta, kept: dict[str, Any] | None) -> ToolDelta:
    delta.opaque = kept
    return delta


def _calls_of(candidate: object) -> list[Any]:
    content = candidate.get("content") if isinstance(candidate, dict) else None
    parts = content.get("parts") if isinstance(content, dict) else None
    listed = parts if isinstance(parts, list) else []
    return [part["functionCall"] for part in listed if isinstance(part, dict) and "functionCall" in part]


def _word(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
