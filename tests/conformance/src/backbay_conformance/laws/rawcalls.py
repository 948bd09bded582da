"""How laws have a text continued, and what stood on the wire then."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any

import pytest

from backbay import UnsupportedError
from backbay.capabilities import Capability
from backbay.testing import Reply

from ..scenarios import PLAIN, Answer
from ..subject import Session, Subject
from ..vendor import RawAsked
from .asked import assert_untouched
from .base import run

PROMPT = "The capital of France is"

Law = Callable[[], Awaitable[None]]


def declared(subject: Subject) -> bool:
    """Whether the backend continues texts."""
    return subject.spec.capabilities_of(subject.model).allows(Capability.COMPLETE_RAW)


def if_declared(subject: Subject, law: Law) -> None:
    """Run a law; where the facet is not declared, its refusal is what is tested."""

    async def bounded() -> None:
        if declared(subject):
            return await law()
        with subject.session(PLAIN.answer) as session:
            with pytest.raises(UnsupportedError) as caught:
                await session.backend.complete_raw(PROMPT)
            assert caught.value.code == "complete_raw", f"the error names {caught.value.code}"
            assert_untouched(session)
            return await session.backend.aclose()

    run(bounded(), 30)


@contextlib.contextmanager
def raw_session(subject: Subject, answer: Answer = PLAIN.answer, **config: Any) -> Iterator[Session]:
    """Give a session in which texts are continued by ``answer``; an engine continues them by itself."""
    with subject.session(answer if subject.vendor is None else raw_reply(subject, answer), **config) as session:
        yield session


def raw_reply(subject: Subject, answer: Answer = PLAIN.answer) -> Reply:
    """Return an answer as the vendor's body of what follows a text."""
    return json_reply(subject.the_vendor.raw(answer))


def json_reply(body: bytes, status: int = 200) -> Reply:
    """Return a body of JSON, or what is in its place."""
    return Reply(status=status, headers={"content-type": "application/json"}, steps=[body])


def read_raw(subject: Subject, session: Session) -> list[RawAsked]:
    """Return what stood on the wire, by the emulator's reading."""
    assert session.server is not None
    return [subject.the_vendor.read_raw(request) for request in session.server.requests]


def strings(value: object) -> Iterator[str]:
    """Yield every string in a JSON value that is no key."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from strings(item)


async def raw_works(subject: Subject) -> None:
    """Assert that a text is continued."""
    with raw_session(subject) as session:
        answer = await session.backend.complete_raw(PROMPT)
        await session.backend.aclose()
    assert session.server is None or answer.text == "pong.", (
        f"the vendor said 'pong.', and the answer is {answer.text!r}"
    )
    assert answer.finish is not None, "the answer has no finish"
