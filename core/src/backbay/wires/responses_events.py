"""Events of the responses wire turned into ours. A whole answer is read as its last event, by the same code.

An event is known by its JSON ``type``. Some servers leave the list of items out of the last event (ChatGPT, recorded).
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
from .responses_calls import Calls, arguments_of, rest_of
from .responses_items import CALLS, Item, Items, Said, message_text, read_usage, thoughts

FINISHES = {
    "max_output_tokens": Finish.LENGTH,
    "content_filter": Finish.CONTENT_FILTER,
}
"""Why an answer is incomplete. Source: OpenAI's API reference, ``incomplete_details``; any other is ``OTHER``."""

_DELTAS: dict[str, Said] = {
    "response.output_text.delta": "text",
    "response.refusal.delta": "refusal",
    "response.reasoning_summary_text.delta": "summary",
    "response.reasoning_text.delta": "reasoning",
    "response.function_call_arguments.delta": "arguments",
    "response.custom_tool_call_input.delta": "arguments",
}
_DONE: dict[str, tuple[Said, str]] = {
    "response.output_text.done": ("text", "text"),
    "response.refusal.done": ("refusal", "refusal"),
    "response.reasoning_summary_text.done": ("summary", "text"),
    "response.reasoning_text.done": ("reasoning", "text"),
    "response.function_call_arguments.done": ("arguments", "arguments"),
    "response.custom_tool_call_input.done": ("arguments", "input"),
}
_LAST = ("response.completed", "response.incomplete", "response.failed", "response.cancelled")
_KEPT = ("service_tier", "content_filters", "moderation")
_NO_TOOLS = ("message", "reasoning", "compaction", *CALLS)


