"""Streams of the responses dialect.

Source: OpenAI's API reference, Streaming events (read 2026-11-21). Items follow one another; only where a vendor mixes
the deltas of several tool calls do several stand open at once, told apart by their index. The last event has the whole
answer, as the vendor's has.
"""

from __future__ import annotations

from json.encoder import encode_basestring_ascii
from typing import Any

from backbay.errors import BackbayError, BadRequestError, RateLimitError, RequestError
from backbay.events import Ended, Event, Started, Text, Thinking, ToolDelta, UsageSeen
from backbay.response import Usage

from . import openai_responses_answer as answers
from .base import Ask, Writer
from .envelopes import Envelopes
from .openai_errors import error_body
from .pieces import event, made_id, whole


class _Item:
    """An output item that has begun; ``late`` is what a vendor wants back of a call, said after its beginning."""

    __slots__ = ("fragments", "id", "kind", "late", "number", "open", "told")

    def __init__(self, kind: type, number: int, told: ToolDelta | None = None) -> None:
        self.kind = kind
        self.number = number
        self.id = made_id({Text: "msg_", Thinking: "rs_"}.get(kind, "fc_"))
        self.told = told
        self.fragments: list[str] = []
        self.late: dict[str, Any] = {}
        self.open = True

    @property
    def text(self) -> str:
        """All that was said of it."""
        return "".join(self.fragments)


