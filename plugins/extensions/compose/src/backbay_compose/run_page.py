"""A run as one page that needs nothing else: no program, no network, no fonts, no other file.

Whatever a prompt or an answer says, it is text: Jinja escapes all of it, and the page's policy lets nothing run or load
but its own style.
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import time
from collections.abc import Sequence
from functools import cache
from importlib.resources import files

import jinja2

from .run_lanes import HEIGHT, LENGTH, timeline_of
from .run_rows import Costs, Price, rows_of
from .run_texts import Texts
from .shown import NOTHING, UNKNOWN, count, dollars, duration, harmless, several
from .states import STATES, State
from .summaries import RunSummary, summary_of
from .thunks import ModelOutputThunk

MAX_ROWS = 5_000
"""Generations that a page tells one by one; of more, the first."""

_OPEN = 3
# Up to so many generations are told unfolded.

_TOGETHER = "\N{NO-BREAK SPACE}"

_MANY = 200
# Of more, only those in view are laid out.


def page_of(
    thunks: Sequence[ModelOutputThunk],
    *,
    name: str | None,
    began: dt.datetime | None,
    price: Price | None,
    max_chars: int | None,
) -> str:
    """Return the page of some thunks; arguments and errors are those of ``Run.page``, and of ``record``."""
    now = time.monotonic()
    costs = Costs(price)
    rows = rows_of(thunks[:MAX_ROWS], now=now, costs=costs, texts=Texts(max_chars))
    for thunk in thunks[MAX_ROWS:]:
        costs.of(thunk)
    style = _part("run.css")
    when = began or dt.datetime.now(dt.UTC)
    figures = summary_of(thunks, now=now)
    return _template().render(
        style=style,
        policy=f"default-src 'none'; style-src '{_hash(style)}'; base-uri 'none'; form-action 'none'",
        title=harmless(name or "") or f"Run of {when:%Y-%m-%d %H:%M} UTC",
        began=when,
        cards=_cards(figures, costs),
        states=[(state, figures.states[state]) for state in STATES if figures.states[state]],
        timeline=timeline_of(rows, now),
        length=LENGTH,
        height=HEIGHT,
        rows=rows,
        left=len(thunks) - len(rows),
        priced=price is not None,
        many=len(rows) > _MANY,
        unfold=len(rows) <= _OPEN,
        class_of=class_of,
        several=several,
    )


def class_of(state: State) -> str:
    """Return a state as a class of the page."""
    return state.replace(" ", "-")


def _cards(figures: RunSummary, costs: Costs) -> list[tuple[str, str, str]]:
    """Return the totals: what, how much, and what there is to say about it."""
    numbers = ((f"{number:,}", state) for state, number in figures.states.items() if number)
    states = ", ".join(_TOGETHER.join([number, *state.split()]) for number, state in numbers)
    missing = f"not all known for {figures.unknown_usage:,} of {figures.sent:,}" if figures.unknown_usage else ""
    wall = None if figures.wall_ms is None else figures.wall_ms / 1000
    summed = None if figures.summed_ms is None else figures.summed_ms / 1000
    cards = [
        ("Generations", count(figures.thunks), states),
        ("Tokens in", count(figures.input_tokens) if figures.sent else NOTHING, missing),
        ("Tokens out", count(figures.output_tokens) if figures.sent else NOTHING, missing),
        ("Time", duration(wall) if wall is not None else NOTHING, "from the first start to the last end"),
        (
            "Asking, in sum",
            duration(summed) if summed is not None else NOTHING,
            "each from when it was sent on",
        ),
    ]
    if costs.price is not None:
        said = f"not known for {costs.unknown:,} of {figures.sent:,}" if costs.unknown else ""
        known = NOTHING if not figures.sent else UNKNOWN if costs.total is None else dollars(costs.total)
        cards.insert(3, ("Cost", known, said))
    if figures.average_at_once is not None:
        cards.append(("At once", f"{figures.average_at_once:.1f}", f"on average; {figures.most_at_once:,} at most"))
    return cards


@cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.from_string(_part("run.html"))


@cache
def _part(name: str) -> str:
    return files("backbay_compose").joinpath("templates", name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
