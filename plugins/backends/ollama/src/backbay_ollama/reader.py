"""Answers of Ollama's own wire: lines of JSON, the last of which says ``"done": true``. A whole answer is one line."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from backbay.errors import BackbayError, DecodeError, ServerError
from backbay.events import Ended, Event, Started, Text, Thinking, UsageSeen
from backbay.http.errorbody import facts_of
from backbay.http.ndjson import NDJSONDecoder
from backbay.http.statuses import response_error
from backbay.response import Finish, Usage
from backbay.wires.reading import load_chunk
from backbay.wires.tool_deltas import ToolDeltas

FINISHES = {"stop": Finish.STOP, "length": Finish.LENGTH}
"""Why an answer ended, by ``done_reason``; any other (``"load"``, ``"unload"``) is ``OTHER``."""

_COUNTS = (
    "total_duration",
    "load_duration",
    "prompt_eval_count",
    "prompt_eval_cached_count",
    "prompt_eval_duration",
    "eval_count",
    "eval_duration",
)
"""What the last line tells of tokens, and of nanoseconds."""


class LineFrames:
    """Lines of JSON; half a line at the end of a body is a cut, and not a line."""

    def __init__(self) -> None:
        self._lines = NDJSONDecoder()

    def feed(self, data: bytes) -> Sequence[bytes]:
        """Take more bytes; return the lines that are complete now."""
        return self._lines.feed(data)

    def finish(self) -> Sequence[bytes]:
        """Take the end of the body; return the last line, if it is whole without its line end."""
        return [line for line in self._lines.finish() if _is_json(line)]


class LineReader:
    """Reads the lines of one answer, each a decoded JSON value.

    Attributes:
        failure: What went wrong; the events that were returned came before it.
        finished: Whether the line with ``"done": true`` has come. Nothing follows it.
    """

    def __init__(self) -> None:
        self.failure: BackbayError | None = None
        self.finished = False
        self._begun = False
        self._raw_finish: str | None = None
        self._calls = ToolDeltas()
        self._call_count = 0
        self._details: dict[str, Any] = {}

    @property
    def complete(self) -> bool:
        """Whether nothing can follow."""
        return self.finished

    def read(self, chunk: object) -> Sequence[Event]:
        """Take the next line; return its events."""
        if not isinstance(chunk, dict):
            self.failure = DecodeError(f"A line of the answer is a JSON {type(chunk).__name__}, not an object.")
            return ()
        if chunk.get("error"):
            self.failure = _failure(chunk)
            return ()
        message = chunk.get("message")
        # The last line had no message in the first versions of the server.
        if not isinstance(message, dict) and not (message is None and chunk.get("done") is True):
            self.failure = DecodeError("What came is no answer of this wire.", body=json.dumps(chunk)[:2000])
            return ()
        events: list[Event] = []
        if not self._begun:
            self._start(chunk, events)
        self._read_message(message or {}, events)
        logprobs = chunk.get("logprobs")
        if isinstance(logprobs, list) and logprobs:
            self._details.setdefault("logprobs", {"content": []})["content"].extend(logprobs)
        if chunk.get("done") is True and self.failure is None:
            self._finish(chunk, events)
        return events

    def end(self) -> Sequence[Event]:
        """Take the end of the answer; return its last events, ``Ended`` among them."""
        events: list[Event] = list(self._calls.end())
        if self._calls.nameless:
            self.failure = DecodeError("A tool call of the answer has no name.")
            return events
        finish = FINISHES.get(self._raw_finish or "", Finish.OTHER)
        # The server says "stop" beside calls (recorded), and older ones said nothing.
        if self._calls and (finish is Finish.STOP or self._raw_finish is None):
            finish = Finish.TOOL_CALLS
        events.append(Ended(finish, self._raw_finish, None, self._details or None))
        return events

    def _start(self, chunk: Mapping[str, Any], events: list[Event]) -> None:
        self._begun = True
        model = chunk.get("model")
        # An answer has no id; when it was made is the nearest to one, for the ids of calls that have none.
        self._calls.name_answer(f"{model} {chunk.get('created_at')}")
        if isinstance(model, str) and model:
            events.append(Started(model))

    def _read_message(self, message: Mapping[str, Any], events: list[Event]) -> None:
        if thought := self._piece(message, "thinking"):
            events.append(Thinking(thought))
        if piece := self._piece(message, "content"):
            events.append(Text(piece))
        calls = message.get("tool_calls")
        for call in calls if isinstance(calls, list) else ():
            # Each is whole; numbers are given only by some versions, and ids too (recorded).
            found = call if isinstance(call, dict) else {}
            delta = {"index": self._call_count, "id": found.get("id"), "function": found.get("function")}
            events.extend(self._calls.add(delta))
            self._call_count += 1
        images = message.get("images")
        if isinstance(images, list) and images:
            self._details.setdefault("images", []).extend(images)

    def _finish(self, chunk: Mapping[str, Any], events: list[Event]) -> None:
        self.finished = True
        reason = chunk.get("done_reason")
        self._raw_finish = reason if isinstance(reason, str) and reason else None
        usage = read_usage(chunk)
        if usage is not None:
            events.append(UsageSeen(usage))

    def _piece(self, message: Mapping[str, Any], name: str) -> str:
        piece = message.get(name)
        if piece is None or isinstance(piece, str):
            return piece or ""
        self.failure = DecodeError(f"{name} is a JSON {type(piece).__name__}, not a string.")
        return ""


def read_usage(value: Mapping[str, Any]) -> Usage | None:
    """Return the token counts of a last line, or of embeddings; ``None`` if there are none.

    The server leaves out a count that is 0, so that one that is missing is ``None``.
    """
    usage = Usage(
        input=count_of(value.get("prompt_eval_count")),
        output=count_of(value.get("eval_count")),
        cached=count_of(value.get("prompt_eval_cached_count")),
        raw={name: value[name] for name in _COUNTS if name in value},
    )
    return None if usage.input is None and usage.output is None and usage.cached is None else usage


def count_of(value: object) -> int | None:
    """Return a count, or ``None`` if it is none."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _is_json(line: bytes) -> bool:
    try:
        load_chunk(line)
    except ValueError:
        return False
    return True


def _failure(chunk: Mapping[str, Any]) -> BackbayError:
    """Return the error that came in place of an answer, or within it.

    Where it has no status of its own, it is what the server answers with 500 while nothing has been sent.
    """
    facts = facts_of(chunk, in_band=True)
    body = json.dumps(chunk, ensure_ascii=False).encode("utf-8", "replace")
    return response_error(200, {}, body, replace(facts, kind=facts.kind or ServerError), redact=str)