class ResponseWriter(Writer):
    """Writes one answer."""

    def __init__(self, ask: Ask, envelopes: Envelopes) -> None:
        self._ask = ask
        self._envelopes = envelopes
        self._begun: dict[str, Any] | None = None
        self._sequence = 0
        self._usage: Usage | None = None
        self._output: dict[int, answers.Item] = {}
        self._next = 0
        self._said: _Item | None = None  # The open item of text or thinking.
        self._delta = ""  # What stands before the number and the text of each of its deltas.
        self._calls: dict[int, _Item] = {}

    def feed(self, event: Event) -> bytes:
        """Return what the client must be told of an event."""
        if type(event) is Text and self._said is not None and self._said.kind is Text:
            return self._more(event.delta)  # What nearly all events are.
        if isinstance(event, Started):
            return self._begin(event)
        written = self._begin(Started()) if self._begun is None else b""
        if isinstance(event, Text):
            return written + self._say(Text, event.delta)
        if isinstance(event, Thinking):
            return written + self._think(event)
        if isinstance(event, ToolDelta):
            return written + self._call(event)
        if isinstance(event, UsageSeen):
            self._usage = event.usage if self._usage is None else self._usage.merged(event.usage)
        elif isinstance(event, Ended):
            return written + self._end(event)
        return written

    def fail(self, error: BackbayError) -> bytes:
        """Return ``response.failed`` and, for clients that look for nothing else, an ``error`` event."""
        written = self._begin(Started()) if self._begun is None else b""
        told = error_body(error)["error"]
        code = "invalid_prompt" if isinstance(error, BadRequestError | RequestError) else "server_error"
        code = "rate_limit_exceeded" if isinstance(error, RateLimitError) else code
        output = [self._output[number] for number in sorted(self._output)]
        ended = {"status": "failed", "error": {"code": code, "message": told["message"]}}
        failed = answers.finished(self._begun or {}, output, ended, self._usage)
        written += self._event("response.failed", response=failed)
        named = {name: told[name] for name in ("code", "message", "param")}
        return written + self._event("error", **named, error=told)

    def _event(self, name: str, /, **fields: object) -> bytes:
        self._sequence += 1
        return event(name, {"type": name, "sequence_number": self._sequence - 1, **fields})

    def _begin(self, first: Started) -> bytes:
        self._begun = answers.started(self._ask, first.model, first.id)
        created = self._event("response.created", response=self._begun)
        return created + self._event("response.in_progress", response=self._begun)

    def _open(self, kind: type, told: ToolDelta | None = None) -> tuple[_Item, bytes]:
        """Begin an item. Those before it that are whole are closed."""
        written = self._close_said() + self._close_calls(every=False)
        item, self._next = _Item(kind, self._next, told), self._next + 1
        added = self._item(item, "in_progress", None)
        return item, written + self._event("response.output_item.added", output_index=item.number, item=added)

    def _item(self, item: _Item, status: str, sealed: str | None) -> answers.Item:
        text = item.text
        if item.kind is Text:
            parts = [answers.text_part(text)] if text else []
            return answers.message_item(item.id, *parts, status=status)
        if item.told is None:
            return answers.reasoning_item(item.id, text, sealed)
        return answers.call_item(item.id, item.told.id, item.told.name, text, status)

    def _say(self, kind: type, delta: str) -> bytes:
        written = b""
        if self._said is None or self._said.kind is not kind:
            self._said, written = self._open(kind)
            written += self._open_part(self._said)
        return written + self._more(delta)

    def _more(self, delta: str) -> bytes:
        assert self._said is not None
        self._said.fragments.append(delta)
        number = self._sequence
        self._sequence = number + 1
        return f'{self._delta}{number},"delta":{encode_basestring_ascii(delta)}}}\n\n'.encode()

    def _open_part(self, item: _Item) -> bytes:
        where = {"item_id": item.id, "output_index": item.number}
        if item.kind is Text:
            name, index = "response.output_text.delta", '"content_index":0,"logprobs":[]'
            added = self._event("response.content_part.added", **where, content_index=0, part=answers.text_part(""))
        else:
            name, index = "response.reasoning_summary_text.delta", '"summary_index":0'
            part = {"type": "summary_text", "text": ""}
            added = self._event("response.reasoning_summary_part.added", **where, summary_index=0, part=part)
        self._delta = (
            f'event: {name}\ndata: {{"type":"{name}","item_id":"{item.id}","output_index":{item.number},{index},'
            '"sequence_number":'
        )
        return added

    def _think(self, event: Thinking) -> bytes:
        written = self._say(Thinking, event.delta) if event.delta else b""
        if event.opaque is None:
            return written
        sealed = self._envelopes.seal(event.opaque)
        if self._said is not None and self._said.kind is Thinking:
            return written + self._close_said(sealed)
        return written + self._keep(sealed)

    def _keep(self, sealed: str) -> bytes:
        item, written = self._open(Thinking)
        return written + self._done(item, sealed=sealed)

    def _call(self, event: ToolDelta) -> bytes:
        call, written = self._calls.get(event.index), b""
        if call is None:
            if event.opaque:
                written = self._keep(self._envelopes.seal(event.opaque, call=event.id))
            call, before = self._open(ToolDelta, event)
            self._calls[event.index] = call
            written += before
        elif event.opaque:
            call.late.update(event.opaque)
            # An item that is open goes on: a thought must not come back in two pieces.
            written = b"" if call.open or self._said is not None else self._keep_late(call)
        # Behind arguments that were whole nothing but white space can follow.
        return written + self._argue(call, event.fragment) if call.open else written

    def _argue(self, call: _Item, fragment: str) -> bytes:
        if not fragment:
            return b""
        call.fragments.append(fragment)
        where = {"item_id": call.id, "output_index": call.number}
        return self._event("response.function_call_arguments.delta", **where, delta=fragment)

    def _keep_late(self, call: _Item) -> bytes:
        assert call.told is not None
        sealed, call.late = self._envelopes.seal(call.late, call=call.told.id), {}
        return self._keep(sealed)

    def _close_said(self, sealed: str | None = None, status: str = "completed") -> bytes:
        item, self._said = self._said, None
        if item is None:
            return b""
        where = {"item_id": item.id, "output_index": item.number}
        text = item.text
        if item.kind is Text:
            written = self._event("response.output_text.done", **where, content_index=0, text=text, logprobs=[])
            part = answers.text_part(text)
            written += self._event("response.content_part.done", **where, content_index=0, part=part)
        else:
            written = self._event("response.reasoning_summary_text.done", **where, summary_index=0, text=text)
            part = {"type": "summary_text", "text": text}
            written += self._event("response.reasoning_summary_part.done", **where, summary_index=0, part=part)
        return written + self._done(item, sealed=sealed, status=status)

    def _close_calls(self, *, every: bool, status: str = "completed") -> bytes:
        """Close the calls that are whole, or every one; what is to be kept of a call comes right after it."""
        written = b""
        closed = [call for call in self._calls.values() if call.open and (every or whole(call.fragments))]
        for call in closed:
            if not call.text.strip():
                written += self._argue(call, "{}")
            call.open = False
            where = {"item_id": call.id, "output_index": call.number}
            written += self._event("response.function_call_arguments.done", **where, arguments=call.text)
            written += self._done(call, status=status)
        for call in self._calls.values():
            if call.late and not call.open:
                written += self._keep_late(call)
        return written

    def _done(self, item: _Item, *, sealed: str | None = None, status: str = "completed") -> bytes:
        whole_item = self._output[item.number] = self._item(item, status, sealed)
        return self._event("response.output_item.done", output_index=item.number, item=whole_item)

    def _refuse(self, refusal: str) -> bytes:
        item, written = self._open(Text)
        where = {"item_id": item.id, "output_index": item.number, "content_index": 0}
        part = answers.refusal_part(refusal)
        written += self._event("response.content_part.added", **where, part=answers.refusal_part(""))
        written += self._event("response.refusal.delta", **where, delta=refusal)
        written += self._event("response.refusal.done", **where, refusal=refusal)
        written += self._event("response.content_part.done", **where, part=part)
        message = self._output[item.number] = answers.message_item(item.id, part)
        return written + self._event("response.output_item.done", output_index=item.number, item=message)

    def _end(self, ended: Ended) -> bytes:
        ending = answers.ending_of(ended.finish, ended.refusal)
        status = ending["status"]
        written = self._close_said(status=status) + self._close_calls(every=True, status=status)
        if ended.refusal is not None:
            written += self._refuse(ended.refusal)
        output = [self._output[number] for number in sorted(self._output)]
        response = answers.finished(self._begun or {}, output, ending, self._usage)
        return written + self._event(f"response.{status}", response=response)
