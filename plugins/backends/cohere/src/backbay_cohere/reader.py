"""Answers of Cohere's wire: events told apart by their ``type``, since some servers leave out the events' names.

Source: Cohere's API reference (Chat with streaming), and recorded traffic.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from backbay.errors import BackbayError, DecodeError
from backbay.events import Ended, Event, Started, Text, Thinking, ToolDelta, UsageSeen
from backbay.response import Finish, Usage
from backbay.wires.reading import whole_number
from backbay.wires.tool_deltas import ToolDeltas

from .errors import in_answer
from .messages import PLAN

FINISHES = {
    "COMPLETE": Finish.STOP,
    "STOP_SEQUENCE": Finish.STOP,
    "MAX_TOKENS": Finish.LENGTH,
    "TOOL_CALL": Finish.TOOL_CALLS,
}
"""Why an answer ended; any other (``"TIMEOUT"``) is ``OTHER``. ``"ERROR"`` is no end, but an error."""


class EventReader:
    """Reads the events of one answer, each a decoded JSON value.

    Args:
        name: The backend, under whose name ``opaque`` data is kept.

    Attributes:
        failure: What went wrong; the events that were returned came before it.
        finished: Whether ``message-end`` has come. Nothing but ``[DONE]`` follows it.
    """

    def __init__(self, name: str) -> None:
        self.failure: BackbayError | None = None
        self.finished = False
        self._name = name
        self._started = False
        self._raw_finish: str | None = None
        self._plan = ""
        self._plan_kept = False
        self._calls = ToolDeltas()
        self._details: dict[str, Any] = {}

    @property
    def complete(self) -> bool:
        """Whether nothing can follow."""
        return self.finished

    def read(self, chunk: object) -> Sequence[Event]:
        """Take the next event; return what it means."""
        if not isinstance(chunk, dict):
            self.failure = DecodeError(f"An event of the stream is a JSON {type(chunk).__name__}, not an object.")
            return ()
        kind = chunk.get("type")
        if not isinstance(kind, str) or kind == "error":
            self.failure = in_answer(chunk)
            return ()
        delta = _object(chunk.get("delta"))
        message = _object(delta.get("message"))
        events: list[Event] = []
        match kind:
            case "message-start":
                self._start(chunk, events)
            case "content-start" | "content-delta":
                self._read_content(_object(message.get("content")), events)
                self._add("logprobs", chunk.get("logprobs"))
            case "tool-plan-delta":
                self._plan += _text(message.get("tool_plan"))
            case "tool-call-start" | "tool-call-delta":
                self._read_call(chunk.get("index"), _object(message.get("tool_calls")), events)
            case "citation-start":
                self._add("citations", message.get("citations"))
            case "message-end":
                self._finish(chunk, delta, events)
        return events

    def end(self) -> Sequence[Event]:
        """Take the end of the answer; return its last events, ``Ended`` among them."""
        events: list[Event] = []
        self._send(self._calls.end(), events)
        if self._calls.nameless:
            self.failure = DecodeError("A tool call of the answer has no name.")
            return events
        finish = FINISHES.get(self._raw_finish or "", Finish.OTHER)
        if self._calls and (finish is Finish.STOP or self._raw_finish is None):
            finish = Finish.TOOL_CALLS
        if self._plan:
            self._details[PLAN] = self._plan
        if "logprobs" in self._details:
            self._details["logprobs"] = {"content": self._details["logprobs"]}
        events.append(Ended(finish, self._raw_finish, None, self._details or None))
        return events

    def _start(self, chunk: Mapping[str, Any], events: list[Event]) -> None:
        answer_id = _text(chunk.get("id"))
        if answer_id and not self._started:
            self._started = True
            self._calls.name_answer(answer_id)
            events.append(Started(None, answer_id))  # No answer names its model (recorded).

    def _read_content(self, content: Mapping[str, Any], events: list[Event]) -> None:
        # What a stream begins with comes before anything else; later it would be too late for Started.
        self._started = True
        for name in ("thinking", "text"):
            piece = content.get(name)
            if piece is not None and not isinstance(piece, str):
                self.failure = DecodeError(f"{name} is a JSON {type(piece).__name__}, not a string.")
            elif piece:
                events.append(Thinking(piece) if name == "thinking" else Text(piece))

    def _read_call(self, index: object, call: Mapping[str, Any], events: list[Event]) -> None:
        self._started = True
        delta = {"id": call.get("id"), "function": call.get("function")}
        if isinstance(index, int):
            delta["index"] = index
        self._send(self._calls.add(delta), events)

    def _send(self, deltas: Iterable[ToolDelta], events: list[Event]) -> None:
        """Add deltas of calls; the first of all takes the plan with it, so that it goes back with the call."""
        for delta in deltas:
            if self._plan and not self._plan_kept:
                self._plan_kept = True
                delta.opaque = {self._name: {PLAN: self._plan}}
            events.append(delta)

    def _finish(self, chunk: Mapping[str, Any], delta: Mapping[str, Any], events: list[Event]) -> None:
        self._raw_finish = _text(delta.get("finish_reason")) or None
        if not self._started:
            self._start(chunk, events)
        usage = read_usage(delta.get("usage"))
        if usage is not None:
            events.append(UsageSeen(usage))
        if self._raw_finish == "ERROR" or delta.get("error"):
            self.failure = in_answer(delta)
            return
        self.finished = True

    def _add(self, name: str, value: object) -> None:
        """Keep one object of the vendor's, or several."""
        found = value if isinstance(value, list) else [value] if value else []
        if found:
            self._details.setdefault(name, []).extend(found)


def read_usage(value: object) -> Usage | None:
    """Return the token counts of an answer; ``None`` if there are none.

    ``tokens`` is what the model read and wrote, its own template included; ``billed_units`` is what is paid for, and
    stands in ``raw``. Tokens of images are counted beside ``input_tokens`` (recorded), and stand there too.
    """
    usage = _object(value)
    tokens = _object(usage.get("tokens"))
    counts = (
        whole_number(tokens.get("input_tokens")),
        whole_number(tokens.get("output_tokens")),
        whole_number(usage.get("cached_tokens")),
        whole_number(tokens.get("reasoning_tokens")),
    )
    if all(count is None for count in counts):
        return None
    return Usage(input=counts[0], output=counts[1], cached=counts[2], reasoning=counts[3], raw=usage)


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
