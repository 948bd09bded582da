"""The anthropic SDK."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import anthropic

from ..dialects import MESSAGES, Dialect
from .face import NotAnAnswer, Settings
from .peers import settings_of


class AnthropicSDK:
    name = "anthropic"
    dialects: Sequence[Dialect] = (MESSAGES,)
    error = anthropic.AnthropicError

    def open(self, url: str, dialect: Dialect, settings: Settings = Settings()) -> Async:  # noqa: B008 (frozen)
        return Async(
            anthropic.AsyncAnthropic(base_url=_root(url), **settings_of(settings, anthropic.DefaultAsyncHttpxClient))
        )

    def open_sync(self, url: str, dialect: Dialect, settings: Settings = Settings()) -> Sync:  # noqa: B008
        return Sync(anthropic.Anthropic(base_url=_root(url), **settings_of(settings, anthropic.DefaultHttpxClient)))


def _root(url: str) -> str:
    # This SDK puts the version into the path itself.
    return url.removesuffix("/v1")


def _asked(words: str) -> dict[str, Any]:
    return {"model": "m-1", "messages": [{"role": "user", "content": words}], "max_tokens": 100}


def _said(answer: Any) -> str:
    try:
        return str(answer.content[0].text)
    except (AttributeError, TypeError, IndexError):
        raise NotAnAnswer(f"{type(answer).__name__}: {str(answer)[:80]}") from None


def _text(event: Any) -> str:
    delta = getattr(event, "delta", None)
    return getattr(delta, "text", None) or ""


class Async:
    text = staticmethod(_text)

    def __init__(self, client: anthropic.AsyncAnthropic) -> None:
        self._client = client

    async def complete(self, words: str) -> str:
        return _said(await self._client.messages.create(**_asked(words)))

    async def begin(self, words: str) -> Any:
        return await self._client.messages.create(**_asked(words), stream=True)

    async def close(self) -> None:
        await self._client.close()


class Sync:
    text = staticmethod(_text)

    def __init__(self, client: anthropic.Anthropic) -> None:
        self._client = client

    def complete(self, words: str) -> str:
        return _said(self._client.messages.create(**_asked(words)))

    def begin(self, words: str) -> Any:
        return self._client.messages.create(**_asked(words), stream=True)

    def close(self) -> None:
        self._client.close()
