"""Reads bodies off a transport: an answer up to a limit, the beginning of an error, the end of a stream."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator

from ..attempt import Call
from ..errors import BackbayError, TooLargeError
from .transport import TransportResponse

MAX_ERROR_BODY = 64 * 2**10
"""Bytes that are read of an error's body."""

_DRAIN = 0.25
"""Seconds to wait for the end of a body whose answer has ended, so that the connection can be used again."""


async def close(chunks: AsyncIterator[bytes]) -> None:
    """Close a body that may not have been read to its end: a generator that is forgotten leaves a task on the loop."""
    if isinstance(chunks, AsyncGenerator):
        await chunks.aclose()


async def read(response: TransportResponse, limit: int, call: Call) -> bytes:
    """Return the body of an answer, at most ``limit`` bytes; a longer one is a ``TooLargeError``."""
    parts: list[bytes] = []
    size = 0
    chunks = response.chunks()
    try:
        async for data in chunks:
            if not parts:
                call.watch.first_event()
            call.watch.byte()
            parts.append(data)
            size += len(data)
            if size > limit:
                raise TooLargeError(f"The answer is larger than {limit} bytes.")
    finally:
        await close(chunks)
    return parts[0] if len(parts) == 1 else b"".join(parts)


async def read_some(response: TransportResponse, limit: int) -> bytes:
    """Read the beginning of an error's body; a connection that breaks meanwhile does not hide the status."""
    body = bytearray()
    chunks = response.chunks()
    try:
        async for data in chunks:
            body += data
            if len(body) >= limit:
                break
    except BackbayError:
        return bytes(body)
    finally:
        await close(chunks)
    return bytes(body[:limit])


async def drain(chunks: AsyncIterator[bytes]) -> None:
    """Read what follows the last event, which is nothing but the end of the body, unless the server dawdles."""
    try:
        async with asyncio.timeout(_DRAIN):
            async for _ in chunks:
                continue
    except (TimeoutError, BackbayError):
        return
