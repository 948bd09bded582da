"""Events of ConverseStream turned into ours. A whole answer is read as the events that would carry it.

What must go back to Bedrock, and has no place in our messages, becomes ``opaque`` data under the backend's name:

    {"signature": "..."}                           of the thinking before it
    {"block": {...}}                               a whole block: redacted thinking, tools that Bedrock runs
    {"cited": {"characters": n, "citations": []}}  the last n characters before it are a block with citations
    {"calls": n}                                   what comes next stood after the first n tool calls

Source: the API reference (ConverseStreamOutput), and recorded traffic.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from backbay.errors import BackbayError, DecodeError
from backbay.events import Ended, Event, Started, Text, Thinking, UsageSeen
from backbay.response import Finish
from backbay.wires.reading import load_chunk
from backbay.wires.tool_deltas import ToolDeltas

from .errors import failure_of
from .reading import FINISHES, Block, joined, listed, usage_of

_KEPT = ("metrics", "trace", "performanceConfig", "serviceTier", "additionalModelResponseFields")


class ConverseReader:
    """Reads the events of one answer, each ``{"name of the event": {...}}``.

    Args:
        name: The backend, under whose name ``opaque`` data and details of its own are kept.

    Attributes:
        failure: What went wrong; the events that were returned came before it.
    """

    def __init__(self, name: str) -> None:
        self.failure: BackbayError | None = None
        self._name = name
        self._begun = False
        self._open: dict[int, Block] = {}
        self._calls = ToolDeltas()
        self._started_calls = 0
        self._placed_calls = 0
        self._raw_finish: str | None = None
        self._told = False
        self._details: dict[str, Any] = {}
        self._own_details: dict[str, Any] = {}

    @property
    def finished(self) -> bool:
        """Whether a stop reason has come."""
        return self._raw_finish is not None

    @property
    def complete(self) -> bool:
        """Whether the metadata have come too, which are the last event."""
        return self._told and self.finished

    def read(self, chunk: object) -> Sequence[Event]:
        """Take the next event; return ours. Kinds that nobody knows yet are passed over."""
        if not isinstance(chunk, dict):
            self.failure = DecodeError(f"An event of the answer is a JSON {type(chunk).__name__}, not an object.")
            return ()
        self.failure = failure_of(chunk)
        if self.failure is not None:
            return ()
        name, event = next(iter(chunk.items()), ("", None))
        return list(self._event(name, event)) if isinstance(event, dict) else ()

    def _event(self, name: str, event: dict[str, Any]) -> Iterable[Event]:
        match name:
            case "contentBlockDelta":
                return self._delta(_number(event), event.get("delta"))
            case "contentBlockStart":
                return self._start(_number(event), event.get("start"))
            case "contentBlockStop":
                return self._stop(self._open.pop(_number(event), None))
            case "messageStart":
                return self._begin()
            case "messageStop":
                return self._message_stop(event)
            case "metadata":
                return self._metadata(event)
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
        events.append(Ended(finish, self._raw_finish, None, self._details or None))
        return events

    def _begin(self) -> list[Event]:
        # Converse has no id of an answer, and does not name the model.
        events: list[Event] = [] if self._begun else [Started()]
        self._begun = True
        return events

    def _message_stop(self, event: dict[str, Any]) -> list[Event]:
        self._begun = True
        if isinstance(event.get("stopReason"), str):
            self._raw_finish = event["stopReason"]
        self._keep(event)
        fields = event.get("additionalModelResponseFields")
        if isinstance(fields, dict) and fields.get("stop_sequence") is not None:
            # Claude's, where the caller asked for it by additionalModelResponseFieldPaths.
            self._details["stop_sequence"] = fields["stop_sequence"]
        return self._close()

    def _metadata(self, event: dict[str, Any]) -> list[Event]:
        self._begun = self._told = True
        self._keep(event)
        counted = usage_of(event.get("usage"))
        return [] if counted is None else [UsageSeen(counted)]

    def _keep(self, event: dict[str, Any]) -> None:
        self._own_details.update({name: event[name] for name in _KEPT if event.get(name)})

    def _start(self, index: int, start: object) -> Iterator[Event]:
        self._begun = True
        name, value = next(iter(start.items()), ("", None)) if isinstance(start, dict) else ("", None)
        yield from self._stop(self._open.pop(index, None))
        block = self._open[index] = Block()
        if not isinstance(value, dict):
            return
        block.name, block.start = name, value
        # A tool that Bedrock runs says so by its type; those of the caller have "tool_use", or none (recorded).
        if name == "toolUse" and value.get("type") in (None, "tool_use"):
            block.kind = "call"
            function = {"name": value.get("name"), "arguments": ""}
            yield from self._calls.add({"index": index, "id": value.get("toolUseId"), "function": function})
            yield from self._calls.end()  # Its name is whole already.
            self._started_calls += 1
        else:
            block.kind = "image" if name == "image" else "hosted"
            yield from self._after_calls()

    def _delta(self, index: int, delta: object) -> Iterator[Event]:
        self._begun = True
        if not isinstance(delta, dict):
            return
        block = self._open.setdefault(index, Block())
        if not block.kind:
            # Text and thinking begin without a word (recorded).
            block.kind = "thinking" if "reasoningContent" in delta else "text"
            yield from self._after_calls()
        if isinstance(delta.get("text"), str) and delta["text"]:
            block.characters += len(delta["text"])
            yield Text(delta["text"])
        if isinstance(delta.get("reasoningContent"), dict):
            yield from self._thought(block, delta["reasoningContent"])
        if isinstance(delta.get("toolUse"), dict):
            yield from self._input(index, block, delta["toolUse"].get("input"))
        if delta.get("citation") is not None:
            block.citations.append(delta["citation"])
        block.content += listed(delta.get("toolResult"))
        if isinstance(delta.get("image"), dict):
            source = delta["image"].get("source")
            block.pieces += [source["bytes"]] if isinstance(source, dict) and "bytes" in source else []

    def _thought(self, block: Block, delta: dict[str, Any]) -> Iterator[Event]:
        if isinstance(delta.get("text"), str) and delta["text"]:
            yield Thinking(delta["text"])
        if isinstance(delta.get("signature"), str):
            block.signature += delta["signature"]
        if isinstance(delta.get("redactedContent"), str):
            block.pieces.append(delta["redactedContent"])

    def _input(self, index: int, block: Block, fragment: object) -> Iterator[Event]:
        if not isinstance(fragment, str) or not fragment:
            return
        block.pieces.append(fragment)
        if block.kind == "call":
            yield from self._calls.add({"index": index, "function": {"arguments": fragment}})

    def _after_calls(self) -> Iterator[Event]:
        """Note that a block stands after tool calls, which our messages have at their end."""
        if self._placed_calls != self._started_calls:
            self._placed_calls = self._started_calls
            yield self._mark({"calls": self._started_calls})

    def _stop(self, block: Block | None) -> Iterator[Event]:
        if block is None:
            return
        if block.kind == "text" and block.citations:
            self._details.setdefault("citations", []).extend(block.citations)
            if block.characters:
                yield self._mark({"cited": {"characters": block.characters, "citations": block.citations}})
        elif block.kind == "thinking":
            if block.signature:
                yield self._mark({"signature": block.signature})
            if block.pieces:
                yield self._mark({"block": {"reasoningContent": {"redactedContent": joined(block.pieces)}}})
        elif block.kind == "image":
            source = {"source": {"bytes": joined(block.pieces)}} if block.pieces else {}
            self._details.setdefault("images", []).append({"image": {**block.start, **source}})
        elif block.kind == "hosted":
            yield from self._end_hosted(block)

    def _end_hosted(self, block: Block) -> Iterator[Event]:
        """End a block of a tool that Bedrock runs, or of a kind that nobody knows yet; it goes back as it came."""
        value, whole = dict(block.start), True
        if block.name == "toolUse":
            text = "".join(block.pieces)
            try:
                value["input"] = load_chunk(text) if text else {}
            except ValueError:
                value["input"], whole = text, False  # Cut off: it can be shown, but not be sent back.
        elif block.name == "toolResult":
            value["content"] = block.content
        self._details.setdefault("server_tools", []).append({block.name: value})
        if whole:
            yield self._mark({"block": {block.name: value}})

    def _mark(self, data: dict[str, Any]) -> Event:
        return Thinking("", {self._name: data})

    def _close(self) -> list[Event]:
        """End the blocks that are open still, as at the end of an answer that was cut off."""
        events = [event for index in sorted(self._open) for event in self._stop(self._open[index])]
        self._open.clear()
        return [*events, *self._calls.end()]


def _number(event: dict[str, Any]) -> int:
    index = event.get("contentBlockIndex")
    return index if isinstance(index, int) else 0
