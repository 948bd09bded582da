"""What ``backbay chat`` does once its options are read: one answer, or a session."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from backbay import Backend, InvalidRequestError, Message, TextPart, connect
from backbay.request import Options

from . import inputs
from .answer import Outcome, View, ask
from .options import key_values
from .session import Session
from .terminal import is_terminal
from .views import JsonLinesView, PeopleView
from .wrapping import wrapped


@dataclass(frozen=True, slots=True, kw_only=True)
class Chat:
    """One run of the command.

    Attributes:
        reference: ``NAME:MODEL``.
        connection: Keyword arguments of ``connect``.
        options: Options of every call.
        system: The system prompt, or ``None``.
        images: Paths and URLs that go with the first prompt.
        in_json: Whether to print JSON Lines.
        thinking: Whether to show what the model thinks.
        footer: Whether to say tokens and speed.
        cache: Whether to keep answers, and to give those that are kept.
        refresh: Whether to ask anew all the same, and to keep what comes instead.
    """

    reference: str
    connection: Mapping[str, Any]
    options: Options
    system: str | None
    images: Sequence[str]
    in_json: bool
    thinking: bool
    footer: bool
    cache: bool = False
    refresh: bool = False

    def run(self, prompt: str | None) -> int:
        """Answer ``prompt``; without one, hold a session in a terminal, or else answer standard input.

        Returns:
            The exit code.

        Raises:
            BackbayError: Nothing was sent, and the error says why.
        """
        if self.refresh and not self.cache:
            raise InvalidRequestError("--refresh goes with --cache.")
        images = tuple(inputs.image(source) for source in self.images)
        first = Message(role="user", content=images) if images else None
        if prompt is None and is_terminal(sys.stdin):
            if self.in_json:
                raise InvalidRequestError("--json needs a PROMPT, or one piped in.")
            return self._converse(first)
        text = inputs.prompt_from_stdin() if prompt is None else inputs.prompt_from(prompt)
        said = Message(role="user", content=(TextPart(text=text), *images) if images else text)
        system = [] if self.system is None else [Message(role="system", content=self.system)]
        return asyncio.run(self._once([*system, said])).exit_code

    async def _once(self, messages: list[Message]) -> Outcome:
        async with self._connect() as backend, self._asked(backend) as asked:
            return await ask(asked, messages, self.options, self._view())

    def _converse(self, first: Message | None) -> int:
        with asyncio.Runner() as runner:
            backend = self._connect()
            try:
                asked = self._asked(backend)
                try:
                    session = Session(asked, self.options, self._view(), system=self.system, first=first)
                    return session.run(runner)
                finally:
                    runner.run(asked.aclose())
            finally:
                runner.run(backend.aclose())

    def _connect(self) -> Backend:
        return connect(self.reference, **self.connection)

    def _asked(self, backend: Backend) -> Backend:
        """Return the backend with a cache around it, whose closing leaves the backend open; or the backend itself."""
        if not self.cache:
            return backend
        return wrapped(backend, "cache", "--cache", refresh=self.refresh)

    def _view(self) -> View:
        return JsonLinesView() if self.in_json else PeopleView(thinking=self.thinking, footer=self.footer)


def request_options(
    *,
    temperature: float | None,
    max_tokens: int | None,
    seed: int | None,
    stop: Sequence[str] | None,
    reasoning: str | None,
    schema: str | None,
    tools: str | None,
    extra: Sequence[str] | None,
) -> Options:
    """Return the options of a call; ``schema`` and ``tools`` are paths of JSON files.

    Raises:
        InvalidRequestError: A file cannot be used, or ``extra`` is no list of KEY=JSON.
    """
    budget = reasoning is not None and reasoning.isascii() and reasoning.isdigit()
    found = {
        "temperature": temperature,
        "max_tokens": max_tokens,
        "seed": seed,
        "stop": stop or None,
        "reasoning": int(reasoning or 0) if budget else reasoning,
        "response_format": None if schema is None else inputs.schema(schema),
        "tools": None if tools is None else inputs.tools(tools),
        "extra": key_values(extra, option="--option") or None,
    }
    return cast("Options", {name: value for name, value in found.items() if value is not None})
