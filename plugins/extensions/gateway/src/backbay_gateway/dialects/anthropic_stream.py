"""Streams of the messages dialect.

Source: Anthropic's guide "Streaming messages" (read 2026-11-21). ``message_start`` waits for the first event that says
something, so that it has the prompt's token count where the backend tells it early. Blocks follow one another; only
where a vendor mixes the deltas of several tool calls do several stand open at once, told apart by their index.
"""

from __future__ import annotations

from json.encoder import encode_basestring_ascii
from typing import Any

from backbay.errors import BackbayError
from backbay.events import Ended, Event, Started, Text, Thinking, ToolDelta, UsageSeen
from backbay.response import Usage

from .anthropic_answer import kept_block, message_of, shows_thinking, stop_of, usage_of
from .anthropic_errors import body_of, status_and_words
from .base import Ask, Writer
from .envelopes import Envelopes
from .pieces import event, whole


class _Call:
    """A tool call that has begun; ``late`` is what a vendor wants back of it, said after its beginning."""

    __slots__ = ("fragments", "id", "late", "number", "open")

    def __init__(self, number: int, call_id: str) -> None:
        self.number = number
        self.id = call_id
        self.fragments: list[str] = []
        self.late: dict[str, Any] = {}
        self.open = True


class MessageWriter(Writer):
    """Writes one answer."""

    def __init__(self, ask: Ask, envelopes: Envelopes) -> None:
        self._ask = ask
        self._envelopes = envelopes
        self._shown = shows_thinking(ask)
        self._started: Started | None = None
        self._begun = False
        self._usage: Usage | None = None
        self._next = 0
        self._said: type | None = None  # What the open block of text or thinking is; None if there is none.
        self._delta = ""  # What stands before each delta of that block.
        self._unshown: list[str] = []
        self._calls: dict[int, _Call] = {}

    def feed(self, event: Event) -> bytes:
        """Return what the client must be told of an event."""
        if type(event) is Text:
            return self._say(Text, event.delta)
        if isinstance(event, Thinking):
            return self._think(event)
        if isinstance(event, ToolDelta):
            return self._call(event)
        if isinstance(event, UsageSeen):
            self._usage = event.usage if self._usage is None else self._usage.merged(event.usage)
        elif isinstance(event, Started):
            self._started = event
        elif isinstance(event, Ended):
            return self._end(event)
        return b""

    def fail(self, error: BackbayError) -> bytes:
        """Return the error as an ``error`` event."""
        status, words = status_and_words(error)
        return event("error", body_of(status, words, None))

    def ping(self) -> bytes:
        """Return the wire's own event for this."""
        return event("ping", {"type": "ping"})

    def _begin(self) -> bytes:
        if self._begun:
            return b""
        self._begun = True
        started = self._started or Started()
        message = message_of(started.model or self._ask.model, started.id)
        return event("message_start", {"type": "message_start", "message": {**message, "usage": usage_of(self._usage)}})

    def _start(self, block: dict[str, Any]) -> tuple[int, bytes]:
        """Return the next block's number, and what begins it. Blocks before it that are whole are closed."""
        before = self._begin() + self._close_said() + self._close_calls(every=False)
        number, self._next = self._next, self._next + 1
        start = {"type": "content_block_start", "index": number, "content_block": block}
        return number, before + event("content_block_start", start)

    def _say(self, kind: type, delta: str) -> bytes:
        before = b"" if self._said is kind else self._open_said(kind)
        return before + f"{self._delta}{encode_basestring_ascii(delta)}}}}}\n\n".encode()

    def _open_said(self, kind: type) -> bytes:
        text = kind is Text
        block = {"type": "text", "text": ""} if text else {"type": "thinking", "thinking": "", "signature": ""}
        number, before = self._start(block)
        delta, field = ("text_delta", "text") if text else ("thinking_delta", "thinking")
        self._said = kind
        self._delta = (
            f'event: content_block_delta\ndata: {{"type":"content_block_delta","index":{number},'
            f'"delta":{{"type":"{delta}","{field}":'
        )
        return before

    def _think(self, event: Thinking) -> bytes:
        written = b""
        if event.delta and self._shown:
            written = self._say(Thinking, event.delta)
        elif event.delta:
            written = b"" if self._said is Thinking else self._open_said(Thinking)
            self._unshown.append(event.delta)
        if event.opaque is None:
            return written
        if self._said is Thinking:
            return written + self._close_said(dict(event.opaque))
        return written + self._keep(self._envelopes.seal(event.opaque))

    def _keep(self, sealed: str) -> bytes:
        number, before = self._start(kept_block(sealed))
        return before + _stop(number)

    def _call(self, event: ToolDelta) -> bytes:
        call, written = self._calls.get(event.index), b""
        if call is None:
            if event.opaque:
                written = self._keep(self._envelopes.seal(event.opaque, call=event.id))
            block = {"type": "tool_use", "id": event.id, "name": event.name, "input": {}}
            number, before = self._start(block)
            call = self._calls[event.index] = _Call(number, event.id)
            written += before
        elif event.opaque:
            call.late.update(event.opaque)
            # A block that is open goes on: a thought must not come back in two pieces.
            written = b"" if call.open or self._said is not None else self._keep_late(call)
        if event.fragment and call.open:  # Behind arguments that were whole nothing but white space can follow.
            call.fragments.append(event.fragment)
            written += _delta(call.number, {"type": "input_json_delta", "partial_json": event.fragment})
        return written

    def _keep_late(self, call: _Call) -> bytes:
        sealed, call.late = self._envelopes.seal(call.late, call=call.id), {}
        return self._keep(sealed)

    def _close_said(self, opaque: dict[str, Any] | None = None) -> bytes:
        """Close the open block of text or thinking, with the signature of what was thought."""
        if self._said is None:
            return b""
        number, thought = self._next - 1, self._said is Thinking
        self._said = None
        if not thought or not (opaque or self._unshown):
            return _stop(number)
        text = "".join(self._unshown) if self._unshown else None
        self._unshown = []
        sealed = self._envelopes.seal(opaque or {}, text=text)
        return _delta(number, {"type": "signature_delta", "signature": sealed}) + _stop(number)

    def _close_calls(self, *, every: bool) -> bytes:
        """Close the calls that are whole, or every one; what is to be kept of a call comes right after it."""
        written = b""
        closed = [call for call in self._calls.values() if call.open and (every or whole(call.fragments))]
        for call in closed:
            call.open = False
            written += _stop(call.number)
        for call in self._calls.values():
            if call.late and not call.open:
                written += self._keep_late(call)
        return written

    def _end(self, ended: Ended) -> bytes:
        written = self._begin() + self._close_said() + self._close_calls(every=True)
        delta = stop_of(ended.finish, ended.raw_finish, ended.refusal, ended.details)
        change = {"type": "message_delta", "delta": delta, "usage": usage_of(self._usage)}
        return written + event("message_delta", change) + event("message_stop", {"type": "message_stop"})


def _delta(number: int, delta: dict[str, Any]) -> bytes:
    return event("content_block_delta", {"type": "content_block_delta", "index": number, "delta": delta})


def _stop(number: int) -> bytes:
    return event("content_block_stop", {"type": "content_block_stop", "index": number})
