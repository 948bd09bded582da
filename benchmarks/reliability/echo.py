"""A vendor that repeats what it is asked, in a process of its own: ``python echo.py DIALECT``.

So each caller can tell whether an answer is its own. The first line of its output is its port; it ends with its input.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

from reliability.dialects import DIALECTS, Dialect, streamed, whole


class Connection(asyncio.Protocol):
    """One connection, with one request after another."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._buffer = b""
        self._transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (request := self._next()) is not None:
            words = _words(request)
            answer = streamed(self._dialect, words) if request.get("stream") else whole(self._dialect, words)
            self._transport.write(answer)

    def _next(self) -> dict[str, Any] | None:
        try:
            return self._take()
        except ValueError:  # Two processes write on one connection, and this is what comes of it.
            self._transport.abort()
            return None

    def _take(self) -> dict[str, Any] | None:
        head, mark, rest = self._buffer.partition(b"\r\n\r\n")
        if not mark:
            return None
        lines = head.lower().split(b"\r\n")
        length = next((int(line.partition(b":")[2]) for line in lines if line.startswith(b"content-length:")), 0)
        if len(rest) < length:
            return None
        self._buffer = rest[length:]
        found: dict[str, Any] = json.loads(rest[:length])
        return found


def _words(request: dict[str, Any]) -> str:
    content = request["messages"][-1]["content"]
    return content if isinstance(content, str) else "".join(part["text"] for part in content)


async def main(name: str) -> None:
    """Serve until standard input ends."""
    dialect = next(each for each in DIALECTS if each.name == name)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(dialect), "127.0.0.1", 0, backlog=4096)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await loop.run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
