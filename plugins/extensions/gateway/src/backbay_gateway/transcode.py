"""Other wire: a request read into our types, and the backend's events written in the client's dialect."""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import replace
from typing import Any

from pydantic_core import to_json

from backbay.errors import UnsupportedError
from backbay.events import Event, UsageSeen
from backbay.response import Usage
from backbay.stream import EventStream

from .dialects.base import Ask, Dialect, Writer
from .dialects.efforts import effort_for
from .exchange import Exchange
from .routing.strategies import Target


async def transcode(exchange: Exchange, target: Target, dialect: Dialect, ask: Ask, ping: float) -> None:
    """Ask an upstream through its backend, and answer in the client's dialect.

    Args:
        exchange: The client's request.
        target: Whom to ask.
        dialect: How the client speaks.
        ask: What it asks for.
        ping: Seconds of silence after which a streamed answer shows that it is alive.

    Raises:
        BackbayError: There was no answer (``exchange.started`` is false), or it broke off.
    """
    try:
        await _transcode(exchange, target, dialect, ask, ping)
    except UnsupportedError as error:
        effort = effort_for(ask.options.get("reasoning"))
        if effort is None or error.attempts or exchange.started:
            raise
        # The client's wire has budgets for thinking, and the backend's may have efforts alone.
        await _transcode(exchange, target, dialect, replace(ask, options={**ask.options, "reasoning": effort}), ping)


async def _transcode(exchange: Exchange, target: Target, dialect: Dialect, ask: Ask, ping: float) -> None:
    backend = target.upstream.backend
    options: dict[str, Any] = {**ask.options, "model": target.model}
    if ask.stream:
        async with backend.stream(ask.messages, **options) as stream:
            await _streamed(exchange, stream, dialect.writer(ask), ping)
        return
    response = await backend.complete(ask.messages, **options)
    exchange.usage = response.usage
    exchange.attempts += response.attempts
    await exchange.whole(to_json(dialect.write(response, ask)))


async def _streamed(exchange: Exchange, stream: EventStream, writer: Writer, ping: float) -> None:
    event = await anext(stream)
    exchange.attempts += stream.partial.attempts
    exchange.writer = writer
    await exchange.begin(200, writer.content_type.encode())
    last = [time.monotonic()]
    alive = asyncio.get_running_loop().create_task(_show_life(exchange, writer, last, ping))
    try:
        await _take(exchange, event, writer)
        async for event in stream:
            if await _take(exchange, event, writer):
                last[0] = time.monotonic()
    finally:
        alive.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await alive
    await exchange.finish()


async def _take(exchange: Exchange, event: Event, writer: Writer) -> bool:
    """Tell the client of an event; return whether there was anything to tell."""
    if type(event) is UsageSeen:
        exchange.usage = event.usage if exchange.usage is None else exchange.usage.merged(event.usage)
    data = writer.feed(event)
    if data:
        await exchange.write(data)
    return bool(data)


async def _show_life(exchange: Exchange, writer: Writer, last: list[float], ping: float) -> None:
    """Write a ping whenever nothing was written for ``ping`` seconds."""
    while True:
        quiet = time.monotonic() - last[0]
        if quiet >= ping:
            await exchange.write(writer.ping())
            last[0] = time.monotonic()
            quiet = 0.0
        await asyncio.sleep(max(0.001, ping - quiet))


async def count(exchange: Exchange, target: Target, body: dict[str, object], version: str) -> None:
    """Count the tokens of a prompt. Errors as ``transcode`` raises."""
    from .dialects import count_tokens

    responses = exchange.endpoint is not None and exchange.endpoint.module == "openai_responses"
    ask = count_tokens.read_responses(body) if responses else count_tokens.read(body, version=version)
    options: dict[str, Any] = {**ask.options, "model": target.model}
    found = await target.upstream.counter.count_tokens(ask.messages, **options)
    exchange.attempts += 1
    exchange.usage = Usage(0, 0)
    written = count_tokens.write_responses(found) if responses else count_tokens.write(found)
    await exchange.whole(to_json(written))
