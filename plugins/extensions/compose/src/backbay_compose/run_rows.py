"""What a page tells of each generation: its figures as text, its prompt and answer, and what it is connected with."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from backbay.errors import InvalidRequestError
from backbay.response import Usage

from .run_texts import Passage, Prompt, Texts, thinking_of
from .shown import NOTHING, UNKNOWN, count, dollars, duration, harmless
from .states import (
    ENDED,
    State,
    held_by,
    is_given,
    name_of,
    spent,
    state_of,
    text_so_far,
    usage_of,
    what_failed,
)
from .thunks import ModelOutputThunk

Price = Callable[[str, Usage], Decimal | None]
"""Gives what an answer cost, in dollars, for a model and its tokens; ``None`` where it does not know."""

_NAME = 90
# Columns of a generation's name.


@dataclass(frozen=True, slots=True)
class Link:
    """Another thunk: ``number`` is its place on the page, or ``None`` if the run did not record it."""

    number: int | None
    name: str
    state: State


@dataclass(slots=True, kw_only=True)
class Row:
    """A generation on the page; every figure is text already, ``"unknown"`` where it is not known.

    ``figures`` has the most important in one line; ``answered`` is the model that answered, where that is another;
    ``sent`` is whether a backend was asked.
    """

    number: int
    thunk: ModelOutputThunk
    name: str
    state: State
    model: str
    answered: str
    strategy: str
    tokens_in: str
    tokens_out: str
    cost: str
    waited: str
    first: str
    whole: str
    figures: str
    sent: bool
    facts: list[tuple[str, str]]
    notes: list[tuple[str, str]]
    prompt: Prompt
    options: list[tuple[str, Passage]]
    result: Passage | None
    thinking: Passage | None
    calls: list[Passage]
    error: Passage | None
    needs: list[Link] = field(default_factory=list)
    feeds: list[Link] = field(default_factory=list)


class Costs:
    """What answers cost, each asked for once.

    Attributes:
        total: The sum of those that are known, in dollars; ``None`` if none is.
        unknown: How many that were sent are not known.
    """

    def __init__(self, price: Price | None) -> None:
        self.price = price
        self.total: Decimal | None = None
        self.unknown = 0

    def of(self, thunk: ModelOutputThunk) -> str:
        """Return what one cost, as text.

        Raises:
            InvalidRequestError: ``price`` gives something else than a finite ``Decimal`` or ``None``.
        """
        if self.price is None or thunk.timing.sent_at is None:
            return NOTHING
        usage, known = usage_of(thunk), thunk.metadata
        model = known.model or known.response_model
        amount = None if usage is None or model is None else self.price(model, usage)
        if amount is None:
            self.unknown += 1
            return UNKNOWN
        if not isinstance(amount, Decimal) or not amount.is_finite():
            raise InvalidRequestError(f"price() gave {amount!r}; it must give a finite Decimal, or None.")
        self.total = amount + (self.total or 0)
        return dollars(amount)


def rows_of(thunks: Sequence[ModelOutputThunk], *, now: float, costs: Costs, texts: Texts) -> list[Row]:
    """Return a row for each thunk, numbered from 1 in their order, and joined with each other.

    Args:
        thunks: The thunks.
        now: What counts as now, in seconds of ``time.monotonic``.
        costs: What they cost.
        texts: Makes their texts.
    """
    rows = [_row(thunk, number, now, costs, texts) for number, thunk in enumerate(thunks, 1)]
    by_thunk = {id(row.thunk): row for row in rows}
    for row in rows:
        for other in held_by(row.thunk):
            found = by_thunk.get(id(other))
            if found is None:
                row.needs.append(Link(None, name_of(other, _NAME), state_of(other)))
            else:
                row.needs.append(_link(found))
                found.feeds.append(_link(row))
    return rows


def _link(row: Row) -> Link:
    return Link(row.number, row.name, row.state)


def _row(thunk: ModelOutputThunk, number: int, now: float, costs: Costs, texts: Texts) -> Row:
    state, took, usage, known = state_of(thunk), spent(thunk.timing, now), usage_of(thunk), thunk.metadata
    sent, done = took.asking is not None, state in ENDED
    text, thought = text_so_far(thunk), thinking_of(thunk)
    so_far = "" if done else " so far"
    whole = NOTHING if took.whole is None else duration(took.whole) + so_far
    tokens_in = count(usage.input if usage else None) if sent else NOTHING
    tokens_out = count(usage.output if usage else None) if sent else NOTHING
    cost = costs.of(thunk)
    return Row(
        number=number,
        thunk=thunk,
        name=name_of(thunk, _NAME),
        state=state,
        model=harmless(known.model or known.response_model or UNKNOWN),
        answered=harmless(known.response_model or "") if known.response_model != known.model else "",
        strategy=thunk.notes.strategy or NOTHING,
        tokens_in=tokens_in,
        tokens_out=tokens_out,
        cost=cost,
        waited=NOTHING if took.waited is None else duration(took.waited),
        first=NOTHING if took.first is None else duration(took.first),
        whole=whole,
        figures=_in_line(whole, tokens_in, tokens_out, cost),
        sent=sent,
        facts=[(name, harmless(value)) for name, value in _facts(thunk, usage)],
        notes=[("Left out", harmless(each)) for each in thunk.notes.dropped]
        + [("Given twice", harmless(each)) for each in thunk.notes.conflicts],
        prompt=texts.prompt(thunk.prompt, number),
        options=texts.options(thunk.notes.options),
        result=texts.passage(text) if text or (state == "computed" and not thunk.tool_calls) else None,
        thinking=texts.passage(thought) if thought else None,
        calls=texts.calls(thunk),
        error=None if thunk.error is None else texts.passage(what_failed(thunk.error)),
    )


def _in_line(whole: str, tokens_in: str, tokens_out: str, cost: str) -> str:
    tokens = f"tokens {tokens_in} in, {tokens_out} out"
    if tokens_in == tokens_out == UNKNOWN:
        tokens = "tokens unknown"
    said = [whole, NOTHING if tokens_in == NOTHING else tokens, cost]
    return " · ".join(each for each in said if each not in (NOTHING, UNKNOWN))


def _facts(thunk: ModelOutputThunk, usage: Usage | None) -> Iterator[tuple[str, str]]:
    """Yield what the table has no column for, as far as it is known."""
    known = thunk.metadata
    if known.provider:
        yield "Backend", known.provider
    if not is_given(thunk):
        yield (
            "Asked as",
            ("raw text" if thunk.notes.raw else "a conversation")
            + (", streamed" if thunk.notes.streaming else ", in one piece"),
        )
    if known.finish_reasons:
        yield "Ended by", ", ".join(dict.fromkeys(known.finish_reasons))
    if known.attempts > 1:
        yield "Attempts", count(known.attempts)
    for name in ("cached", "cache_written", "reasoning") if usage is not None else ():
        figure = getattr(usage, name)
        if figure is not None:
            yield _TOKENS[name], count(figure)
    if known.response_id:
        yield "Vendor's id", known.response_id


_TOKENS = {
    "cached": "Tokens in from a cache",
    "cache_written": "Tokens in put into a cache",
    "reasoning": "Tokens out for thinking",
}
