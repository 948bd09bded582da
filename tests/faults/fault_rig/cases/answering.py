"""Faults 103 to 120: statuses, headers, redirects, and the bodies of errors."""

from __future__ import annotations

import json

from backbay import (
    AuthenticationError,
    BackbayError,
    BadRequestError,
    ContentFilterError,
    ContextLengthError,
    ModelNotFoundError,
    NotFoundError,
    OverloadedError,
    PermissionDeniedError,
    ProtocolError,
    QuotaExceededError,
    RateLimitError,
    ResponseError,
    ServerError,
    TransportError,
)

from ..asking import COMPLETE, HOWS, KEY, Outcome, ask, connect
from ..faults import Bench, Check, Row, fault
from ..plan import Answer, Door, Repeat
from ..rig import OpenDoor
from ..words import WHOLE, chunk, failed, head, sized

PHRASE = "Fault"


def status(
    number: int,
    code: int,
    error: type[BackbayError],
    again: bool,
    *lines: str,
    name: str = "",
    said: bytes | None = None,
) -> Row:
    """Return the row of a status: its class, and whether it is tried again."""
    return Row(
        number=number,
        name=f"{code}{name and '_'}{name}",
        answers=[[sized(failed() if said is None else said, *lines, status=f"{code} {PHRASE}")]],
        hows=("complete", "sync_stream"),
        error=error,
        wire=2 if again else 1,
        # The same call may work later; but nobody is made to wait that long.
        retryable=True if lines and not again else None,
        phase="wait",
        check=_about(code),
    )


def _about(code: int) -> Check:
    def check(outcome: Outcome, door: OpenDoor) -> None:
        assert isinstance(outcome.error, BackbayError)
        assert outcome.error.status == code

    return check


STATUSES = (
    status(103, 400, BadRequestError, False),
    status(103, 405, BadRequestError, False),
    status(103, 418, BadRequestError, False),
    status(103, 422, BadRequestError, False),
    status(103, 499, BadRequestError, False),
    status(104, 400, ContextLengthError, False, name="context_length", said=failed("context_length_exceeded")),
    status(105, 400, ContentFilterError, False, name="content_policy", said=failed("content_policy_violation")),
    status(106, 401, AuthenticationError, False),
    status(107, 403, PermissionDeniedError, False),
    status(107, 451, PermissionDeniedError, False),
    status(108, 404, ModelNotFoundError, False, name="model", said=failed("model_not_found")),
    status(108, 404, NotFoundError, False, name="path", said=b"404 page not found"),
    status(109, 408, BadRequestError, True),
    status(110, 409, BadRequestError, True),
    status(111, 413, BadRequestError, False),
    status(111, 431, BadRequestError, False),
    status(112, 421, BadRequestError, True),
    status(112, 425, BadRequestError, True),
    status(113, 429, RateLimitError, True),
    status(113, 429, RateLimitError, True, "retry-after-ms: 50", name="in_milliseconds"),
    status(113, 429, RateLimitError, False, "retry-after: 121", name="longer_than_the_cap"),
    status(114, 429, QuotaExceededError, False, name="quota", said=failed("insufficient_quota")),
    status(114, 402, QuotaExceededError, False),
    *(
        status(115, 429, RateLimitError, True, f"retry-after: {value}", name=f"retry_after_{name}")
        for name, value in {
            "0": "0",
            "below_0": "-5",
            "past": "Fri, 29 Sep 2023 16:26:27 GMT",
            "nan": "nan",
            "inf": "inf",
            "1e1": "1e1",
            "two": "5, 10",
            "hexadecimal": "0x10",
            "empty": "",
        }.items()
    ),
    status(115, 429, RateLimitError, False, f"retry-after: {'9' * 35}", name="retry_after_of_35_digits"),
    *(status(116, code, ServerError, True) for code in (500, 502, 504, 520, 524)),
    *(status(116, code, OverloadedError, True) for code in (503, 529)),
    *(status(116, code, ServerError, False) for code in (501, 505)),
    *(status(118, code, ResponseError, False) for code in (300, 304, 305)),
    status(119, 600, ResponseError, False),
)

