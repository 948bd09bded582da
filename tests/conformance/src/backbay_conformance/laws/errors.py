"""Laws of errors: whatever the vendor says that it failed with becomes one typed error, streamed or not."""

from __future__ import annotations

import pickle
import time
from email.utils import formatdate

import pytest

from backbay import (
    AuthenticationError,
    BackbayError,
    BadRequestError,
    NotFoundError,
    OverloadedError,
    PermissionDeniedError,
    RateLimitError,
    ResponseError,
    ServerError,
)
from backbay.testing import Reply, ScriptedServer

from ..scenarios import PLAIN
from ..subject import Session, Subject
from ..vendor import Vendor
from .base import Laws, run
from .failures import assert_partial, failed_stream, failure_of, partial_text

KINDS: dict[int, type[ResponseError]] = {
    400: BadRequestError,
    401: AuthenticationError,
    403: PermissionDeniedError,
    404: NotFoundError,
    408: BadRequestError,
    409: BadRequestError,
    413: BadRequestError,
    422: BadRequestError,
    429: RateLimitError,
    500: ServerError,
    502: ServerError,
    503: OverloadedError,
    504: ServerError,
    529: OverloadedError,
}
"""The class of each error status where the body says nothing more precise."""

RETRYABLE = frozenset({408, 409, 429, 500, 502, 503, 504, 529})
"""The statuses after which the same call may work."""

WORDS = "the cat sat on the cable"
HTML = b"<!doctype html><html><head><title>Bad gateway</title></head><body><h1>nginx</h1></body></html>"

LONGEST_MESSAGE = 1000
"""Characters. What is longer fills logs and terminals."""

BOTH = ("complete", "stream")
HOW = pytest.mark.parametrize("how", BOTH)


class ErrorLaws(Laws):
    """Every failure that the vendor tells of is a typed error that says what a caller must know."""

    @pytest.mark.wire
    @pytest.mark.parametrize("status", KINDS)
    def test_an_error_status_is_one_typed_error_whatever_its_body(self, subject: Subject, status: int) -> None:
        """Programs decide by class and ``retryable``; a proxy's HTML page or an empty body must not change either."""
        cases = [(name, body, how) for name, body in bodies(subject.the_vendor, status).items() for how in BOTH]

        async def law() -> None:
            with subject.session([_reply(status, body) for _, body, _ in cases]) as session:
                for name, _, how in cases:
                    about = f"status {status}, body {name}, {how}"
                    error = await failure_of(session.backend, how, about)
                    _check_kind(error, status, about, exactly=name != "object")
                    _check_facts(error, session, subject, about)
                    if name in ("object", "string"):
                        assert WORDS in error.message, f"{about}: the vendor's words are lost: {error.message!r}"
                await session.backend.aclose()

        run(law())

    @pytest.mark.wire
    def test_a_huge_or_unreadable_error_body_is_a_bounded_typed_error(self, subject: Subject) -> None:
        """An error goes to logs and screens: megabytes, or bytes that cannot be decoded, must not go with it."""
        huge = {
            "2 MB of JSON": subject.the_vendor.error(500, "x" * 2_000_000),
            "2 MB of text": b"y" * 2_000_000,
            "2 MB of HTML": HTML + b"<p>" * 700_000,
            "invalid UTF-8": b"\xff\xfe\x80 broken \xc3",
            "invalid UTF-8 in JSON": subject.the_vendor.error(500, "zzzz").replace(b"zzzz", b"\xff\xc3\x28\x80"),
        }
        cases = [(name, body, how) for name, body in huge.items() for how in BOTH]

        async def law() -> None:
            with subject.session([_reply(500, body) for _, body, _ in cases]) as session:
                for name, _, how in cases:
                    about = f"status 500, {name}, {how}"
                    error = await failure_of(session.backend, how, about)
                    _check_kind(error, 500, about, exactly=False)
                    _check_facts(error, session, subject, about)
                    str(error).encode()  # A lone surrogate in it would break the log that it is written to.
                await session.backend.aclose()

        run(law())

    @pytest.mark.wire
    @HOW
    def test_retry_after_reaches_the_error(self, subject: Subject, how: str) -> None:
        """A caller that schedules its own retries needs the pause that the vendor asked for, seconds or date."""

        async def law() -> None:
            date = formatdate(time.time() + 60, usegmt=True)
            body = subject.the_vendor.error(429, WORDS)
            for value, least, most in (("7", 7.0, 7.0), (date, 20.0, 61.0)):
                with subject.session(_reply(429, body, {"retry-after": value})) as session:
                    error = await failure_of(session.backend, how, f"Retry-After: {value}")
                    await session.backend.aclose()
                found = error.retry_after
                assert found is not None, f"Retry-After: {value} did not reach the error of {how}"
                assert least <= found <= most, f"Retry-After: {value} became {found} s in the error of {how}"

        run(law())

    @pytest.mark.wire
    @HOW
    def test_an_error_inside_a_200_is_an_error(self, subject: Subject, how: str) -> None:
        """Gateways answer 200 before they know better; an error object must never become an empty answer."""
        reply = _reply(200, subject.the_vendor.error(500, WORDS))

        async def law() -> None:
            with subject.session(reply) as session:
                about = f"an error object with status 200, {how}"
                error = await failure_of(session.backend, how, about)
                await session.backend.aclose()
                assert isinstance(error, ResponseError), f"{about}: {type(error).__name__} is no ResponseError: {error}"
                assert WORDS in error.message, f"{about}: the vendor's words are lost: {error.message!r}"
                _check_facts(error, session, subject, about)

        run(law())

    @pytest.mark.wire
    def test_an_error_event_inside_a_stream_raises_with_the_partial_answer(self, subject: Subject) -> None:
        """After the head of a 200 an event is the only way to say that it failed; what came before it is not lost."""
        vendor = subject.the_vendor
        events = list(vendor.stream(PLAIN.answer))
        last = len(events) - vendor.events_that_finish

        async def law() -> None:
            for count in range(last + 1):
                steps = [*events[:count], vendor.error_event(WORDS)]
                with subject.session(Reply(headers={"content-type": vendor.stream_type}, steps=steps)) as session:
                    about = f"an error event after {count} events"
                    error, given = await failed_stream(session.backend, about)
                    await session.backend.aclose()
                    assert isinstance(error, ResponseError), f"{about}: {type(error).__name__} is no ResponseError"
                    assert WORDS in error.message, f"{about}: the vendor's words are lost: {error.message!r}"
                    assert_partial(error, given, about)
                    _check_facts(error, session, subject, about)
            whole = "".join(PLAIN.answer.text)
            assert partial_text(error) == whole, f"after all text came, partial.text is {partial_text(error)!r}"

        run(law())

    @pytest.mark.wire
    @HOW
    def test_a_redirect_is_an_error_and_nothing_goes_to_the_other_server(self, subject: Subject, how: str) -> None:
        """To follow a redirect would hand the key and the prompt to whoever wrote the Location header."""

        async def law() -> None:
            with ScriptedServer(Reply.json({})) as other:
                for status in (301, 302, 303, 307, 308):
                    reply = Reply(status=status, headers={"location": f"{other.url}/chat/completions"}, steps=[b""])
                    with subject.session(reply) as session:
                        error = await failure_of(session.backend, how, f"a redirect, status {status}")
                        await session.backend.aclose()
                    assert isinstance(error, ResponseError), f"status {status}: {type(error).__name__}"
                    assert error.status == status, f"a redirect with status {status} has error.status {error.status}"
                    assert other.connections == 0, f"{how} followed a redirect, status {status}, to another server"

        run(law())


