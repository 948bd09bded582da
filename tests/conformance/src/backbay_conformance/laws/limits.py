"""Laws of limits: a call ends when its caller said, whatever the server does to keep it waiting."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence

import pytest

from backbay import BackbayError, LimitExceededError
from backbay.events import Ended
from backbay.testing import Pause, Reply, Step

from ..scenarios import PLAIN
from ..subject import Session, Subject
from .base import Laws, run
from .failures import assert_partial, failed_stream, failure_of, text_of
from .faults import keep_alive
from .stopping import warm

HOW = pytest.mark.parametrize("how", ["complete", "stream"])
WARM = pytest.mark.usefixtures("warmed")

SLACK = 2.0
"""Seconds after a limit by which the call must have ended: generous, for loaded machines."""

SILENCE = 8.0
"""Seconds that a server says nothing; far longer than any limit here with its slack."""


class LimitLaws(Laws):
    """``Limits`` hold under drip, stall and silence, and the server is let go of at once."""

    @pytest.fixture
    def warmed(self, subject: Subject) -> None:
        """Make a call first: what a process imports once must not use up limits as short as these."""
        warm(subject)

    @WARM
    @HOW
    def test_total_ends_a_call_that_goes_on(self, subject: Subject, how: str) -> None:
        """An answer that drips for ever looks alive at every byte; only the clock of the whole call ends it."""
        script = None if subject.engine is not None else _dripped(subject, how)

        async def law() -> None:
            with subject.session(script or PLAIN.answer) as session:
                error = await _expired(subject, session, how, {"total": 0.3})
                _check(error, "total", 0.3)
                await _let_go(session)
                await session.backend.aclose()

        run(law())

    @WARM
    @pytest.mark.wire
    @HOW
    @pytest.mark.parametrize("limit", ["total", "first_event"])
    @pytest.mark.parametrize("sent", ["nothing", "a head"])
    def test_silence_is_ended_by_total_and_by_first_event(
        self, subject: Subject, how: str, limit: str, sent: str
    ) -> None:
        """A server that takes the request and says nothing, or only that it will answer, is the commonest hang."""
        kind = subject.the_vendor.stream_type
        silent = Reply(framing="raw", steps=[Pause(SILENCE)])
        reply = silent if sent == "nothing" else Reply(headers={"content-type": kind}, steps=[Pause(SILENCE)])

        async def law() -> None:
            with subject.session(reply) as session:
                error = await _expired(subject, session, how, {limit: 0.2})
                _check(error, limit, 0.2)
                assert error.partial is None, f"nothing came, and partial is {error.partial!r}"
                await _let_go(session)
                await session.backend.aclose()

        run(law())

    @WARM
    @pytest.mark.wire
    def test_keep_alive_bytes_do_not_feed_first_event(self, subject: Subject) -> None:
        """A proxy that sends comments while nothing is computed keeps a socket busy, and a caller waiting for ever."""
        for filler in keep_alive(subject.the_vendor):
            steps: list[Step] = [filler, Pause(0.04)] * 200
            reply = Reply(headers={"content-type": subject.the_vendor.stream_type}, steps=steps)

            async def law(reply: Reply = reply) -> None:
                with subject.session(reply) as session:
                    error = await _expired(subject, session, "stream", {"first_event": 0.25})
                    _check(error, "first_event", 0.25)
                    await _let_go(session)
                    await session.backend.aclose()

            run(law())

    @WARM
    @pytest.mark.wire
    def test_idle_ends_a_stall_with_what_came(self, subject: Subject) -> None:
        """A stream that stops in the middle keeps its socket open; what came before is not lost."""
        events = _unfinished(subject)

        async def law() -> None:
            with subject.session(_streamed(subject, [*events, Pause(SILENCE)])) as session:
                started = time.monotonic()
                error, given = await failed_stream(session.backend, "a stall", limits={"idle": 0.25})
                took = time.monotonic() - started
                assert 0.2 < took < 0.25 + SLACK, f"the limit idle of 0.25 s ended the call after {took:.2f} s"
                _check(error, "idle", 0.25)
                assert text_of(given) == "".join(PLAIN.answer.text), f"only {text_of(given)!r} came before the stall"
                assert_partial(error, given, "a stall")
                await _let_go(session)
                await session.backend.aclose()

        run(law())

    @WARM
    @pytest.mark.wire
    def test_idle_counts_neither_a_slow_reader_nor_a_vendor_that_shows_life(self, subject: Subject) -> None:
        """A caller who reads slowly, or a vendor that says it still works, must not lose the answer to a clock."""
        vendor = subject.the_vendor
        fillers = keep_alive(vendor)[:1]
        first, rest = list(vendor.stream(PLAIN.answer))[:2], list(vendor.stream(PLAIN.answer))[2:]
        signs: list[Step] = [Pause(0.1), *fillers] if fillers else []
        steps: list[Step] = [*first, *signs * 11, *rest]

        async def law() -> None:
            with subject.session(_streamed(subject, steps)) as session:
                async with session.backend.stream(PLAIN.messages, limits={"idle": 0.8}) as stream:
                    last = [event async for event in stream][-1]
                assert isinstance(last, Ended), "a stream with keep-alive bytes in its middle has no end"
                await session.backend.aclose()
            with subject.session(PLAIN.answer) as session:
                async with session.backend.stream(PLAIN.messages, limits={"idle": 0.15}) as stream:
                    await anext(stream)
                    await asyncio.sleep(0.4)
                    rest_of_it = [event async for event in stream]
                assert isinstance(rest_of_it[-1], Ended), "a reader that was slow lost the rest of the answer"
                await session.backend.aclose()

        run(law())

    @WARM
    @pytest.mark.wire
    @HOW
    def test_total_bounds_the_pauses_between_attempts(self, subject: Subject, how: str) -> None:
        """A vendor's ``Retry-After`` must not make a call longer than its caller allowed; the error comes at once."""
        error_body = subject.the_vendor.error(503, "busy")
        reply = Reply(status=503, headers={"retry-after": "30"}, steps=[error_body])

        async def law() -> None:
            with subject.session(reply, retries=5) as session:
                started = time.monotonic()
                error = await failure_of(session.backend, how, "503 with Retry-After: 30", limits={"total": 0.4})
                took = time.monotonic() - started
                assert took < 0.4 + SLACK, f"with a total of 0.4 s the call took {took:.2f} s"
                assert session.server is not None
                count = len(session.server.requests)
                assert count == error.attempts == 1, f"{count} requests, and error.attempts is {error.attempts}"
                await session.backend.aclose()

        run(law())


