"""Laws of a call's life: what is stopped stops at once and leaves nothing, and calls do not touch each other."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from backbay import BackbayError, ClosedError, Event, Response, SyncBackend
from backbay.events import check_events
from backbay.testing import Pause, Received, Reply, Step

from ..scenarios import PLAIN, Answer, Scenario
from ..subject import Subject
from .base import Laws, ask, events_of, run
from .failures import failure_of
from .leaks import assert_no_tasks, no_leaks
from .stopping import (
    BEFORE,
    MIDDLE,
    PHASES,
    WAYS,
    WITHIN,
    Holding,
    check_closed,
    check_hangup,
    check_next_call,
    check_sent,
    long,
    plain,
    stop,
    wait_until_asked,
    warm,
)

HOW = pytest.mark.parametrize("how", ["complete", "stream"])


class LifecycleLaws(Laws):
    """A call can be stopped at any moment, in any way, and a backend used from any loop, thread and task."""

    @pytest.mark.parametrize("phase", PHASES)
    @pytest.mark.parametrize("way", WAYS)
    def test_a_stopped_stream_closes_its_socket_and_leaves_nothing(
        self, subject: Subject, way: str, phase: str
    ) -> None:
        """An answer that nobody reads costs money and a slot until its socket closes; what leaks, adds up."""
        about = f"{way} {phase}"
        holding = Holding(subject)

        async def law() -> None:
            with subject.session(holding) as session:
                # So that what a backend makes once (a pool, a model) is there.
                await ask(session.backend, plain(subject), "stream")
                before = asyncio.all_tasks()
                holding.phase = phase
                await stop(subject, session, way, phase)
                holding.phase = None
                if phase == BEFORE and way in ("close", "break"):
                    check_sent(session, 1, "a stream of which no event was asked for")
                elif phase in (BEFORE, MIDDLE):
                    await check_hangup(session, about)
                await assert_no_tasks(before, about)
                await check_next_call(subject, session, about)
                await session.backend.aclose()

        warm(subject)
        with no_leaks(about):
            run(law())

    @HOW
    def test_closing_a_backend_ends_what_runs(self, subject: Subject, how: str) -> None:
        """A program that shuts down must not wait for a model that is still talking."""
        about = f"closing the backend during {how}"
        holding = Holding(subject)

        async def law() -> None:
            with subject.session(holding) as session:
                await ask(session.backend, plain(subject), "stream")
                before = asyncio.all_tasks()
                holding.phase = MIDDLE
                task = asyncio.create_task(ask(session.backend, long(subject), how))
                await wait_until_asked(session, 2)
                await session.backend.aclose()
                done, _ = await asyncio.wait([task], timeout=WITHIN)
                assert done, f"{about}: it still waits {WITHIN} s later"
                failure = task.exception()
                assert isinstance(failure, BackbayError), f"{about}: it ended with {failure!r}, no BackbayError"
                await check_hangup(session, about)
                await assert_no_tasks(before, about)

        warm(subject)
        with no_leaks(about):
            run(law())

    def test_a_closed_backend_and_a_closed_stream_say_so(self, subject: Subject) -> None:
        """Use after close is a mistake that must be named; it must not open a new connection behind one's back."""

        async def law() -> None:
            with subject.session(PLAIN.answer) as session:
                stream = session.backend.stream(plain(subject).messages, **plain(subject).options)
                await anext(stream)
                await stream.aclose()
                await stream.aclose()
                with pytest.raises(ClosedError):
                    await anext(stream)
                with pytest.raises(ClosedError):
                    _ = stream.response
                await session.backend.aclose()
                await session.backend.aclose()
                await check_closed(session.backend)
                check_sent(session, 1, "a call after close")

        run(law())

    def test_two_event_loops_in_a_row_work(self, subject: Subject) -> None:
        """Scripts and tests call ``asyncio.run`` again and again; a client that is bound to one loop breaks there."""
        warm(subject)
        with no_leaks("two event loops in a row"), subject.session(PLAIN.answer) as session:
            for how in ("complete", "stream", "complete"):
                answer = run(ask(session.backend, plain(subject), how))
                assert answer.finish is not None, f"{how} on a later loop gave no whole answer"
                if session.server is not None:
                    assert answer.text == "".join(PLAIN.answer.text), f"{how} on a later loop gave {answer.text!r}"
            run(session.backend.aclose())

    def test_the_blocking_face_gives_the_same(self, subject: Subject) -> None:
        """There are two faces and one implementation; a caller must be able to change from one to the other."""
        scenario = plain(subject)

        async def awaited() -> tuple[Sequence[Event], Response]:
            with subject.session(PLAIN.answer) as session:
                found = await events_of(session.backend, scenario), await ask(session.backend, scenario, "complete")
                await session.backend.aclose()
            return found

        with subject.session(PLAIN.answer) as session:
            with SyncBackend(session.backend) as backend:
                with backend.stream(scenario.messages, **scenario.options) as stream:
                    events = list(stream)
                answer = backend.complete(scenario.messages, **scenario.options)
                assert stream.response.finish is not None, "a stream that was read to its end has no finish"
            with pytest.raises(ClosedError):
                backend.complete(scenario.messages, **scenario.options)
        check_events(events)
        if subject.engine is None:
            others, other = run(awaited())
            assert events == others, "the events of the blocking stream differ from the awaited one's"
            assert answer == other, "the answer of the blocking complete differs from the awaited one's"

    @pytest.mark.wire
    def test_twenty_calls_at_once_do_not_mix_their_answers(self, subject: Subject) -> None:
        """An answer that reaches the wrong caller is the worst fault of all: it looks perfectly right."""
        vendor = subject.the_vendor

        def script(request: Received) -> Reply:
            number = int(vendor.read(request).turns[-1].text.split()[-1])
            reply = vendor.reply(request, Answer(text=tuple(f"{number}," for _ in range(8))))
            # Those who asked first wait longest; all overlap, and each waits in the middle of its events too.
            wait = Pause((20 - number) * 0.0005)
            whole = [step for step in reply.steps if isinstance(step, bytes)]
            steps: list[Step] = [part for data in whole for part in (data[:20], wait, data[20:], wait)]
            return Reply(headers=reply.headers, steps=steps)

        async def law() -> None:
            with subject.session(script) as session:
                for _ in range(2):  # The second time on connections that others had.
                    asked = [Scenario("number", PLAIN.answer, f"Say {number}") for number in range(20)]
                    hows = ["stream" if number % 3 else "complete" for number in range(20)]
                    calls = (ask(session.backend, scenario, how) for scenario, how in zip(asked, hows, strict=True))
                    for number, answer in enumerate(await asyncio.gather(*calls)):
                        assert answer.text == f"{number}," * 8, f"call {number} got the answer {answer.text!r}"
                await session.backend.aclose()

        run(law())

    @pytest.mark.engine
    def test_calls_at_once_each_get_a_whole_answer(self, subject: Subject) -> None:
        """One engine serves many callers; each must get its own events, in order, to its own end."""

        async def law() -> None:
            with subject.session(PLAIN.answer) as session:
                calls = (events_of(session.backend, plain(subject)) for _ in range(6))
                for events in await asyncio.gather(*calls):
                    check_events(events)
                await session.backend.aclose()

        run(law(), 60)

    @pytest.mark.wire
    @HOW
    def test_attempts_on_the_wire_equal_the_policy(self, subject: Subject, how: str) -> None:
        """Core alone retries: one that retries as well, below, multiplies load and cost where a vendor is down."""
        vendor = subject.the_vendor
        busy = Reply(status=503, headers={"retry-after": "0.01"}, steps=[vendor.error(503, "busy")])
        wrong = Reply(status=400, steps=[vendor.error(400, "wrong")])

        async def law() -> None:
            for reply, retries, expected in ((busy, 2, 3), (busy, 0, 1), (wrong, 2, 1)):
                about = f"status {reply.status} with retries={retries}"
                with subject.session(reply, retries=retries) as session:
                    error = await failure_of(session.backend, how, about)
                    await session.backend.aclose()
                    check_sent(session, expected, about)
                assert error.attempts == expected, f"{about}: error.attempts is {error.attempts}, must be {expected}"
            count = iter(range(3))
            with subject.session(
                lambda request: busy if next(count) < 2 else vendor.reply(request, PLAIN.answer), retries=2
            ) as session:
                answer = await ask(session.backend, PLAIN, how)
                await session.backend.aclose()
                check_sent(session, 3, "two 503 and an answer")
            assert answer.attempts == 3, f"the third attempt worked, and response.attempts is {answer.attempts}"

        run(law())

    @pytest.mark.wire
    def test_a_stream_that_failed_after_its_first_event_is_sent_once(self, subject: Subject) -> None:
        """Its caller has the beginning: sent again, the answer would begin anew in the middle, and be paid twice."""
        vendor = subject.the_vendor
        events = list(vendor.stream(PLAIN.answer))[: -vendor.events_that_finish]
        for about, steps in (("cut", events), ("with an error event", [*events, vendor.error_event("busy")])):
            reply = Reply(headers={"content-type": vendor.stream_type}, steps=steps, end="close")

            async def law(reply: Reply = reply, about: str = f"a stream {about} after its first event") -> None:
                with subject.session(reply, retries=2) as session:
                    error = await failure_of(session.backend, "stream", about)
                    await session.backend.aclose()
                    check_sent(session, 1, about)
                assert error.attempts == 1, f"{about}: error.attempts is {error.attempts}"

            run(law())