def bodies(vendor: Vendor, status: int) -> dict[str, bytes]:
    """Return the five shapes that an error's body has in the wild."""
    return {
        "object": vendor.error(status, WORDS),
        "string": b'"' + WORDS.encode() + b'"',
        "null": b"null",
        "HTML": HTML,
        "empty": b"",
    }


def _reply(status: int, body: bytes, headers: dict[str, str] | None = None) -> Reply:
    kind = "text/html" if body.startswith(b"<") else "application/json"
    return Reply(status=status, headers={"content-type": kind, **(headers or {})}, steps=[body], framing="length")


def _check_kind(error: BackbayError, status: int, about: str, *, exactly: bool) -> None:
    kind = KINDS[status]
    fits = type(error) is kind if exactly else isinstance(error, kind)
    assert fits, f"{about}: {type(error).__name__}, where {kind.__name__} is meant: {error}"
    assert error.status == status, f"{about}: error.status is {error.status}"
    wanted = status in RETRYABLE
    assert error.retryable is wanted, f"{about}: error.retryable is {error.retryable}, must be {wanted}"


def _check_facts(error: BackbayError, session: Session, subject: Subject, about: str) -> None:
    """Check what every error says: who was asked, how often; and that it is short, and survives a process boundary."""
    assert error.backend == session.backend.id, f"{about}: error.backend is {error.backend!r}"
    assert error.model == subject.model, f"{about}: error.model is {error.model!r}"
    assert error.attempts == 1, f"{about}: error.attempts is {error.attempts}; one request was sent"
    assert error.message, f"{about}: the message is empty"
    assert len(error.message) <= LONGEST_MESSAGE, f"{about}: the message has {len(error.message)} characters"
    assert len(error.body or "") <= 2000, f"{about}: error.body has {len(error.body or '')} characters"
    assert "\n" not in error.message, f"{about}: the message has several lines: {error.message!r}"
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is type(error), f"{about}: pickled, it comes back as {type(again).__name__}"
    assert vars(again) == vars(error), f"{about}: pickled, it comes back with other attributes"
    assert str(again) == str(error), f"{about}: pickled, it comes back with other words: {again}"
