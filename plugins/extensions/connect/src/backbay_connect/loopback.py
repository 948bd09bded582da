"""A listener on this machine alone that waits for one callback of a browser, and gives away nothing."""

from __future__ import annotations

import asyncio
import hmac
import socket
from collections.abc import Mapping
from contextlib import suppress
from types import TracebackType
from typing import NamedTuple, Self
from urllib.parse import parse_qsl, urlsplit

from backbay.errors import ConfigurationError, LimitExceededError

MAX_HEAD = 2**14
"""Bytes of a request's head."""

HEAD_LIMIT = 5.0
"""Seconds for a head to come."""

_PAGE = (
    '<!doctype html><html lang="en"><meta charset="utf-8"><title>Backbay</title>'
    '<body style="font-family:sans-serif;margin:4em auto;max-width:30em"><p>{said}</p></body></html>'
)
_DONE = "You can close this window and go back to the terminal."
_REFUSED = "This is not the answer that is waited for."


class _Request(NamedTuple):
    """What is looked at of a request."""

    target: str
    host: str


class Loopback:
    """Waits for the one valid callback, as an asynchronous context; then, or at its end, the port is closed.

    A callback is valid if it is a GET of the path, to the host and port of the redirect, with one right state, and
    with one code or one error. Whatever else comes gets a page that says nothing, and the waiting goes on.

    Args:
        host: The host of the redirect: ``"127.0.0.1"``, or ``"localhost"``, then on both addresses of this machine.
        port: Its port; 0 for any that is free.
        path: Its path.
        state: What the callback must carry, as the parameter ``state`` or, where ``state_in_path``, at the path's end.
        state_in_path: For a vendor that has no parameter ``state``.
    """

    def __init__(self, *, host: str, port: int, path: str, state: str, state_in_path: bool = False) -> None:
        self._host, self._port = host, port
        self._path = f"{path}/{state}" if state_in_path else path
        self._state: str | None = state
        self._state_in_path = state_in_path
        self._servers: list[asyncio.Server] = []
        self._found: asyncio.Future[Mapping[str, str]] = asyncio.get_running_loop().create_future()

    @property
    def redirect(self) -> str:
        """The URL that the vendor sends the browser to."""
        return f"http://{self._host}:{self._port}{self._path}"

    async def __aenter__(self) -> Self:
        try:
            first = await asyncio.start_server(self._serve, "127.0.0.1", self._port, limit=MAX_HEAD)
        except OSError as failure:
            raise ConfigurationError(
                f"Port {self._port} of this machine cannot be listened on: {failure.strerror or 'it is taken'}.",
                code="port_taken",
                hint="End the program that has it, and try again.",
            ) from None
        self._servers.append(first)
        self._port = first.sockets[0].getsockname()[1]
        if self._host == "localhost" and socket.has_ipv6:
            with suppress(OSError):
                self._servers.append(await asyncio.start_server(self._serve, "::1", self._port, limit=MAX_HEAD))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()
        for server in self._servers:
            await server.wait_closed()

    async def wait(self, limit: float) -> Mapping[str, str]:
        """Return the parameters of the valid callback.

        Raises:
            LimitExceededError: None came within ``limit`` seconds.
        """
        try:
            async with asyncio.timeout(limit):
                return await self._found
        except TimeoutError:
            raise LimitExceededError(
                f"The browser did not come back within {limit:g} s.", limit="total", seconds=limit
            ) from None

    def _close(self) -> None:
        self._state = None
        for server in self._servers:
            server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            found = None
            with suppress(TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, OSError):
                async with asyncio.timeout(HEAD_LIMIT):
                    found = self._valid(_parse(await reader.readuntil(b"\r\n\r\n")))
            if found is not None:
                # Before anything is answered: the port takes nothing more.
                self._close()
            with suppress(OSError):
                writer.write(_response(200, _DONE) if found is not None else _response(400, _REFUSED))
                await writer.drain()
            if found is not None and not self._found.done():
                self._found.set_result(found)
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    def _valid(self, request: _Request | None) -> Mapping[str, str] | None:
        """Return the parameters of a callback that is valid, or ``None``."""
        if request is None or self._state is None or request.host.lower() != f"{self._host}:{self._port}":
            return None
        path, _, query = request.target.partition("?")
        try:
            pairs = parse_qsl(query, keep_blank_values=True, max_num_fields=30)
        except ValueError:
            return None
        found = dict(pairs)
        if len(found) != len(pairs) or not _same(path, self._path):
            return None
        if not self._state_in_path and not _same(found.get("state", ""), self._state):
            return None
        return found if bool(found.get("code")) != bool(found.get("error")) else None


def _same(given: str, wanted: str) -> bool:
    """Compare in a time that says nothing about where they differ."""
    return hmac.compare_digest(given.encode("utf-8", "replace"), wanted.encode())


def _parse(head: bytes) -> _Request | None:
    """Return the target and the host of a GET; ``None`` of anything else."""
    lines = head.decode("latin-1").split("\r\n")
    method, _, rest = lines[0].partition(" ")
    target, _, version = rest.rpartition(" ")
    hosts = [line.partition(":")[2].strip() for line in lines[1:] if line.partition(":")[0].lower() == "host"]
    fine = method == "GET" and version in ("HTTP/1.1", "HTTP/1.0") and target.startswith("/") and len(hosts) == 1
    return _Request(target, hosts[0]) if fine and not urlsplit(target).fragment else None


def _response(status: int, said: str) -> bytes:
    body = _PAGE.format(said=said).encode()
    head = (
        f"HTTP/1.1 {status} {'OK' if status == 200 else 'Bad Request'}",
        "content-type: text/html; charset=utf-8",
        f"content-length: {len(body)}",
        "cache-control: no-store",
        "content-security-policy: default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
        "referrer-policy: no-referrer",
        "x-content-type-options: nosniff",
        "connection: close",
    )
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body