ODD = (
    *(
        Row(
            number=117,
            name=f"{code}_with_no_answer",
            answers=[[sized(b'{"status": "pending"}', status=f"{code} {PHRASE}")]],
            hows=COMPLETE,
            error=ProtocolError,
            retryable=False,
        )
        for code in (202, 206)
    ),
    Row(
        number=119,
        name="99",
        answers=[[sized(b"{}", status=f"99 {PHRASE}"), "close"]],
        hows=COMPLETE,
        error=TransportError,
    ),
    *(
        Row(
            number=120,
            name=f"an_error_body_that_is_{name}",
            answers=[[sized(said, status=f"400 {PHRASE}")]],
            error=BadRequestError,
            hows=("complete", "stream"),
            check=lambda outcome, door: bounded(outcome),
        )
        for name, said in {
            "a_page": b"<!doctype html><title>Bad</title>" + b"x" * 100_000,
            "empty": b"",
            "no_utf8": b"\xff\xfe\x00" * 1000,
            "lists_in_lists": b"[" * 5000 + b"]" * 5000,
            "null": b"null",
            "full_of_control_characters": json.dumps({"error": "\x1b[31m\u202e" * 1000}).encode(),
        }.items()
    ),
    Row(
        number=120,
        name="an_error_body_of_10_mb",
        answers=[[head("transfer-encoding: chunked", status=f"400 {PHRASE}"), Repeat(chunk(b"x" * 2**16), 160)]],
        error=BadRequestError,
        check=lambda outcome, door: bounded(outcome),
    ),
    Row(
        number=120,
        name="the_key_in_an_error_body",
        answers=[[sized(failed("invalid_api_key", f"Incorrect API key provided: {KEY.reveal()}"), status="401 Fault")]],
        error=AuthenticationError,
        check=lambda outcome, door: bounded(outcome),
    ),
)


def bounded(outcome: Outcome) -> None:
    """Assert that an error says little, and nothing that a terminal would act on."""
    error = outcome.error
    assert isinstance(error, ResponseError)
    assert len(error.message) <= 2048
    assert len(error.body or "") <= 2048
    assert "\x1b" not in str(error)
    assert "\u202e" not in str(error)


@fault(118, hows=HOWS)
def redirects_of_every_kind(bench: Bench, how: str) -> None:
    """Nothing goes anywhere else: to the same server, to another one, or to a metadata address."""
    with bench.rig.opened(Door(answers=[Answer([WHOLE])])) as other:
        targets = (
            "/elsewhere",
            f"{other.url}/chat/completions",
            "http://169.254.169.254/latest/",
            "//acme.example",
            "",
        )
        for code in (301, 302, 303, 307, 308):
            for target in targets:
                answer = Answer([head(f"location: {target}", "content-length: 0", status=f"{code} Moved")])
                with bench.rig.opened(Door(answers=[answer])) as door:
                    error = ask(door.url, how).error
                    assert isinstance(error, ResponseError), repr(error)
                    assert (error.status, error.attempts, error.retryable) == (code, 1, False)
                    assert door.attempts == 1
        assert not other.seen("open")


@fault(118)
def a_redirect_of_a_model_list(bench: Bench, how: str) -> None:
    """Not followed either: only the caller knows whether another address may have the key."""
    import asyncio

    found: list[BaseException] = []

    async def main(url: str) -> None:
        async with connect(url) as backend:
            try:
                await backend.list_models()
            except BackbayError as error:
                found.append(error)

    with bench.rig.opened(Door(answers=[Answer([WHOLE])])) as other:
        answer = Answer([head(f"location: {other.url}/models", "content-length: 0", status="307 Moved")])
        with bench.rig.opened(Door(answers=[answer])) as door:
            asyncio.run(main(door.url))
        assert not other.seen("open")
    assert isinstance(found[0], ResponseError)
