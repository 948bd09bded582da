"""Figures of many thunks together."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from .states import STATES, State, is_given, spent, state_of, usage_of
from .thunks import ModelOutputThunk


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSummary:
    """Figures of a run; ``None`` is unknown, never zero.

    Attributes:
        thunks: Distinct thunks.
        states: How many are in each state; see ``STATES`` for their names.
        sent: How many of them a backend was asked for.
        attempts: How often requests were sent for those that were answered, repetitions included.
        input_tokens: Prompt tokens, as far as vendors reported them; ``None`` if none did.
        output_tokens: Tokens of the answers, likewise.
        unknown_usage: How many that were sent have no figure for either of these.
        wall_ms: Milliseconds from the first start to the last outcome, or until now where one is under way;
            ``None`` if none was started.
        summed_ms: Milliseconds from when each was sent to its outcome, all together; beside ``wall_ms`` it says how
            much went on at once.
        most_at_once: How many were asked for at once, at most.
    """

    thunks: int
    states: Mapping[State, int]
    sent: int
    attempts: int
    input_tokens: int | None
    output_tokens: int | None
    unknown_usage: int
    wall_ms: float | None
    summed_ms: float | None
    most_at_once: int

    @property
    def average_at_once(self) -> float | None:
        """How many were asked for at once, over the whole time; ``None`` if no time passed."""
        return self.summed_ms / self.wall_ms if self.wall_ms and self.summed_ms is not None else None


def summary_of(thunks: Iterable[ModelOutputThunk], *, now: float | None = None) -> RunSummary:
    """Return the figures of some thunks, each counted once.

    Args:
        thunks: The thunks.
        now: What counts as now, in seconds of ``time.monotonic``; ``None`` for the time of the call.
    """
    now = time.monotonic() if now is None else now
    each = list({id(thunk): thunk for thunk in thunks}.values())
    states: dict[State, int] = dict.fromkeys(STATES, 0)
    for thunk in each:
        states[state_of(thunk)] += 1
    sent = [thunk for thunk in each if thunk.timing.sent_at is not None and not is_given(thunk)]
    usages = [usage_of(thunk) for thunk in sent]
    started = [thunk.timing for thunk in each if thunk.timing.asked_at is not None]
    began = [now if timing.asked_at is None else timing.asked_at for timing in started]
    ended = [now if timing.ended_at is None else timing.ended_at for timing in started]
    asking = [spent(thunk.timing, now).asking for thunk in sent]
    return RunSummary(
        thunks=len(each),
        states=states,
        sent=len(sent),
        attempts=sum(thunk.response.attempts for thunk in sent if thunk.response is not None),
        input_tokens=known_sum(usage.input if usage else None for usage in usages),
        output_tokens=known_sum(usage.output if usage else None for usage in usages),
        unknown_usage=sum(usage is None or usage.input is None or usage.output is None for usage in usages),
        wall_ms=1000 * (max(ended) - min(began)) if began else None,
        summed_ms=1000 * sum(time or 0.0 for time in asking) if sent else None,
        most_at_once=max((number for _, number in levels(sent, now)), default=0),
    )


def known_sum(figures: Iterable[int | None]) -> int | None:
    """Return the sum of those that are known; ``None`` if none is."""
    known = [figure for figure in figures if figure is not None]
    return sum(known) if known else None


def levels(thunks: Sequence[ModelOutputThunk], now: float) -> list[tuple[float, int]]:
    """Return how many were asked for at once: from when on, in seconds of ``time.monotonic``, and how many."""
    changes: dict[float, int] = {}
    for thunk in thunks:
        sent, ended = thunk.timing.sent_at, thunk.timing.ended_at
        if sent is not None:
            end = now if ended is None else ended
            changes[sent] = changes.get(sent, 0) + 1
            changes[end] = changes.get(end, 0) - 1
    found, number = [], 0
    for when in sorted(changes):
        number += changes[when]
        found.append((when, number))
    return found