def _unfinished(subject: Subject) -> list[bytes]:
    vendor = subject.the_vendor
    return list(vendor.stream(PLAIN.answer))[: -vendor.events_that_finish]


def _streamed(subject: Subject, steps: Sequence[Step]) -> Reply:
    return Reply(headers={"content-type": subject.the_vendor.stream_type}, steps=steps)


def _dripped(subject: Subject, how: str) -> Reply:
    """Return an answer that goes on and on, a little at a time, and never ends."""
    if how == "stream":
        events = _unfinished(subject)
        again: list[Step] = [Pause(0.03), events[-1]]
        steps = [*events, *again * 200]
        return _streamed(subject, steps)
    body = subject.the_vendor.whole(PLAIN.answer)
    drops: list[Step] = [step for byte in body[:200] for step in (bytes([byte]), Pause(0.05))]
    return Reply(headers={"content-type": "application/json"}, steps=drops)


async def _expired(subject: Subject, session: Session, how: str, limits: Mapping[str, float]) -> BackbayError:
    """Make a call that its one limit must end, and check that it did so in time."""
    ((name, seconds),) = limits.items()
    about = f"limits={dict(limits)}"
    started = time.monotonic()
    if subject.engine is None:
        error = await failure_of(session.backend, how, about, limits=limits)
    else:
        prompt, options = subject.engine.long_prompt
        scenario = type(PLAIN)("long", PLAIN.answer, prompt)
        error = await failure_of(session.backend, how, about, scenario, **{**options, "limits": limits})
    took = time.monotonic() - started
    assert seconds - 0.05 < took < seconds + SLACK, f"the limit {name} of {seconds} s ended {how} after {took:.2f} s"
    return error


def _check(error: BackbayError, limit: str, seconds: float) -> None:
    assert isinstance(error, LimitExceededError), f"{type(error).__name__}, where a limit ran out: {error}"
    assert isinstance(error, TimeoutError), "an expired limit is no TimeoutError"
    assert (error.limit, error.seconds) == (limit, seconds), (
        f"{limit} of {seconds} s ran out, and the error says {error.limit!r} of {error.seconds} s"
    )
    assert error.attempts == 1, f"one request was sent, and error.attempts is {error.attempts}"


async def _let_go(session: Session) -> None:
    """Check that the server, if the request came so far, saw the client hang up within a second."""
    if session.server is not None and session.server.requests:
        seen = await asyncio.to_thread(session.server.wait_for, lambda server: bool(server.hangups), 1.0)
        assert seen, "the limit ran out, and the socket was still open 1 s later"
