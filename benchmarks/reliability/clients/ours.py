"""Backbay."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from typing import Any

import backbay
from backbay.sync import SyncBackend, SyncStream

from ..dialects import CHAT, MESSAGES, Dialect
from .face import Settings


class Ours:
    name = "backbay"
    dialects: Sequence[Dialect] = (CHAT, MESSAGES)
    error = backbay.BackbayError

    def open(self, url: str, dialect: Dialect, settings: Settings = Settings()) -> Async:  # noqa: B008 (frozen)
        return Async(_connect(url, dialect, settings))

    def open_sync(self, url: str, dialect: Dialect, settings: Settings = Settings()) -> Sync:  # noqa: B008
        return Sync(SyncBackend(_connect(url, dialect, settings)))


def _connect(url: str, dialect: Dialect, settings: Settings) -> Any:
    reference = "openai:m-1" if dialect is CHAT else "anthropic:m-1"
    config: dict[str, Any] = {} if settings.retries is None else {"retries": settings.retries}
    if settings.body is not None:
        config["transport"] = Memory(settings.body)
    limits = {"total": settings.seconds, "first_event": settings.wait, "idle": settings.wait}
    return backbay.connect(reference, api_key=settings.key, base_url=url, limits=limits, **config)


class Async:
    def __init__(self, backend: Any) -> None:
        self._backend = backend

    async def complete(self, words: str) -> str:
        return str((await self._backend.complete(words, max_tokens=100)).text)

    async def begin(self, words: str) -> AbstractAsyncContextManager[AsyncIterator[Any]]:
        stream: AbstractAsyncContextManager[AsyncIterator[Any]] = self._backend.stream(words, max_tokens=100)
        return stream

    def text(self, event: Any) -> str:
        return event.delta if isinstance(event, backbay.Text) else ""

    async def close(self) -> None:
        await self._backend.aclose()


class Sync:
    def __init__(self, backend: SyncBackend) -> None:
        self._backend = backend

    def complete(self, words: str) -> str:
        return str(self._backend.complete(words, max_tokens=100).text)

    def begin(self, words: str) -> AbstractContextManager[SyncStream]:
        return self._backend.stream(words, max_tokens=100)

    def text(self, event: Any) -> str:
        return event.delta if isinstance(event, backbay.Text) else ""

    def close(self) -> None:
        self._backend.close()


class Memory:
    """A transport that gives one body, whatever it is asked."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    async def send(self, method: str, url: str, headers: Sequence[tuple[str, str]], body: bytes) -> Given:
        return Given(self._body)

    async def aclose(self) -> None:
        """There is nothing to close."""


class Given:
    def __init__(self, body: bytes) -> None:
        self._body = body
        self.status = 200
        self.headers: Mapping[str, str] = {"content-type": "text/event-stream"}

    async def chunks(self) -> AsyncIterator[bytes]:
        if self._body:
            yield self._body

    async def aclose(self) -> None:
        """There is nothing to close."""
