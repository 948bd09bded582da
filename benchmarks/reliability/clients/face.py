"""What every client has here, so that one measurement does for all."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol

from ..dialects import Dialect


class NotAnAnswer(Exception):  # noqa: N818 (no error of a client: what the harness finds in what it returned)
    """A client returned, without an error, what is no answer: a page as text, or an object without a text."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How a client is set up; what is ``None`` stays as the client has it by default.

    Attributes:
        seconds: How long a call may take: Backbay's limit ``total``; the nearest that the SDKs have is ``timeout``.
        retries: Further attempts at most.
        key: The key.
        body: The body of every answer, which is then given in memory, without a server.
        pool: Connections at most, where the client has such a bound.
        wait: Seconds for the first event, and between bytes; Backbay alone has these.
    """

    seconds: float | None = None
    retries: int | None = None
    key: str = field(default="sk-example", repr=False)  # tracebacks that show local variables begin in the harness
    body: bytes | None = None
    pool: int | None = None
    wait: float | None = None


class AsyncCaller(Protocol):
    """A client of asyncio that is set up."""

    async def complete(self, words: str) -> str:
        """Return the text of an answer.

        Raises:
            NotAnAnswer: It returned something else.
        """

    async def begin(self, words: str) -> AbstractAsyncContextManager[AsyncIterator[Any]]:
        """Return a stream, inside which is an iterator of events; leaving it closes it."""

    def text(self, event: Any) -> str:
        """Return the text of an event; ``""`` if it has none."""

    async def close(self) -> None:
        """Close the client."""


class SyncCaller(Protocol):
    """The same, blocking."""

    def complete(self, words: str) -> str: ...

    def begin(self, words: str) -> AbstractContextManager[Iterator[Any]]: ...

    def text(self, event: Any) -> str: ...

    def close(self) -> None: ...


class Client(Protocol):
    """A client's library.

    Attributes:
        name: Its name.
        dialects: What it speaks, the first of them where one is enough.
        error: The class that it says all its exceptions are of.
    """

    name: str
    dialects: Sequence[Dialect]

    @property
    def error(self) -> type[BaseException]:
        """The class."""

    def open(self, url: str, dialect: Dialect, settings: Settings = ...) -> AsyncCaller:
        """Return one of asyncio. ``url`` is the server's, with ``/v1``."""

    def open_sync(self, url: str, dialect: Dialect, settings: Settings = ...) -> SyncCaller:
        """Return one that blocks."""


async def read(caller: AsyncCaller, words: str) -> str:
    """Read a stream to its end; return its text."""
    async with await caller.begin(words) as stream:
        return "".join([caller.text(event) async for event in stream])


def read_sync(caller: SyncCaller, words: str) -> str:
    """Read a stream to its end; return its text."""
    with caller.begin(words) as stream:
        return "".join([caller.text(event) for event in stream])
