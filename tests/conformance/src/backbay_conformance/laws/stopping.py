"""How laws stop a call: in each way, at each phase, with a server that holds its answer back meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from backbay import BackbayError, ClosedError, EventStream, Job
from backbay.backend import Backend
from backbay.events import Ended, Text
from backbay.testing import Pause, Received, Reply, Step

from ..scenarios import PLAIN, Scenario
from ..subject import Session, Subject
from .base import ask, run

BEFORE, MIDDLE, AFTER = PHASES = ("before the first event", "in the middle", "after the end")
"""Where a stream is when it is stopped."""

WAYS = ("close", "break", "close from another task", "cancel")
"""How it is stopped."""

SILENCE = 20.0
"""Seconds that a server says nothing; a law that waits for its end has failed."""

WITHIN = 1.0
"""Seconds within which what was stopped must have stopped."""


class Holding:
    """Answers whole; while ``phase`` is set, only as far as that, and then keeps silent."""

    def __init__(self, subject: Subject) -> None:
        self.phase: str | None = None
        self._vendor = subject.vendor

    def __call__(self, request: Received) -> Reply:
        vendor = self._vendor
        assert vendor is not None
        if self.phase in (None, AFTER):
            return vendor.reply(request, PLAIN.answer)
        events: list[Step] = list(vendor.stream(PLAIN.answer))
        so_far = events[: -vendor.events_that_finish] if self.phase == MIDDLE else []
        return Reply(headers={"content-type": vendor.stream_type}, steps=[*so_far, Pause(SILENCE)])


def plain(subject: Subject) -> Scenario:
    """Return the plain scenario, with the engine's own prompt where it has one."""
    if subject.engine is None or PLAIN.name not in subject.engine.prompts:
        return PLAIN
    return Scenario(PLAIN.name, PLAIN.answer, subject.engine.prompts[PLAIN.name])


def long(subject: Subject) -> Scenario:
    """Return a scenario whose answer takes long enough to be stopped."""
    if subject.engine is None:
        return PLAIN
    prompt, options = subject.engine.long_prompt
    asked: Any = dict(options)
    return Scenario("long", PLAIN.answer, prompt, asked)


def warm(subject: Subject) -> None:
    """Make a call before anything is counted: what is imported or started once for the process is no leak."""

    async def call() -> None:
        with subject.session(PLAIN.answer) as session:
            await ask(session.backend, plain(subject), "stream")
            await session.backend.aclose()

    run(call())


async def stop(subject: Subject, session: Session, way: str, phase: str) -> None:
    """Begin a stream, and stop it."""
    scenario = plain(subject) if phase == AFTER else long(subject)
    stream = session.backend.stream(scenario.messages, **scenario.options)
    if way == "close":
        await _read_until(stream, phase)
        await stream.aclose()
        await stream.aclose()
    elif way == "break":
        async with stream:
            await _read_until(stream, phase)
    else:
        await _stop_from_outside(session, stream, way, phase)


async def _stop_from_outside(session: Session, stream: EventStream, way: str, phase: str) -> None:
    reached = asyncio.Event()

    async def read() -> None:
        async for event in stream:
            if phase == MIDDLE and isinstance(event, Text):
                reached.set()
        reached.set()
        await asyncio.sleep(SILENCE if way == "cancel" else 0)

    reader = asyncio.create_task(read())
    await (wait_until_asked(session, 2) if phase == BEFORE else asyncio.wait_for(reached.wait(), 10))
    if way == "cancel":
        reader.cancel()
    else:
        await asyncio.wait_for(stream.aclose(), WITHIN)
    done, _ = await asyncio.wait([reader], timeout=WITHIN)
    assert done, f"{way} {phase}: the reading task still waits {WITHIN} s later"
    if way == "cancel":
        assert reader.cancelled(), f"cancel {phase}: the task was not cancelled, but {reader.exception()!r}"
    elif phase != AFTER:
        failure = reader.exception()
        assert isinstance(failure, ClosedError), f"{way} {phase}: the reader got {failure!r}, no ClosedError"


async def _read_until(stream: EventStream, phase: str) -> None:
    if phase == BEFORE:
        return
    async for event in stream:
        if isinstance(event, Text if phase == MIDDLE else Ended):
            return
    pytest.fail(f"the stream ended without an event that is {phase}")


async def wait_until_asked(session: Session, count: int) -> None:
    """Wait until the server got ``count`` requests; an engine gets a moment."""
    if session.server is None:
        await asyncio.sleep(0.05)
    else:
        seen = await asyncio.to_thread(session.server.wait_for, lambda server: len(server.requests) >= count, 5.0)
        assert seen, f"request {count} never reached the server"


async def check_hangup(session: Session, about: str) -> None:
    """Check that the server sees the client hang up within a second."""
    if session.server is not None:
        seen = await asyncio.to_thread(session.server.wait_for, lambda server: bool(server.hangups), WITHIN)
        assert seen, f"{about}: the socket was still open {WITHIN} s later"


async def check_next_call(subject: Subject, session: Session, about: str) -> None:
    """Check that the next call is answered: what was stopped holds no slot, and left no bytes for others."""
    try:
        answer = await asyncio.wait_for(ask(session.backend, plain(subject), "stream"), 8)
    except TimeoutError:
        pytest.fail(f"{about}: the next call had no answer within 8 s")
    if subject.engine is None:
        assert answer.text == "".join(PLAIN.answer.text), f"{about}: the next call got {answer.text!r}"


def check_sent(session: Session, expected: int, about: str) -> None:
    """Check how many requests reached the server."""
    if session.server is not None:
        sent = len(session.server.requests)
        assert sent == expected, f"{about}: {sent} requests on the wire, where {expected} are right"


class _Nowhere:
    async def send_chunk(self, data: bytes) -> None:
        raise AssertionError(f"a backend that is closed sent {data!r}")


async def check_closed(backend: Backend) -> None:
    """Check that every method of a closed backend says that it is closed."""
    calls: dict[str, Callable[[], Awaitable[object]]] = {
        "complete": lambda: backend.complete("Say pong."),
        "stream": lambda: backend.stream("Say pong.").collect(),
        "list_models": backend.list_models,
        "health": backend.health,
        "embed": lambda: backend.embed("pong"),
        "execute": lambda: backend.execute(Job("job-1", None, {}), _Nowhere()),
    }
    for name, call in calls.items():
        try:
            await call()
        except ClosedError:
            continue
        except BackbayError as other:
            pytest.fail(f"{name} after close raised {type(other).__name__}, no ClosedError: {other}")
        pytest.fail(f"{name} worked after close")
