"""What can be told of one thunk: its state, its times, its tokens, what it waits for, and a name for people."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from backbay.errors import BackbayError
from backbay.events import Text, UsageSeen
from backbay.response import Usage

from .blocks import CBlock
from .components import Component, Instruction
from .generation import Timing
from .shown import one_line
from .thunks import ModelOutputThunk
from .walks import spans

State = Literal["not started", "waiting", "running", "computed", "cancelled", "failed"]
"""How far a thunk is. ``"waiting"``: for other thunks, or for its turn; ``"running"``: the backend was asked."""

STATES: tuple[State, ...] = ("not started", "waiting", "running", "computed", "cancelled", "failed")

ENDED: tuple[State, ...] = ("computed", "cancelled", "failed")


def state_of(thunk: ModelOutputThunk) -> State:
    """Return how far a thunk is. One that failed softly, and so has a value beside its error, failed."""
    if thunk.error is not None:
        return "failed"
    if thunk.is_computed():
        return "cancelled" if thunk.cancelled else "computed"
    if thunk.timing.asked_at is None:
        return "not started"
    return "waiting" if thunk.timing.sent_at is None else "running"


def is_given(thunk: ModelOutputThunk) -> bool:
    """Whether it was made with its text, or with nothing: no backend was to be asked."""
    return thunk.action is None and thunk.timing.asked_at is None


@dataclass(frozen=True, slots=True)
class Spent:
    """Seconds that a generation took, or has taken so far; ``None`` for what has not begun.

    Attributes:
        waited: From its start until it was sent.
        first: From its start to the first event.
        whole: From its start to its outcome.
        asking: From when it was sent to its outcome.
    """

    waited: float | None
    first: float | None
    whole: float | None
    asking: float | None


def spent(timing: Timing, now: float) -> Spent:
    """Return what a generation took until ``now``, in seconds of ``time.monotonic``."""
    if timing.asked_at is None:
        return Spent(None, None, None, None)
    end = now if timing.ended_at is None else timing.ended_at
    return Spent(
        waited=(end if timing.sent_at is None else timing.sent_at) - timing.asked_at,
        first=None if timing.first_at is None else timing.first_at - timing.asked_at,
        whole=end - timing.asked_at,
        asking=None if timing.sent_at is None else end - timing.sent_at,
    )


def usage_of(thunk: ModelOutputThunk) -> Usage | None:
    """Return the tokens of an answer, of what came before a failure, or of what has come so far; else ``None``."""
    if thunk.response is not None:
        return thunk.response.usage
    if isinstance(thunk.error, BackbayError) and thunk.error.partial is not None:
        return thunk.error.partial.usage
    found: Usage | None = None
    for event in _so_far(thunk):
        if isinstance(event, UsageSeen):
            found = event.usage if found is None else found.merged(event.usage)
    return found


def text_so_far(thunk: ModelOutputThunk) -> str:
    """Return the text of a thunk, or what has come of it."""
    if thunk.value is not None:
        return thunk.value
    if isinstance(thunk.error, BackbayError) and thunk.error.partial is not None:
        return thunk.error.partial.text
    return "".join(event.delta for event in _so_far(thunk) if isinstance(event, Text))


def _so_far(thunk: ModelOutputThunk) -> Iterator[object]:
    generation = thunk._generation  # noqa: SLF001 (of this package; others read events())
    return iter(()) if generation is None else iter(tuple(generation.events))


def held_by(thunk: ModelOutputThunk) -> list[ModelOutputThunk]:
    """Return the thunks that one waits or waited for, then others that its action holds; each once."""
    found = {id(each): each for each in thunk.waits_for}
    if thunk.action is not None:
        try:
            for span in spans(thunk.action, once=True):
                if isinstance(span, ModelOutputThunk):
                    found.setdefault(id(span), span)
        except Exception:  # noqa: BLE001, S110 (parts() is the program's own; to look must not break it)
            pass
    found.pop(id(thunk), None)
    return list(found.values())


def unfinished(thunks: list[ModelOutputThunk]) -> int:
    """Return how many of some thunks have no outcome yet."""
    return sum(not thunk.is_done for thunk in thunks)


def name_of(thunk: ModelOutputThunk, columns: int) -> str:
    """Return a name for people: the class of its action, and the beginning of what that says."""
    action = thunk.action
    if action is None:
        return "a text that was given" if thunk.is_computed() else "a thunk that nothing stands behind"
    kind = type(action).__name__
    said = one_line(_said(thunk), max(columns - len(kind) - 3, 8))
    return f'{kind} "{said}"' if said else one_line(kind, columns)


def _said(thunk: ModelOutputThunk) -> str:
    action = thunk.action
    if thunk.prompt and thunk.prompt[-1].text:
        return thunk.prompt[-1].text
    if isinstance(action, Instruction):
        return action.description
    if isinstance(action, Component):
        try:
            return next((str(span) for span in spans(action, once=True) if isinstance(span, CBlock) and str(span)), "")
        except Exception:  # noqa: BLE001 (as in held_by)
            return ""
    return str(action or "")


def model_of(thunk: ModelOutputThunk) -> str | None:
    """Return the model that was asked, and which one answered where that is another; ``None`` if neither is known."""
    known = thunk.metadata
    if known.response_model is None or known.response_model == known.model:
        return known.model
    return known.response_model if known.model is None else f"{known.model} (answered by {known.response_model})"


def what_failed(error: BaseException) -> str:
    """Return an error's class and message."""
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
