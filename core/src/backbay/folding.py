"""Events folded into a response. ``complete`` is by definition the fold of ``stream``."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from .events import Ended, Event, Started, Text, Thinking, ToolDelta, UsageSeen
from .response import JSONObject, Response, Usage

if TYPE_CHECKING:
    from .messages import TextPart, ThinkingPart, ToolCall


class _Call:
    __slots__ = ("fragments", "id", "name", "opaque")

    def __init__(self, event: ToolDelta) -> None:
        self.id = event.id
        self.name = event.name
        self.fragments: list[str] = []
        self.opaque: dict[str, Any] = {}


class Fold:
    """Takes events one at a time; gives the response so far at any time.

    Costs a list append an event; strings are joined and arguments parsed only when a response is asked for.
    """

    __slots__ = ("_calls", "_ended", "_runs", "_started", "_usage")

    def __init__(self) -> None:
        self._started: Started | None = None
        self._ended: Ended | None = None
        self._usage: Usage | None = None
        # Runs of one kind, in order of arrival: [kind, deltas, opaque] or [ToolDelta, index].
        self._runs: list[tuple[type, list[str], dict[str, Any]] | _Call] = []
        self._calls: dict[int, _Call] = {}

    def add(self, event: Event) -> None:
        """Take the next event."""
        kind = type(event)
        if kind is Text or kind is Thinking:
            self._add_said(kind, event)  # type: ignore[arg-type]
        elif kind is ToolDelta:
            self._add_call(event)  # type: ignore[arg-type]
        elif kind is UsageSeen:
            usage = event.usage  # type: ignore[union-attr]
            self._usage = usage if self._usage is None else self._usage.merged(usage)
        elif kind is Started:
            self._started = event  # type: ignore[assignment]
        elif kind is Ended:
            self._ended = event  # type: ignore[assignment]
        else:
            raise TypeError(f"a {kind.__name__} is no event")

    def _add_said(self, kind: type, event: Text | Thinking) -> None:
        last = self._runs[-1] if self._runs else None
        # Opaque data ends a run of thinking: a signature is of what came before it, and of nothing more.
        if not isinstance(last, tuple) or last[0] is not kind or last[2]:
            last = (kind, [], {})
            self._runs.append(last)
        last[1].append(event.delta)
        if isinstance(event, Thinking) and event.opaque:
            last[2].update(event.opaque)

    def _add_call(self, event: ToolDelta) -> None:
        call = self._calls.get(event.index)
        if call is None:
            call = self._calls[event.index] = _Call(event)
            self._runs.append(call)
        if event.fragment:
            call.fragments.append(event.fragment)
        if event.opaque:
            call.opaque.update(event.opaque)

    @property
    def empty(self) -> bool:
        """Whether nothing has come yet."""
        return not (self._started or self._ended or self._usage or self._runs)

    @property
    def ended(self) -> bool:
        """Whether the vendor said that it finished."""
        return self._ended is not None

    def response(self, *, raw: JSONObject | None = None) -> Response:
        """Return the response so far; ``finish`` is ``None`` while there was no ``Ended``."""
        from .messages import TextPart, ThinkingPart

        parts: list[TextPart | ThinkingPart | ToolCall] = []
        for run in self._runs:
            if isinstance(run, _Call):
                parts.append(_tool_call(run))
            elif run[0] is Text:
                parts.append(TextPart(text="".join(run[1])))
            else:
                parts.append(ThinkingPart(text="".join(run[1]), opaque=run[2] or None))
        thoughts = [part.text for part in parts if part.type == "thinking"]
        started, ended = self._started or Started(), self._ended
        return Response(
            text="".join(part.text for part in parts if part.type == "text"),
            thinking="".join(thoughts) or None,
            tool_calls=tuple(part for part in parts if part.type == "tool_call"),
            parts=tuple(parts),
            finish=ended.finish if ended else None,
            raw_finish=ended.raw_finish if ended else None,
            usage=self._usage,
            model=started.model,
            id=started.id,
            refusal=ended.refusal if ended else None,
            details=dict((ended.details if ended else None) or {}),
            raw=raw,
        )


def _tool_call(call: _Call) -> ToolCall:
    from .messages import ToolCall

    return ToolCall(id=call.id, name=call.name, raw_arguments="".join(call.fragments), opaque=call.opaque or None)


def fold(events: Iterable[Event], *, raw: JSONObject | None = None) -> Response:
    """Fold whole streams: ``fold(stream(request)) == complete(request)``. ``raw`` is for the response's field."""
    folded = Fold()
    for event in events:
        folded.add(event)
    return folded.response(raw=raw)
