"""Events of the messages wire turned into ours. A whole answer is read as the events that would carry it.

What must go back to the vendor, and has no place in our messages, becomes ``opaque`` data under the backend's name:

    {"signature": "..."}                          of the thinking before it
    {"block": {...}}                              a whole block: redacted thinking, tools that the vendor runs
    {"text": {"characters": n, "citations": []}}  the last n characters before it are a block of their own
    {"calls": n}                                  what comes next stood after the first n tool calls
    {"caller": {...}}                             of a tool call

Source: Anthropic's reference (Streaming messages), and recorded traffic.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from ..errors import BackbayError, DecodeError
from ..events import Ended, Event, Started, Text, Thinking
from ..response import Finish
from .anthropic_reading import FINISHES, Block, UsageSoFar, failure_of, listed, number, word
from .reading import load_chunk
from .tool_deltas import ToolDeltas

_KEPT = ("stop_details", "container", "context_management")
_TELLING = ("text_delta", "thinking_delta", "signature_delta")
"""Deltas that say which block they are of, should a server leave out its beginning."""


class MessageReader:
    """Reads the events of one answer, each a decoded JSON object.

    Args:
        name: The backend, under whose name ``opaque`` data and details of its own are kept.

    Attributes:
        failure: What went wrong; the events that were returned came before it.
        finished: Whether the vendor said why the answer ended.
        complete: Whether it said that nothing follows.
    """

    def __init__(self, name: str) -> None:
        self.failure: BackbayError | None = None
        self.complete = False
        self._name = name
        self._begun = False
        self._open: dict[int, Block] = {}
        self._calls = ToolDeltas()
        self._started_calls = 0
        self._placed_calls = 0
        self._run = 0  # Characters of text since the last event that was something else.
        self._usage = UsageSoFar()
        self._raw_finish: str | None = None
        self._refusal: str | None = None
        self._details: dict[str, Any] = {}
        self._own_details: dict[str, Any] = {}

    @property
    def finished(self) -> bool:
        """Whether a stop reason, or the end of the message, has come."""
        return self.complete or self._raw_finish is not None

    def read(self, chunk: object) -> Sequence[Event]:
        """Take the next event; return ours. Kinds that nobody knows yet are passed over, as the vendor asks."""
        if not isinstance(chunk, dict):
            self.failure = DecodeError(f"An event of the answer is a JSON {type(chunk).__name__}, not an object.")
            return ()
        kind = chunk.get("type")
        if kind == "content_block_delta":
            index = chunk.get("index")
            if type(index) is int or index is None:
                return self._delta(index, chunk.get("delta"))
            self.failure = DecodeError(f"The index of a block is a JSON {type(index).__name__}.")
            return ()
        if kind == "content_block_start":
            return self._start(chunk.get("index"), chunk.get("content_block"))
        if kind == "content_block_stop":
            return list(self._stop(self._open.pop(number(chunk.get("index")), None)))
        if kind == "message_start":
            return self._begin(chunk.get("message"))
        if kind == "message_delta":
            return self._message_delta(chunk)
        if kind == "message_stop":
            self.complete = True
        elif kind == "error" or chunk.get("error"):
            self.failure = failure_of(chunk)
        return ()

    def end(self) -> Sequence[Event]:
        """Take the end of the answer; return its last events, ``Ended`` among them."""
        events = self._close()
        if self._calls.nameless:
            self.failure = DecodeError("A tool call of the answer has no name.")
            return events
        if self._own_details:
            self._details[self._name] = self._own_details
        finish = FINISHES.get(self._raw_finish or "", Finish.OTHER)
        if self._calls and (finish is Finish.STOP or self._raw_finish is None):
            finish = Finish.TOOL_CALLS
        events.append(Ended(finish, self._raw_finish, self._refusal, self._details or None))
        return events

    def _begin(self, message: object) -> list[Event]:
        message = message if isinstance(message, dict) else {}
        model, answer_id = word(message.get("model")), word(message.get("id"))
        self._calls.name_answer(answer_id or "")
        self._keep(message)
        events: list[Event] = [] if self._begun else [Started(model, answer_id)]
        self._begun = True
        return [*events, *self._usage.add(message.get("usage"))]

    def _start(self, index: object, block: object) -> list[Event]:
        self._begun = True
        started = Block(number(index), block if isinstance(block, dict) else {})
        events = list(self._stop(self._open.pop(started.index, None)))
        self._open[started.index] = started
        if started.kind == "tool_use":
            return [*events, *self._call(started)]
        events += self._after_calls()
        if started.kind == "text":
            started.citations += listed(started.start.get("citations"))
            events += self._text(started, started.start.get("text"))
        elif started.kind == "thinking":
            started.signature = word(started.start.get("signature")) or ""
            events += self._thought(started.start.get("thinking"))
        return events

    def _delta(self, index: object, delta: object) -> Sequence[Event]:
        if not isinstance(delta, dict):
            return ()
        kind = delta.get("type")
        block = self._open.get(number(index))
        if block is None:
            if kind not in _TELLING:
                return ()
            begun = self._start(index, {"type": "text" if kind == "text_delta" else "thinking"})
            return [*begun, *self._delta(index, delta)]
        if kind == "text_delta":
            return self._text(block, delta.get("text"))
        if kind == "thinking_delta":
            return self._thought(delta.get("thinking"))
        if kind == "input_json_delta" and isinstance(delta.get("partial_json"), str):
            return self._input(block, delta["partial_json"])
        if kind == "signature_delta":
            block.signature += word(delta.get("signature")) or ""
        elif kind == "citations_delta" and delta.get("citation") is not None:
            block.citations.append(delta["citation"])
        elif kind == "compaction_delta":
            block.start = {**block.start, **{key: value for key, value in delta.items() if key != "type"}}
        return ()

    def _text(self, block: Block, text: object) -> list[Event]:
        if not isinstance(text, str) or not text:
            return []
        block.characters += len(text)
        self._run += len(text)
        return [Text(text)]

    def _thought(self, text: object) -> list[Event]:
        if not isinstance(text, str) or not text:
            return []
        self._run = 0
        return [Thinking(text)]

    def _input(self, block: Block, fragment: str) -> list[Event]:
        if fragment:
            block.pieces.append(fragment)
        if block.kind != "tool_use" or not fragment:
            return []
        return list(self._calls.add({"index": block.index, "function": {"arguments": fragment}}))

    def _call(self, block: Block) -> list[Event]:
        function = {"name": block.start.get("name"), "arguments": ""}
        found = list(self._calls.add({"index": block.index, "id": block.start.get("id"), "function": function}))
        found += self._calls.end()  # Its name is whole already.
        if found and isinstance(block.start.get("caller"), dict):
            found[-1].opaque = {self._name: {"caller": block.start["caller"]}}
        self._started_calls += 1
        self._run = 0
        return list(found)

    def _after_calls(self) -> list[Event]:
        """Note that a block stands after tool calls, which our messages have at their end."""
        if self._placed_calls == self._started_calls:
            return []
        self._placed_calls = self._started_calls
        return [self._mark({"calls": self._started_calls})]

    def _stop(self, block: Block | None) -> Iterator[Event]:
        if block is None:
            return
        if block.kind == "text":
            yield from self._end_text(block)
        elif block.kind == "thinking":
            if block.signature:
                yield self._mark({"signature": block.signature})
        elif block.kind == "tool_use":
            whole = block.start.get("input")
            if not block.pieces and whole:
                text = whole if isinstance(whole, str) else json.dumps(whole, ensure_ascii=False)
                yield from self._input(block, text)
        elif block.kind == "redacted_thinking":
            yield self._mark({"block": block.start})
        elif block.kind is not None:
            yield from self._end_hosted(block)

    def _end_text(self, block: Block) -> Iterator[Event]:
        if block.citations:
            self._details.setdefault("citations", []).extend(block.citations)
        if block.characters and (block.citations or self._run > block.characters):
            cited = {"citations": block.citations} if block.citations else {}
            yield self._mark({"text": {"characters": block.characters, **cited}})

    def _end_hosted(self, block: Block) -> Iterator[Event]:
        """End a block of a tool that the vendor runs, or of a kind that nobody knows yet; it goes back as it came."""
        if block.pieces:
            text = "".join(block.pieces)
            try:
                block.start = {**block.start, "input": load_chunk(text)}
            except ValueError:
                # Cut off: it can be shown, but not be sent back.
                self._details.setdefault("server_tools", []).append({**block.start, "input": text})
                return
        self._details.setdefault("server_tools", []).append(block.start)
        yield self._mark({"block": block.start})

    def _mark(self, data: dict[str, Any]) -> Event:
        self._run = 0
        return Thinking("", {self._name: data})

    def _close(self) -> list[Event]:
        """End the blocks that are open still, as at the end of an answer that was cut off."""
        events = [event for index in sorted(self._open) for event in self._stop(self._open[index])]
        self._open.clear()
        return [*events, *self._calls.end()]

    def _message_delta(self, chunk: dict[str, Any]) -> list[Event]:
        self._begun = True
        delta = chunk.get("delta") if isinstance(chunk.get("delta"), dict) else {}
        events: list[Event] = []
        if delta and delta.get("stop_reason"):
            self._raw_finish = str(delta["stop_reason"])
            events = self._close()
        if delta and delta.get("stop_sequence") is not None:
            self._details["stop_sequence"] = delta["stop_sequence"]
        self._keep({**chunk, **(delta or {})})
        return [*events, *self._usage.add(chunk.get("usage"))]

    def _keep(self, found: dict[str, Any]) -> None:
        self._own_details.update({name: found[name] for name in _KEPT if found.get(name)})
        details = found.get("stop_details")
        if isinstance(details, dict) and details.get("type") == "refusal":
            self._refusal = word(details.get("explanation"))
