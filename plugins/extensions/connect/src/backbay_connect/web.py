"""One POST to an authorisation server, over core's own transport: no redirects or proxies, bounded in time and size."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import urlencode

from backbay.discovery import core
from backbay.errors import (
    AuthenticationError,
    BackbayError,
    DecodeError,
    LimitExceededError,
    ServerError,
    TooLargeError,
)
from backbay.http.adapters.direct import DirectTransport
from backbay.secrets import redact

T = TypeVar("T")

LIMIT = 30.0
"""Seconds for one request."""

MAX_BODY = 2**18
"""Bytes of an answer."""

_SHOWN = 200


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server answered.

    Attributes:
        status: HTTP status.
        found: The JSON object in the body; ``None`` if it is none.
    """

    status: int
    found: Mapping[str, object] | None

    def __repr__(self) -> str:
        return f"<Answer {self.status}>"

    def text(self, name: str) -> str:
        """Return a string of the object; ``""`` if it has none of that name."""
        value = (self.found or {}).get(name)
        return value if isinstance(value, str) else ""

    def number(self, name: str) -> float | None:
        """Return a number of the object, also one in a string, if it is at least 0; else ``None``."""
        value = (self.found or {}).get(name)
        try:
            found = float(value) if isinstance(value, int | float | str) and not isinstance(value, bool) else -1.0
        except (ValueError, OverflowError):
            return None
        return found if 0 <= found < 1e10 else None


async def post(url: str, fields: Mapping[str, str], *, as_json: bool = False) -> Answer:
    """Send fields to an endpoint, as a form or as JSON; return its answer, whatever its status is.

    Raises:
        TransportError: No whole response came.
        LimitExceededError: It took too long.
        TooLargeError: The answer is too long.
    """
    installed = core()
    headers = [
        ("accept", "application/json"),
        ("content-type", "application/json" if as_json else "application/x-www-form-urlencoded"),
        ("user-agent", f"backbay/{installed.version}" if installed else "backbay"),
    ]
    body = (json.dumps(dict(fields)) if as_json else urlencode(fields)).encode()
    transport = DirectTransport()
    try:
        async with asyncio.timeout(LIMIT):
            return await _exchange(transport, url, headers, body)
    except TimeoutError as failure:
        if isinstance(failure, BackbayError):
            raise
        raise LimitExceededError(f"{_host(url)} took longer than {LIMIT:g} s.", limit="total", seconds=LIMIT) from None
    finally:
        await transport.aclose()


async def _exchange(transport: DirectTransport, url: str, headers: list[tuple[str, str]], body: bytes) -> Answer:
    response = await transport.send("POST", url, headers, body)
    try:
        received = bytearray()
        async for data in response.chunks():
            received += data
            if len(received) > MAX_BODY:
                raise TooLargeError(f"The answer of {_host(url)} is larger than {MAX_BODY} bytes.")
        return Answer(response.status, _object(received))
    finally:
        await response.aclose()


def refusal(answer: Answer, url: str, *, sent: Mapping[str, str], hint: str) -> BackbayError:
    """Return the error for an answer that is not what was asked for.

    Args:
        answer: The answer.
        url: Where it is from.
        sent: The fields that were sent, of which nothing is repeated.
        hint: What to try where the server refused.
    """
    code = answer.text("error")[:64]
    said = answer.text("error_description") or answer.text("message")
    for value in sorted(sent.values(), key=len, reverse=True):
        if len(value) >= 8:
            code, said = redact(code, value), redact(said, value)
    said = "".join(character for character in said if character.isprintable())[:_SHOWN]
    about = f"{_host(url)} refused: {code}" + (f" ({said})" if said else "")
    if code and answer.status < 500:
        return AuthenticationError(f"{about}.", status=answer.status, code=code, hint=hint)
    if answer.status >= 500:
        return ServerError(
            f"{_host(url)} failed with status {answer.status}.", status=answer.status, retryable=True, hint="Try again."
        )
    what = "no answer of an authorisation server" if answer.found is None else "an answer without what was asked for"
    return DecodeError(
        f"{_host(url)} gave {what} (status {answer.status}).",
        status=answer.status,
        hint="Is this the right endpoint? Redirects are not followed.",
    )


def run(make: Callable[[], Awaitable[T]]) -> T:
    """Run a coroutine to its end from any thread; an event loop's own thread waits meanwhile."""

    async def whole() -> T:
        return await make()

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(whole())
    with ThreadPoolExecutor(1, thread_name_prefix="backbay-oauth") as pool:
        return pool.submit(lambda: asyncio.run(whole())).result()


def _host(url: str) -> str:
    return url.partition("?")[0]


def _object(body: bytearray) -> Mapping[str, object] | None:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None
