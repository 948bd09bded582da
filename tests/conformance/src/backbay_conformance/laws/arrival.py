"""Laws of arrival: however the bytes of an answer come, it is the same; if they do not all come, it is an error."""

from __future__ import annotations

import asyncio
import time

import pytest

from backbay import LimitExceededError, ProtocolError, TransportError
from backbay.testing import Received, Reply

from ..scenarios import PLAIN, SCENARIOS, Answer
from ..schedules import BROKEN, STALLED, WHOLE, Schedule, head, surplus
from ..subject import Subject
from ..vendor import Vendor
from .base import Laws, ask, run
from .failures import failure_of, partial_text
from .stopping import warm

SLACK = 2.0
"""Seconds after a limit by which the call must have ended: generous, for loaded machines."""

HOW = pytest.mark.parametrize("how", ["complete", "stream"])


class ArrivalLaws(Laws):
    """Bytes come in any pieces, late, twice, or not at all."""

    @pytest.mark.wire
    @HOW
    @pytest.mark.parametrize("schedule", WHOLE, ids=str)
    def test_however_the_bytes_come_the_answer_is_the_same(
        self, subject: Subject, schedule: Schedule, how: str
    ) -> None:
        """Networks cut within characters, pause where they like, and say in several ways that a body is over."""
        vendor, scenario = subject.the_vendor, SCENARIOS["unicode"]
        body, kind = _whole(vendor, scenario.answer, how)

        async def law() -> None:
            with subject.session(schedule.make(body, kind)) as session:
                answer = await ask(session.backend, scenario, how)
                await session.backend.aclose()
            wanted = "".join(scenario.answer.text)
            assert answer.text == wanted, f"{schedule.name}: the text is {answer.text!r}, where {wanted!r} was sent"
            assert answer.finish is scenario.answer.finish, f"{schedule.name}: the finish is {answer.finish}"

        run(law())

    @pytest.mark.wire
    @HOW
    @pytest.mark.parametrize("schedule", BROKEN, ids=str)
    def test_a_body_that_does_not_come_whole_is_an_error(self, subject: Subject, schedule: Schedule, how: str) -> None:
        """Servers die, lengths lie, and where the framing is broken nobody knows where an answer ends."""
        body, kind = _part(subject.the_vendor, how)

        async def law() -> None:
            with subject.session(schedule.make(body, kind)) as session:
                error = await failure_of(session.backend, how, schedule.name)
                await session.backend.aclose()
            assert isinstance(error, ProtocolError | TransportError), (
                f"{schedule.name}: {type(error).__name__}: {error}"
            )
            text = "".join(PLAIN.answer.text)
            assert text.startswith(partial_text(error)), f"{schedule.name}: partial.text is {partial_text(error)!r}"

        run(law())

    @pytest.mark.wire
    @HOW
    @pytest.mark.parametrize("schedule", STALLED, ids=str)
    def test_a_body_that_does_not_end_is_ended_by_the_limit(
        self, subject: Subject, schedule: Schedule, how: str
    ) -> None:
        """A server that stops in the middle, or goes on for ever, keeps its socket open; the caller's clock decides."""
        body, kind = _whole(subject.the_vendor, PLAIN.answer, how)
        warm(subject)

        async def law() -> None:
            with subject.session(schedule.make(body, kind)) as session:
                start = time.monotonic()
                error = await failure_of(session.backend, how, schedule.name, limits={"total": 0.3})
                took = time.monotonic() - start
                await session.backend.aclose()
            assert isinstance(error, LimitExceededError), f"{schedule.name}: {type(error).__name__}: {error}"
            assert error.limit == "total", f"{schedule.name}: total ran out, and the error says {error.limit}"
            assert took < 0.3 + SLACK, f"{schedule.name}: with a total of 0.3 s the call took {took:.2f} s"

        run(law())

    @pytest.mark.wire
    @HOW
    @pytest.mark.parametrize("after", [0.0, 0.05], ids=["at_once", "on_the_idle_connection"])
    def test_bytes_after_an_answer_are_no_part_of_any(self, subject: Subject, after: float, how: str) -> None:
        """A proxy that answers once too often would give a caller the answer of another."""
        vendor = subject.the_vendor
        body, kind = _whole(vendor, PLAIN.answer, how)
        stray, _ = _whole(vendor, Answer(text=("stray", " words")), how)
        more = head(kind, f"content-length: {len(stray)}") + stray

        def script(request: Received) -> Reply:
            # Of each connection the first answer has a second one behind it.
            first = not any(one.connection == request.connection for one in seen)
            seen.append(request)
            given.append(surplus(body, kind, more, after=after) if first else surplus(body, kind, b"", after=0))
            return given[-1]

        async def law() -> None:
            with subject.session(script) as session:
                for number in range(6):
                    answer = await ask(session.backend, PLAIN, how)
                    wanted = "".join(PLAIN.answer.text)
                    assert answer.text == wanted, f"call {number + 1} got {answer.text!r}, where {wanted!r} was sent"
                    # A client cannot know what comes while its next request is under way.
                    assert await asyncio.to_thread(given[-1].steps.sent.wait, SLACK)  # type: ignore[attr-defined]
                    await asyncio.sleep(after / 2)
                await session.backend.aclose()

        given: list[Reply] = []
        seen: list[Received] = []
        run(law())


def _whole(vendor: Vendor, answer: Answer, how: str) -> tuple[bytes, str]:
    """Return an answer's body in the form that ``how`` asks for, and its type."""
    if how == "complete":
        return vendor.whole(answer), "application/json"
    return b"".join(vendor.stream(answer)), vendor.stream_type


def _part(vendor: Vendor, how: str) -> tuple[bytes, str]:
    """Return a whole body for ``complete``, and one that lacks its end for ``stream``; and its type."""
    if how == "complete":
        return vendor.whole(PLAIN.answer), "application/json"
    return b"".join(list(vendor.stream(PLAIN.answer))[: -vendor.events_that_finish]), vendor.stream_type
