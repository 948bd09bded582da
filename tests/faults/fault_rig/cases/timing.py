"""Faults 25 to 35: time."""

from __future__ import annotations

import asyncio
import time

from backbay import BackbayError, LimitExceededError, RateLimitError

from ..asking import COMPLETE, HOWS, STREAM, Outcome, ask, connect
from ..faults import Bench, Check, Row, fault
from ..plan import Answer, Door, Repeat, Sleep
from ..words import HELLO, SSE, WHOLE, begun, body, chunk, failed, head, sized
from .connecting import BIG, answer_for, sweep

SHORT = 0.4
"""Seconds of a limit that is to run out."""

SOON = 3.0
"""Seconds within which a call whose limit is ``SHORT`` has ended, on a machine that has other things to do."""


def ran_out(outcome: Outcome, limit: str) -> None:
    """Assert that a call ended by a limit, when that ran out."""
    error = outcome.error
    assert isinstance(error, LimitExceededError), repr(error)
    assert error.limit == limit
    assert SHORT - 0.01 <= outcome.seconds < SOON


def by(limit: str) -> Check:
    """Return a check that this limit ended the call."""
    return lambda outcome, door: ran_out(outcome, limit)


COMMENT = chunk(b": keep-alive\n\n")
OPEN = head("transfer-encoding: chunked", kind=SSE)

ROWS = (
    *(
        Row(
            number=25,
            name=f"no_head_ever_under_{limit}",
            answers=[["hold"]],
            error=LimitExceededError,
            retryable=True,
            config={"limits": {limit: SHORT}},
            check=by(limit),
        )
        for limit in ("total", "first_event")
    ),
    Row(
        number=26,
        name="silence_after_the_head",
        answers=[[OPEN, "hold"]],
        error=LimitExceededError,
        retryable=True,
        phase="wait",
        config={"limits": {"first_event": SHORT}},
        check=by("first_event"),
    ),
    Row(
        number=27,
        name="a_stall_in_mid_stream",
        answers=[[begun(HELLO), "hold"]],
        hows=STREAM,
        error=LimitExceededError,
        partial="Hello",
        phase="stream",
        config={"limits": {"idle": SHORT}},
        check=by("idle"),
    ),
    Row(
        number=27,
        name="a_stall_in_a_body",
        answers=[[head("content-length: 500"), body()[:20], "hold"]],
        hows=COMPLETE,
        error=LimitExceededError,
        retryable=True,
        config={"limits": {"idle": SHORT}},
        check=by("idle"),
    ),
    *(
        Row(
            number=28,
            name=f"comments_for_ever_under_{limit}",
            answers=[[OPEN, Repeat(COMMENT, 200, 0.03), "hold"]],
            hows=STREAM,
            error=LimitExceededError,
            retryable=True,
            config={"limits": {limit: SHORT, "idle": 5}},
            check=by(limit),
        )
        for limit in ("first_event", "total")
    ),
    Row(
        number=28,
        name="comments_after_the_first_event_do_not_feed_total",
        answers=[[begun(HELLO), Repeat(COMMENT, 200, 0.03), "hold"]],
        hows=STREAM,
        error=LimitExceededError,
        partial="Hello",
        config={"limits": {"total": SHORT, "idle": 5}},
        check=by("total"),
    ),
    Row(
        number=30,
        name="a_body_byte_by_byte",
        answers=[[head("content-length: 400"), Repeat(b" ", 300, 0.03), "hold"]],
        hows=COMPLETE,
        error=LimitExceededError,
        retryable=True,
        config={"limits": {"total": SHORT, "idle": 5}},
        check=by("total"),
    ),
    Row(
        number=30,
        name="a_stream_byte_by_byte",
        answers=[[begun(HELLO), Repeat(chunk(b"d"), 300, 0.03), "hold"]],
        hows=STREAM,
        error=LimitExceededError,
        partial="Hello",
        config={"limits": {"total": SHORT, "idle": 5}},
        check=by("total"),
    ),
)


@fault(31, hows=HOWS)
def a_peer_that_does_not_take_the_request(bench: Bench, how: str) -> None:
    with bench.rig.opened(Door(deaf=True)) as door:
        ran_out(ask(door.url, how, messages=BIG, limits={"total": SHORT}), "total")


