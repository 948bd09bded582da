"""How laws make a call that must fail, and look at its error."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from backbay import BackbayError, Event
from backbay.backend import Backend
from backbay.events import Text

from ..scenarios import PLAIN, Scenario
from .base import ask


async def failure_of(
    backend: Backend, how: str, about: str, scenario: Scenario = PLAIN, **options: Any
) -> BackbayError:
    """Make a call by ``how`` ("complete" or "stream"); return its error. ``about`` names the case."""
    if how == "stream":
        return (await failed_stream(backend, about, scenario, **options))[0]
    asked = Scenario(scenario.name, scenario.answer, scenario.messages, {**scenario.options, **options})  # type: ignore[typeddict-item]
    try:
        answer = await ask(backend, asked, how)
    except BackbayError as error:
        return error
    except Exception as other:
        pytest.fail(f"{about}: {how} raised {type(other).__name__}, which is no BackbayError: {other}")
    pytest.fail(f"{about}: {how} gave an answer, {answer.text!r} with finish {answer.finish}, where it must fail")


async def failed_stream(
    backend: Backend, about: str, scenario: Scenario = PLAIN, **options: Any
) -> tuple[BackbayError, Sequence[Event]]:
    """Read a stream that must fail; return its error, and the events that came before it."""
    events: list[Event] = []
    try:
        async with backend.stream(scenario.messages, **{**scenario.options, **options}) as stream:
            async for event in stream:
                events.append(event)
    except BackbayError as error:
        return error, events
    except Exception as other:
        pytest.fail(f"{about}: the stream raised {type(other).__name__}, which is no BackbayError: {other}")
    pytest.fail(f"{about}: the stream ended as if whole, with {text_of(events)!r}, where it must fail")


def text_of(events: Sequence[Event]) -> str:
    """Return the text of some events."""
    return "".join(event.delta for event in events if isinstance(event, Text))


def partial_text(error: BackbayError) -> str:
    """Return the text of an error's partial answer; ``""`` if there is none."""
    return "" if error.partial is None else error.partial.text


def assert_partial(error: BackbayError, events: Sequence[Event], about: str) -> None:
    """Check that an error's partial answer is what the caller was given, and does not claim to have ended."""
    given = text_of(events)
    assert partial_text(error) == given, f"{about}: partial.text is {partial_text(error)!r}; {given!r} was given"
    assert error.partial is None or error.partial.finish is None, f"{about}: the partial answer says it is finished"
