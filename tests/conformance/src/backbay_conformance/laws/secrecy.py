"""Laws of secrecy: a key goes into one header of a request, and is seen nowhere else, whatever goes wrong."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from backbay import BackbayError, InvalidCredentialError
from backbay.backend import Backend
from backbay.capabilities import Capability
from backbay.connecting import build
from backbay.testing import Received, Reply

from ..scenarios import PLAIN
from ..subject import Subject
from ..vendor import Vendor
from .asked import assert_untouched
from .base import Laws, run
from .canaries import CANARIES, Canary, assert_unlogged, listening, pickled, renderings

SHAPES = pytest.mark.parametrize("canary", CANARIES, ids=lambda canary: canary.shape)
UNSENDABLE = ("two\nlines", "line-end\n", "return\rhere", "a space", "tab\there", "nul\0here", "kľúč")


@dataclass(frozen=True)
class Failure:
    """Something that goes wrong, by a vendor that repeats the key.

    Attributes:
        name: What it is.
        reply: Makes the answer, with the key in it.
    """

    name: str
    reply: Callable[[Vendor, str], Reply]

    def __str__(self) -> str:
        return self.name


def _refused(vendor: Vendor, key: str) -> Reply:
    words = f"Incorrect API key provided: {key}."
    return _json(vendor.error(401, words), 401, {"x-request-id": key, "www-authenticate": f"Bearer {key}"})


def _html(_: Vendor, key: str) -> Reply:
    return Reply(headers={"content-type": "text/html", "x-request-id": key}, steps=[f"<html>{key}</html>".encode()])


def _cut(vendor: Vendor, key: str) -> Reply:
    return Reply(headers={"content-type": vendor.stream_type}, steps=[key.encode()], end="cut")


def _error_in_stream(vendor: Vendor, key: str) -> Reply:
    steps = [*vendor.stream(PLAIN.answer)[:2], vendor.error_event(f"The key {key} has no money left.")]
    return Reply(headers={"content-type": vendor.stream_type}, steps=steps)


FAILURES = (
    Failure("refused_key", _refused),
    Failure("plain_error", lambda _, key: Reply(status=500, steps=[f"Authorization: Bearer {key}".encode()])),
    Failure(
        "no_answer",
        lambda _, key: _json(json.dumps({"you_sent": key, "type": key, "code": key}).encode()),
    ),
    Failure("html", _html),
    Failure("cut_stream", _cut),
    Failure("error_in_stream", _error_in_stream),
    Failure("reset", lambda _, key: Reply(framing="raw", end="reset")),
)


class SecrecyLaws(Laws):
    """No key is ever shown."""

    @SHAPES
    def test_no_key_is_in_what_a_backend_shows_of_itself(self, subject: Subject, canary: Canary) -> None:
        """Backends end up in logs, notebooks and reports, as ``repr`` or as what ``vars`` has of them."""

        async def law() -> None:
            with subject.session(PLAIN.answer, api_key=canary.reveal()) as session:
                backend = session.backend
                shown = (backend, backend.spec, backend.settings, backend.settings.api_key, backend.with_options())
                for item in (*shown, backend.stream("Say pong."), vars(backend), backend.id):
                    for text in (repr(item), str(item), f"{item}"):
                        assert not canary.seen_in(text), f"the key is in what a {type(item).__name__} shows: {text}"
                for item in shown:
                    assert not canary.seen_in(pickled(item)), f"the key is in a pickled {type(item).__name__}"
                await backend.aclose()

        run(law())

    @pytest.mark.wire
    @SHAPES
    @pytest.mark.parametrize("failure", FAILURES, ids=str)
    def test_no_key_is_in_an_error_or_a_log(self, subject: Subject, failure: Failure, canary: Canary) -> None:
        """Vendors repeat the key in their errors, and errors go where anybody reads them."""
        vendor = subject.the_vendor

        def script(_: Received) -> Reply:
            return failure.reply(vendor, canary.reveal())

        async def law() -> None:
            with listening() as records, subject.session(script, api_key=canary.reveal()) as session:
                for how in _calls(subject):
                    error = await failure_of(session.backend, how)
                    assert_kept(canary, error, f"{failure}, {how}")
                if subject.spec.capabilities_of(subject.model).allows(Capability.HEALTH):
                    found = repr(await session.backend.health())
                    assert not canary.seen_in(found), f"{failure}: the key is in what health found: {found}"
                await session.backend.aclose()
            assert_unlogged(canary, records)

        run(law())

    @pytest.mark.wire
    @SHAPES
    def test_no_key_is_in_the_error_of_a_refused_connection(self, subject: Subject, canary: Canary) -> None:
        """The request was made, with its headers, when nobody was there: it stands in the frames of the traceback."""

        async def law() -> None:
            with subject.session(PLAIN.answer) as session:
                assert session.server is not None
                url = session.server.url
            config: Any = {"retries": 0, **subject.config, "base_url": url}
            with listening() as records:
                backend = build(subject.spec, subject.model, api_key=canary.reveal(), **config)
                for how in ("complete", "stream"):
                    assert_kept(canary, await failure_of(backend, how), how)
                await backend.aclose()
            assert_unlogged(canary, records)

        run(law())

    @pytest.mark.wire
    @SHAPES
    def test_the_key_is_in_the_header_that_the_spec_names_and_nowhere_else(
        self, subject: Subject, canary: Canary
    ) -> None:
        """A key in a URL is in every log between here and the vendor."""
        header = subject.spec.auth_header.lower()

        async def law() -> None:
            with listening() as records, subject.session(PLAIN.answer, api_key=canary.reveal()) as session:
                await session.backend.complete("Say pong.")
                await session.backend.stream("Say pong.").collect()
                if session.backend.capabilities().allows(Capability.HEALTH):
                    await session.backend.health()
                await session.backend.aclose()
                assert session.server is not None
                requests = session.server.requests
            assert len(requests) >= 2, f"{len(requests)} requests were sent for two calls"
            for request in requests:
                sent = request.headers.get(header, "").removeprefix("Bearer ")
                assert sent == canary.reveal(), f"{request.method} {request.path} has not the key in {header}"
                rest = {name: value for name, value in request.headers.items() if name != header}
                for place, text in (("URL", request.path), ("headers", str(rest)), ("body", request.body.decode())):
                    assert not canary.seen_in(text), f"the key is in the {place} of {request.method} {request.path}"
            assert_unlogged(canary, records)

        run(law())

    @pytest.mark.parametrize("key", UNSENDABLE, ids=[ascii(key) for key in UNSENDABLE])
    def test_a_key_that_no_header_can_have_is_refused_before_any_io(self, subject: Subject, key: str) -> None:
        """A key with a line end, as files have them, would write headers of its own."""
        canary = Canary("unsendable", key)
        with subject.session(PLAIN.answer) as session:
            url: Any = {} if session.server is None else {"base_url": session.server.url}
            error = _refusal(subject, canary, {**subject.config, **url})
            assert_untouched(session)
        assert_kept(canary, error, "an unsendable key")


def _refusal(subject: Subject, canary: Canary, config: dict[str, Any]) -> BackbayError:
    try:
        build(subject.spec, subject.model, api_key=canary.reveal(), **config)
    except InvalidCredentialError as error:
        return error
    pytest.fail("a key that can stand in no header was taken; it must be an InvalidCredentialError at connect")


def _calls(subject: Subject) -> tuple[str, ...]:
    models = subject.spec.capabilities_of(subject.model).allows(Capability.LIST_MODELS)
    return ("complete", "stream", "list_models") if models else ("complete", "stream")


async def failure_of(backend: Backend, how: str) -> BackbayError:
    """Return what a call raises. Nothing in this frame may hold the key: the traceback begins here."""
    found: object
    try:
        if how == "complete":
            found = await backend.complete("Say pong.")
        elif how == "stream":
            found = await backend.stream("Say pong.").collect()
        else:
            found = await backend.list_models()
    except BackbayError as error:
        return error
    pytest.fail(f"{how} gave {found!r}, where it must fail")


def assert_kept(canary: Canary, error: BackbayError, where: str) -> None:
    """Assert that the key is in no rendering of an error, nor in the local variables that a traceback may show."""
    for what, text in renderings(error).items():
        lines = [line for line in text.splitlines() if canary.seen_in(line)]
        assert not canary.seen_in(text), f"{where}: the key is in the {what} of {type(error).__name__}: {lines[:3]}"


def _json(body: bytes, status: int = 200, headers: dict[str, str] | None = None) -> Reply:
    return Reply(status=status, headers={"content-type": "application/json", **(headers or {})}, steps=[body])