@fault(32, hows=HOWS)
def the_limit_is_shorter_than_the_pause(bench: Bench, how: str) -> None:
    """Waiting would be for nothing, so the vendor's error comes now."""
    busy = sized(failed(), "retry-after: 30", status="429 Too Many Requests")
    with bench.rig.opened(Door(answers=[Answer([busy])])) as door:
        outcome = ask(door.url, how, retries=5, limits={"total": 10})
        assert isinstance(outcome.error, RateLimitError)
        assert (outcome.error.retry_after, outcome.error.attempts, door.attempts) == (30, 1, 1)
        assert outcome.seconds < SOON


@fault(33)
def the_time_is_over_before_the_call(bench: Bench, how: str) -> None:
    with bench.rig.opened(Door(answers=[Answer([WHOLE])])) as door:
        found: list[BaseException] = []

        async def main() -> None:
            async with connect(door.url) as backend:
                try:
                    async with asyncio.timeout(0):
                        await backend.complete("hi")
                except TimeoutError as error:
                    found.append(error)

        asyncio.run(main())
        assert not isinstance(found[0], BackbayError), "the caller's own timeout stays the caller's"
        assert not door.attempts


@fault(33, hows=("outer", "inner"))
def the_shorter_of_two_limits_holds(bench: Bench, how: str) -> None:
    with bench.rig.opened(Door(answers=[Answer(["hold"])])) as door:
        outer, inner = (SHORT, 5) if how == "outer" else (5, SHORT)
        found: list[BaseException] = []

        async def main() -> None:
            async with connect(door.url, limits={"total": inner}) as backend:
                try:
                    async with asyncio.timeout(outer):
                        await backend.complete("hi")
                except TimeoutError as error:
                    found.append(error)

        began = time.monotonic()
        asyncio.run(main())
        assert isinstance(found[0], LimitExceededError) is (how == "inner")
        assert time.monotonic() - began < SOON
        assert door.all_left()


@fault(34, hows=("complete", "stream"))
def the_clock_jumps(bench: Bench, how: str) -> None:
    """Limits go by the monotonic clock: an hour that the other one jumps ends no call, and prolongs none."""
    real = time.time
    with bench.rig.opened(Door(answers=[Answer([Sleep(0.3), answer_for(how)])])) as door:
        bench.patch.setattr(time, "time", lambda: real() + 3600 * (1 if real() * 10 % 2 < 1 else -1))
        assert ask(door.url, how, limits={"total": 5, "first_event": 5, "idle": 5}).text == "Hello world"


@fault(34)
def a_retry_after_date_of_a_server_whose_clock_is_wrong(bench: Bench, how: str) -> None:
    """A date is compared with the ``Date`` of the same response, so that a wrong clock on either side is no harm."""
    lines = ("date: Fri, 29 Sep 2023 16:26:37 GMT", "retry-after: Fri, 29 Sep 2023 16:26:57 GMT")
    busy = sized(failed(), *lines, status="429 Too Many Requests")
    with bench.rig.opened(Door(answers=[Answer([busy])])) as door:
        error = ask(door.url, "complete", retries=0).error
        assert isinstance(error, RateLimitError)
        assert error.retry_after == 20


@fault(35)
def a_thousand_first_connections_at_once(bench: Bench, how: str) -> None:
    """Every one of them is answered."""
    count = 1000
    texts: list[str | None] = []

    async def main(url: str) -> None:
        async with connect(url) as backend:
            answers = await asyncio.gather(*(backend.complete("hi") for _ in range(count)))
            texts.extend(answer.text for answer in answers)

    with bench.rig.opened(Door(answers=[Answer([WHOLE])])) as door:
        asyncio.run(main(door.url))
        assert texts == ["Hello world"] * count
        assert door.attempts == count


@fault(35)
def no_more_than_64_connections_are_being_made_at_once(bench: Bench, how: str) -> None:
    with bench.rig.opened(Door(greeting=["hold"])) as door:
        # Behind this door no TLS handshake ends, so that every connection stays one that is being made.
        at_once: list[int] = []

        async def main() -> None:
            async with connect(door.url.replace("http:", "https:"), retries=0, limits={"total": 1.2}) as backend:
                calls = [asyncio.create_task(backend.complete("hi")) for _ in range(150)]
                await asyncio.sleep(0.8)
                at_once.append(len(door.seen("open")))
                await asyncio.wait(calls)
                assert all(isinstance(each.exception(), BackbayError) for each in calls)

        asyncio.run(main())
        sweep()
        assert 0 < at_once[0] <= 64
