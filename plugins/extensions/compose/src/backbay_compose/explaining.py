"""The tree of a thunk in plain text: who waits for whom, what it cost, and how long it took."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator

from .errors import SpanError
from .shown import UNKNOWN, count, duration, one_line, several, wrapped
from .states import (
    ENDED,
    held_by,
    is_given,
    model_of,
    name_of,
    spent,
    state_of,
    text_so_far,
    unfinished,
    usage_of,
    what_failed,
)
from .summaries import RunSummary, summary_of
from .thunks import ModelOutputThunk

COLUMNS = 100

_DEEPEST = 12
# Levels below which a branch goes on further down, at the left again: deeper ones would have no room.

_LONGEST_ERROR = 800


def explain(thunk: ModelOutputThunk) -> str:
    """Return the tree of a thunk: under each thunk those that it waits or waited for, and that its action holds.

    Each has a number, its action, its state, its model and tokens, and its times from its own start; a thunk that
    several hold is told once. Figures of all come last. Nothing is started or waited for, so a thunk under way is told
    as it is now. Plain text in at most 100 columns; beginnings of prompts and results are in it, without characters
    that a terminal would obey.

    Raises:
        SpanError: It is no thunk.
    """
    if not isinstance(thunk, ModelOutputThunk):
        raise SpanError(f"explain() takes a ModelOutputThunk, not a {type(thunk).__name__}.")
    tree = _Tree(time.monotonic())
    return "\n".join([*tree.lines(thunk), "", *totals(summary_of(tree.thunks(), now=tree.now))])


class _Tree:
    """Numbers thunks in the order in which they are met, with a stack of its own, however deep they go."""

    def __init__(self, now: float) -> None:
        self.now = now
        self._numbers: dict[int, tuple[ModelOutputThunk, int]] = {}
        self._further: deque[ModelOutputThunk] = deque()

    def thunks(self) -> Iterator[ModelOutputThunk]:
        return (thunk for thunk, _ in self._numbers.values())

    def lines(self, root: ModelOutputThunk) -> Iterator[str]:
        self._further.append(root)
        while self._further:
            start = self._further.popleft()
            if start is not root:
                yield ""
            yield from self._branch(start)

    def _branch(self, root: ModelOutputThunk) -> Iterator[str]:
        self._number(root)
        stack = [(root, "", "", 0)]
        while stack:
            thunk, first, rest, depth = stack.pop()
            known = id(thunk) in self._numbers and thunk is not root
            number = self._number(thunk)
            if known or depth == _DEEPEST:
                if not known:
                    self._further.append(thunk)
                yield f"{first}{'see' if known else 'goes on below:'} #{number}"
                continue
            below = held_by(thunk)
            bar = f"{rest}{'│' if below else ' '}  "
            yield first + one_line(f"#{number} {name_of(thunk, COLUMNS)}", COLUMNS - len(first))
            yield from (bar + line for line in _facts(thunk, below, self.now, COLUMNS - len(bar)))
            for place, each in enumerate(reversed(below)):
                stack.append(
                    (each, f"{rest}{'├─ ' if place else '└─ '}", f"{rest}{'│  ' if place else '   '}", depth + 1)
                )

    def _number(self, thunk: ModelOutputThunk) -> int:
        return self._numbers.setdefault(id(thunk), (thunk, len(self._numbers) + 1))[1]


def _facts(thunk: ModelOutputThunk, below: list[ModelOutputThunk], now: float, columns: int) -> Iterator[str]:
    yield from wrapped(_state(thunk, below, columns), columns)
    if not is_given(thunk):
        yield from wrapped(" · ".join(_asked(thunk)), columns)
        yield from wrapped(" · ".join(_times(thunk, now)), columns)
    for each in thunk.notes.dropped:
        yield from wrapped(f"left out: {each}", columns)
    for each in thunk.notes.conflicts:
        yield from wrapped(f"given twice: {each}", columns)


def _state(thunk: ModelOutputThunk, below: list[ModelOutputThunk], columns: int) -> str:
    state, text = state_of(thunk), text_so_far(thunk)
    said = f' "{one_line(text, columns - 24)}"' if text else ""
    if state == "waiting":
        left = unfinished(below)
        return f"waiting for {left} of {several(len(below), 'thunk')}" if left else "waiting for its turn"
    if state == "running":
        usage = usage_of(thunk)
        tokens = "" if usage is None or usage.output is None else f" ({several(usage.output, 'token')})"
        return f"running, {several(len(text), 'character')} so far{tokens}{':' if said else ''}{said}"
    if state == "cancelled":
        return f"cancelled after {several(len(text), 'character')}{':' if said else ''}{said}"
    if state == "failed" and thunk.error is not None:
        if any(each.error is thunk.error for each in below):
            return f"failed as what it waits for did: {type(thunk.error).__name__}"
        came = f", after{said}" if said else ""
        return f"failed: {one_line(what_failed(thunk.error), _LONGEST_ERROR)}{came}"
    calls = f", {several(len(thunk.tool_calls), 'tool call')}" if thunk.tool_calls else ""
    return f"{state}{f':{said}' if said else ', empty' if state == 'computed' and not calls else ''}{calls}"


def _asked(thunk: ModelOutputThunk) -> Iterator[str]:
    known = thunk.metadata
    vendor = (known.provider or "").partition(":")[0]
    yield f"{vendor}{':' if vendor else 'model '}{model_of(thunk) or UNKNOWN}"
    if thunk.notes.strategy is not None:
        yield f"form by {thunk.notes.strategy}"
    if thunk.timing.sent_at is not None:
        usage = usage_of(thunk)
        both = usage is not None and (usage.input is not None or usage.output is not None)
        yield f"tokens {count(usage.input)} in, {count(usage.output)} out" if usage and both else "tokens unknown"
    if known.attempts > 1:
        yield f"{known.attempts} attempts"


def _times(thunk: ModelOutputThunk, now: float) -> Iterator[str]:
    took, done = spent(thunk.timing, now), state_of(thunk) in ENDED
    if took.whole is None:
        return
    if took.asking is None:
        yield f"waited {duration(took.waited)}{', and was not sent' if done else ' so far'}"
        return
    yield f"waited {duration(took.waited)}"
    yield f"first event after {duration(took.first)}" if took.first is not None else "no event" + " yet" * (not done)
    yield f"{'done after' if done else 'so far'} {duration(took.whole)}"


def totals(figures: RunSummary) -> Iterator[str]:
    """Yield the lines that tell the figures of many thunks."""
    states = ", ".join(f"{number:,} {state}" for state, number in figures.states.items() if number)
    yield f"In all {several(figures.thunks, 'thunk')}: {states}."
    if not figures.sent:
        yield "No backend was asked."
    else:
        missing = ""
        if figures.unknown_usage:
            missing = f"; not all known for {figures.unknown_usage:,} of {several(figures.sent, 'generation')}"
        yield f"Tokens: {count(figures.input_tokens)} in, {count(figures.output_tokens)} out{missing}."
    if figures.wall_ms is not None:
        line = f"Time: {duration(figures.wall_ms / 1000)} from the first start to the last end"
        if figures.summed_ms is not None:
            line += f"; {duration(figures.summed_ms / 1000)} of asking in sum"
            line += f", {figures.average_at_once or 0:.1f} at once on average, {figures.most_at_once:,} at most"
        yield from wrapped(f"{line}.", COLUMNS)
