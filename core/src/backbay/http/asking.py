"""Asks many URLs at once, within one limit, and looks for an engine's marks in what they answer. No key is sent."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

from ..discovery import core
from ..errors import BackbayError
from ..spec import Identity
from .adapters.direct import DirectTransport
from .transport import Transport
from .urls import origin

MAX_BODY = 2**20
"""Bytes of an answer that are read; a longer one counts as none."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came from one URL.

    Attributes:
        status: HTTP status.
        headers: Headers, by lower-case name.
        body: The body of a 2xx status; ``None`` of any other, and if it was too long.
        found: The JSON in the body; ``None`` if it is none.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes | None
    found: object


async def ask(questions: Iterable[str], limit: float) -> Mapping[str, Answer]:
    """Get every URL, all at once; return the answers that came, by URL. Redirects are not followed.

    Where nobody listens no URL is asked: most ports are silent, and their refusals would hold up the others.

    Args:
        questions: The URLs.
        limit: Seconds for all of them together.
    """
    doors: dict[str, list[str]] = {}
    for url in dict.fromkeys(questions):
        doors.setdefault(origin(url), []).append(url)
    transport = DirectTransport()
    answers: dict[str, Answer] = {}

    async def get(url: str) -> None:
        with suppress(BackbayError):
            answers[url] = await _get(transport, url)

    async def knock(listed: Sequence[str], group: asyncio.TaskGroup) -> None:
        if await _listens(listed[0]):
            for url in listed:
                group.create_task(get(url))

    try:
        with suppress(TimeoutError):
            async with asyncio.timeout(limit), asyncio.TaskGroup() as group:
                for listed in doors.values():
                    group.create_task(knock(listed, group))
    finally:
        await transport.aclose()
    return answers


def fits(identity: Identity, answer: Answer) -> bool:
    """Whether an answer has every mark of an engine, and none of another's. Headers count at any status."""
    lacks = isinstance(answer.found, dict) and any(key in answer.found for key in identity.lacks)
    return not lacks and all(_shows(answer, mark) for mark in identity.shows)


def closeness(identity: Identity) -> tuple[int, int]:
    """Return how much it says that an answer fits: named values before mere keys, then more marks before fewer."""
    return sum("=" in mark for mark in identity.shows), len(identity.shows)


async def _listens(url: str) -> bool:
    """Whether somebody takes connections where a URL leads to."""
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        _, writer = await asyncio.open_connection(parts.hostname, port)
    except (OSError, ValueError):
        # A name that cannot be a host's is a ValueError of the codec for such names.
        return False
    try:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()
    finally:
        writer.transport.abort()
    return True


async def _get(transport: Transport, url: str) -> Answer:
    installed = core()
    agent = f"backbay/{installed.version}" if installed else "backbay"
    response = await transport.send("GET", url, [("accept", "application/json"), ("user-agent", agent)], b"")
    try:
        headers = {name.lower(): value for name, value in response.headers.items()}
        body = bytearray()
        if not 200 <= response.status < 300:
            return Answer(response.status, headers, None, None)
        async for data in response.chunks():
            body += data
            if len(body) > MAX_BODY:
                return Answer(response.status, headers, None, None)
        return Answer(response.status, headers, bytes(body), _json(body))
    finally:
        await response.aclose()


def _json(body: bytearray) -> object:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _shows(answer: Answer, mark: str) -> bool:
    """Whether an answer has a mark, see ``Identity``; ``a.b`` is the key ``b`` of ``a``, or of any item of ``a``."""
    where, named, value = mark.partition("=")
    if where.startswith("header:"):
        name = where.removeprefix("header:").lower()
        there: list[object] = [answer.headers[name]] if name in answer.headers else []
    else:
        there = _at(answer.found, where.split(".")) if isinstance(answer.found, dict) else []
    return any(not named or _text(item).startswith(value.lower()) for item in there)


def _at(found: object, path: Sequence[str]) -> list[object]:
    items = found if isinstance(found, list) else [found]
    there = [item[path[0]] for item in items if isinstance(item, dict) and path[0] in item]
    return there if len(path) == 1 else [value for item in there for value in _at(item, path[1:])]


def _text(value: object) -> str:
    return (value if isinstance(value, str) else json.dumps(value)).lower()
