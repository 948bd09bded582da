"""The six events of a stream, and their grammar as an automaton.

    Started? (Text | Thinking | ToolDelta | UsageSeen)* Ended

``Ended`` comes exactly once, and only if the vendor said that it finished. A failure is an exception, never an event.
Deltas are never empty. The first ``ToolDelta`` of an index has the call's id and name; later ones may repeat them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from .response import Finish, JSONObject, Usage


@dataclass(slots=True)
class Started:
    """The vendor began to answer. ``model`` and ``id`` are as it names them, or ``None``."""

    model: str | None = None
    id: str | None = None


@dataclass(slots=True)
class Text:
    """More of the answer."""

    delta: str


@dataclass(slots=True)
class Thinking:
    """More of what the model thinks.

    ``opaque`` is vendor data to be kept, by backend name; beside it ``delta`` may be empty. It ends a run of thinking:
    what follows is another part.
    """

    delta: str
    opaque: JSONObject | None = None


@dataclass(slots=True)
class ToolDelta:
    """More of a tool call: ``fragment`` continues the JSON text of the arguments of call number ``index``."""

    index: int
    id: str
    name: str
    fragment: str = ""
    opaque: JSONObject | None = None


@dataclass(slots=True)
class UsageSeen:
    """Token counts so far; cumulative, the newest figure of each field holds."""

    usage: Usage


@dataclass(slots=True)
class Ended:
    """The vendor finished.

    ``refusal`` and ``details`` are as in ``Response``.
    """

    finish: Finish
    raw_finish: str | None = None
    refusal: str | None = None
    details: JSONObject | None = None


Event = Started | Text | Thinking | ToolDelta | UsageSeen | Ended


class Grammar:
    """Checks one stream's events against the grammar, one at a time."""

    __slots__ = ("_calls", "_ended", "_seen")

    def __init__(self) -> None:
        self._seen = False
        self._ended = False
        self._calls: dict[int, tuple[str, str]] = {}

    def check(self, event: Event) -> None:
        """Take the next event.

        Raises:
            ValueError: The event may not stand here; the message says why.
        """
        if self._ended:
            raise ValueError(f"{event!r} after Ended")
        match event:
            case Started() if self._seen:
                raise ValueError("Started is not the first event")
            case Text(delta=""):
                raise ValueError("an empty Text")
            case Thinking(delta="", opaque=None):
                raise ValueError("an empty Thinking")
            case ToolDelta():
                self._check_call(event)
            case Ended():
                self._ended = True
            case Started() | Text() | Thinking() | UsageSeen():
                pass
            case _:
                raise ValueError(f"{event!r} is no event")
        self._seen = True

    def finish(self) -> None:
        """Take the end of the stream.

        Raises:
            ValueError: There was no ``Ended``.
        """
        if not self._ended:
            raise ValueError("the stream has no Ended")

    def _check_call(self, event: ToolDelta) -> None:
        if not event.id or not event.name:
            raise ValueError(f"{event!r} lacks its id or name")
        if self._calls.setdefault(event.index, (event.id, event.name)) != (event.id, event.name):
            raise ValueError(f"{event!r} changes the id or name of call {event.index}")
        if len({call_id for call_id, _ in self._calls.values()}) != len(self._calls):
            raise ValueError(f"{event!r} has the id of another call")


def check_events(events: Iterable[Event]) -> None:
    """Check a whole stream; raises ``ValueError`` at the first event that breaks the grammar."""
    grammar = Grammar()
    for event in events:
        grammar.check(event)
    grammar.finish()