class ResponseReader:
    """Reads the events of one answer, each a decoded JSON object.

    Args:
        backend: The name under which vendor data is kept in ``opaque``.
        keep_ids: Whether the ids of messages are kept too, for a vendor that keeps answers itself.

    Attributes:
        failure: What went wrong; the events that were returned came before it.
        finished: Whether the vendor said that the answer is finished.
    """

    def __init__(self, backend: str, *, keep_ids: bool) -> None:
        self.failure: BackbayError | None = None
        self.finished = False
        self._backend = backend
        self._keep_ids = keep_ids
        self._started = False
        self._items = Items()
        self._calls = Calls()
        self._refusal: list[str] = []
        self._raw_finish: str | None = None
        self._reason: object = None
        self._details: dict[str, Any] = {}

    @property
    def complete(self) -> bool:
        """Whether nothing can follow: the last event has everything."""
        return self.finished

    def read(self, chunk: object) -> Sequence[Event]:
        """Take the next event; return ours."""
        if not isinstance(chunk, dict):
            self.failure = DecodeError(f"An event of the answer is a JSON {type(chunk).__name__}, not an object.")
            return ()
        events: list[Event] = []
        kind = _word(chunk.get("type")) or ""
        response = chunk.get("response")
        if isinstance(response, dict) and not self._started:
            self._start(response, events)
        if kind == "error" or (chunk.get("error") and not isinstance(response, dict)):
            self._fail(chunk)
        elif kind in _DELTAS:
            self._say(self._items.about(chunk), _DELTAS[kind], chunk.get("content_index"), chunk.get("delta"), events)
            self._note(chunk)
        elif kind in _DONE:
            said, field = _DONE[kind]
            self._complete_part(self._items.about(chunk), said, chunk.get("content_index"), chunk.get(field), events)
        elif kind in _LAST and isinstance(response, dict):
            self._last(response, str(response.get("status") or kind.removeprefix("response.")), events)
        else:
            self._read_item(kind, chunk, events)
        self._started = self._started or bool(events)
        return events

    def read_whole(self, raw: dict[str, Any]) -> Sequence[Event]:
        """Take an answer that is one object; return its events but for the last ones, which ``end`` returns."""
        events: list[Event] = []
        self._start(raw, events)
        status = raw.get("status")
        self._last(raw, status if isinstance(status, str) and status else None, events)
        return events

    def end(self) -> Sequence[Event]:
        """Take the end of the answer; return its last events, ``Ended`` among them."""
        events: list[Event] = list(self._calls.end())
        if self._calls.nameless:
            self.failure = DecodeError("A tool call of the answer has no name.")
            return events
        self._details |= self._items.details()
        refusal = "".join(self._refusal) or None
        events.append(Ended(self._finish(refusal), self._raw_finish, refusal, self._details or None))
        return events

    def _start(self, response: dict[str, Any], events: list[Event]) -> None:
        self._started = True
        model, answer_id = _word(response.get("model")), _word(response.get("id"))
        self._calls.name_answer(answer_id or "")
        events.append(Started(model, answer_id))

    def _read_item(self, kind: str, chunk: dict[str, Any], events: list[Event]) -> None:
        found = chunk.get("item")
        if kind == "response.output_item.added" and isinstance(found, dict):
            self._open(self._items.whole(chunk, found), found, events)
        elif kind == "response.output_item.done" and isinstance(found, dict):
            self._close(self._items.whole(chunk, found), found, events)
        elif kind == "response.output_text.annotation.added" and chunk.get("annotation"):
            self._items.about(chunk).annotations.append(chunk["annotation"])

    def _open(self, item: Item, found: dict[str, Any], events: list[Event]) -> None:
        if item.type is None:
            item.type, item.id, item.phase = _word(found.get("type")), _word(found.get("id")), found.get("phase")
            if item.type in CALLS:
                events.extend(self._calls.name(item.number, found))

    def _say(self, item: Item, said: Said, part: object, delta: object, events: list[Event]) -> None:
        """Take more of an item."""
        if not isinstance(delta, str) or not delta:
            return
        item.add(said, part, delta)
        if said == "arguments":
            events.extend(self._calls.more(item.number, delta))
        elif said == "refusal":
            self._refusal.append(delta)
        elif said == "text":
            self._mark(item, events)
            events.append(Text(delta))
        elif item.thinks(said):
            events.append(Thinking(delta))

    def _mark(self, item: Item, events: list[Event]) -> None:
        """Say which message a text is of, where the vendor wants to know that again."""
        reasoned = self._keep_ids and any(other.type == "reasoning" for other in self._items)
        if item.marked or not (item.phase or reasoned):
            return
        item.marked = True
        kept = {"id": item.id, "phase": item.phase}
        mark = {"type": "message", "role": "assistant"} | {name: value for name, value in kept.items() if value}
        events.append(Thinking("", self._opaque(item, mark)))

    def _complete_part(self, item: Item, said: Said, part: object, whole: object, events: list[Event]) -> None:
        if isinstance(whole, str):
            self._say(item, said, part, item.rest(said, whole, part), events)

    def _note(self, chunk: dict[str, Any]) -> None:
        if isinstance(chunk.get("logprobs"), list):
            self._items.about(chunk).logprobs += chunk["logprobs"]

    def _close(self, item: Item, found: dict[str, Any], events: list[Event]) -> None:
        """Take an item that is whole; say what was not said of it yet."""
        if item.closed:
            self._seal_anew(item, found, events)
            return
        self._open(item, found, events)
        item.closed = True
        if found.get("type") in CALLS:
            self._say(item, "arguments", 0, item.rest("arguments", arguments_of(found)), events)
            events.extend(self._calls.close(item.number, self._opaque(item, rest_of(found))))
        elif found.get("type") == "message":
            for said, whole in message_text(item, found):
                self._say(item, said, 0, item.rest(said, whole), events)
        else:
            if found.get("type") == "reasoning":
                for said, whole in thoughts(item, found):
                    self._say(item, said, 0, item.rest(said, whole), events)
            self._keep(item, found, events)

    def _keep(self, item: Item, found: dict[str, Any], events: list[Event]) -> None:
        item.sealed = found.get("encrypted_content")
        events.append(Thinking("", self._opaque(item, found)))
        if found.get("type") not in _NO_TOOLS:
            self._details.setdefault("server_tools", []).append(found)
        if found.get("type") == "image_generation_call" and found.get("result"):
            self._details.setdefault("images", []).append(found)

    def _seal_anew(self, item: Item, found: dict[str, Any], events: list[Event]) -> None:
        # The last event has the same reasoning encrypted once more (OpenAI, Azure, Copilot, recorded). The vendor's
        # own client keeps that one; when it is sent back it takes the place of the first.
        sealed = found.get("encrypted_content")
        if found.get("type") == "reasoning" and sealed and sealed != item.sealed:
            item.sealed = sealed
            events.append(Thinking("", self._opaque(item, found)))

    def _opaque(self, item: Item, found: dict[str, Any]) -> dict[str, Any]:
        return {self._backend: {"index": item.number, "item": found}}

    def _last(self, response: dict[str, Any], status: str | None, events: list[Event]) -> None:
        if response.get("error") or status == "failed":
            self._fail({"error": response.get("error") or {"message": "The vendor failed, and does not say why."}})
            return
        output = response.get("output")
        for number, found in enumerate(output if isinstance(output, list) else ()):
            if isinstance(found, dict):
                self._close(self._items.at(number), found, events)
        usage = read_usage(response.get("usage"))
        if usage is not None:
            events.append(UsageSeen(usage))
        self._details |= {name: response[name] for name in _KEPT if response.get(name)}
        self._raw_finish = status
        incomplete = response.get("incomplete_details")
        self._reason = incomplete.get("reason") if isinstance(incomplete, dict) else None
        if self._reason:
            self._details["incomplete_reason"] = self._reason
        self.finished = True

    def _finish(self, refusal: str | None) -> Finish:
        if self._raw_finish == "incomplete":
            return FINISHES.get(str(self._reason), Finish.OTHER)
        if self._raw_finish == "cancelled":
            return Finish.CANCELLED
        if refusal:
            return Finish.CONTENT_FILTER
        if self._calls:
            return Finish.TOOL_CALLS
        return Finish.STOP if self._raw_finish == "completed" else Finish.OTHER

    def _fail(self, chunk: dict[str, Any]) -> None:
        body = json.dumps(chunk, ensure_ascii=False).encode("utf-8", "replace")
        self.failure = response_error(200, {}, body, facts_of(chunk, in_band=True), redact=str)


def _word(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
