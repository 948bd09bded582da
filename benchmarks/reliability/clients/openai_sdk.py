"""The openai SDK."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import openai

from ..dialects import CHAT, Dialect
from .face import NotAnAnswer, Settings
from .peers import settings_of


class OpenAISDK:
    name = "openai"
    dialects: Sequence[Dialect] = (CHAT,)
    error = openai.OpenAIError

    def open(self, url: str, dialect: Dialect, settings: Settings = Settings()) -> Async:  # noqa: B008 (frozen)
        return Async(openai.AsyncOpenAI(base_url=url, **settings_of(settings, openai.DefaultAsyncHttpxClient)))

    def open_sync(self, url: str, dialect: Dialect, settings: Settings = Settings()) -> Sync:  # noqa: B008
        return Sync(openai.OpenAI(base_url=url, **settings_of(settings, openai.DefaultHttpxClient)))


def _asked(words: str) -> dict[str, Any]:
    return {"model": "m-1", "messages": [{"role": "user", "content": words}], "max_tokens": 100}


def _said(answer: Any) -> str:
    try:
        return str(answer.choices[0].message.content)
    except (AttributeError, TypeError, IndexError):
        raise NotAnAnswer(f"{type(answer).__name__}: {str(answer)[:80]}") from None


def _text(event: Any) -> str:
    try:
        return event.choices[0].delta.content or ""
    except (AttributeError, TypeError, IndexError):
        return ""


class Async:
    text = staticmethod(_text)

    def __init__(self, client: openai.AsyncOpenAI) -> None:
        self._client = client

    async def complete(self, words: str) -> str:
        return _said(await self._client.chat.completions.create(**_asked(words)))

    async def begin(self, words: str) -> Any:
        return await self._client.chat.completions.create(**_asked(words), stream=True)

    async def close(self) -> None:
        await self._client.close()


class Sync:
    text = staticmethod(_text)

    def __init__(self, client: openai.OpenAI) -> None:
        self._client = client

    def complete(self, words: str) -> str:
        return _said(self._client.chat.completions.create(**_asked(words)))

    def begin(self, words: str) -> Any:
        return self._client.chat.completions.create(**_asked(words), stream=True)

    def close(self) -> None:
        self._client.close()
