"""The server's process: ``python -m fault_rig.server`` opens doors as it is told, and keeps a log of each.

The first line of its output is the port of its control end, which takes one connection and speaks lines of JSON: open
a door, shut it, tell what was seen. When that connection ends, so does the process.
"""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
import socket
import ssl
import struct
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any

from fault_rig.plan import TLS, Answer, Door, Repeat, Sleep, Step, door_from

KEPT = 2**16
"""Bytes of a request's body that the log keeps."""


class Opened:
    """A door that is open."""

    def __init__(self, door: Door) -> None:
        self.door = door
        self.log: list[Mapping[str, Any]] = []
        self.requests = 0
        self.connections: list[Connection] = []
        self.port = 0
        self._context = None if door.tls is None else context_of(door.tls)
        self._server: asyncio.Server | None = None
        self._sockets: list[socket.socket] = []

    async def open(self) -> None:
        """Begin to listen."""
        listener = socket.create_server((self.door.host, self.door.port), backlog=0 if self.door.blackhole else 4096)
        self.port = listener.getsockname()[1]
        if self.door.blackhole:
            self._sockets.append(listener)
            # The queue is full with these, so that the system answers nobody else.
            for _ in range(3):
                filler = socket.socket()
                filler.setblocking(False)
                filler.connect_ex((self.door.host, self.port))
                self._sockets.append(filler)
            return
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: Connection(self),
            sock=listener,
            ssl=self._context,
            ssl_shutdown_timeout=0.5 if self._context else None,
        )

    def shut(self) -> None:
        """Listen no more, and drop every connection."""
        for each in self._sockets:
            each.close()
        for connection in self.connections:
            connection.drop()
        if self._server is not None:
            self._server.close()

    def note(self, what: str, connection: int, **more: Any) -> None:
        """Write into the log."""
        self.log.append({"at": time.monotonic(), "what": what, "connection": connection, "more": more})

    def next_answer(self) -> Answer:
        """Return what is to be done about the next request."""
        self.requests += 1
        return self.door.answers[min(self.requests, len(self.door.answers)) - 1]


class Connection(asyncio.Protocol):
    """One connection, and what is done on it."""

    def __init__(self, opened: Opened) -> None:
        self._opened = opened
        self._number = 0
        self._buffer = bytearray()
        self._changed = asyncio.Event()
        self._writable = asyncio.Event()
        self._writable.set()
        self._transport: Any = None
        self._task: asyncio.Task[None] | None = None
        self.gone = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = transport
        opened = self._opened
        opened.connections.append(self)
        self._number = len(opened.connections)
        opened.note("open", self._number)
        if opened.door.deaf:
            self._transport.pause_reading()
        self._task = asyncio.get_running_loop().create_task(self._run())

    def data_received(self, data: bytes) -> None:
        """Keep what came."""
        self._buffer += data
        self._changed.set()

    def eof_received(self) -> bool:
        """Note that the client closed its direction; ours stays open until the plan has ended."""
        self._left("eof")
        return self._opened.door.tls is None

    def connection_lost(self, exc: Exception | None) -> None:
        """Note that the connection is gone."""
        self._left("lost")

    def pause_writing(self) -> None:
        """Wait with what is still to be sent: the client does not read."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """Go on."""
        self._writable.set()

    def drop(self) -> None:
        """End at once."""
        if self._task is not None:
            self._task.cancel()
        self._transport.abort()

    def _left(self, how: str) -> None:
        self._opened.note(how, self._number)
        self.gone = True
        self._changed.set()
        self._writable.set()

    async def _run(self) -> None:
        open_ended = await self._play(self._opened.door.greeting)
        while open_ended and await self._serve():
            continue
        if not self._transport.is_closing():
            self._transport.close()

    async def _serve(self) -> bool:
        """Take a request and answer it; return whether there may be another one."""
        end = await self._until(b"\r\n\r\n")
        if end is None:
            return False
        head, self._buffer = bytes(self._buffer[:end]), self._buffer[end:]
        method, path, headers = _parsed(head)
        self._opened.note("head", self._number)
        answer = self._opened.next_answer()
        body = b""
        if answer.reads == "all":
            length = next((int(value) for name, value in headers if name == "content-length"), 0)
            while len(self._buffer) < length and not self.gone:
                await self._wait()
            body, self._buffer = bytes(self._buffer[:length]), self._buffer[length:]
        elif answer.reads == "stop":
            self._transport.pause_reading()
        kept = base64.b64encode(body[:KEPT]).decode()
        self._opened.note("request", self._number, method=method, path=path, headers=headers, body=kept)
        kept_open = await self._play(answer.steps)
        self._opened.note("answered", self._number)
        return kept_open

    async def _play(self, steps: Sequence[Step]) -> bool:
        for step in steps:
            if self.gone and step not in {"half", "close"}:
                return False
            if isinstance(step, bytes):
                await self._send(step)
            elif isinstance(step, Sleep):
                await self._wait_for_end(step.seconds)
            elif isinstance(step, Repeat):
                for _ in range(step.times):
                    await self._send(step.data)
                    await self._wait_for_end(step.pause)
                    if self.gone:
                        return False
            else:
                await self._end(step)
                return False
        return True

    async def _send(self, data: bytes) -> None:
        self._transport.write(data)
        await self._writable.wait()
        await asyncio.sleep(0)

    async def _end(self, how: str) -> None:
        if how == "half":
            self._transport.write_eof()
        if how in {"half", "hold"}:
            await self._wait_for_end(60.0)
        if how in {"reset", "abort"}:
            if how == "reset":
                plain: socket.socket = self._transport.get_extra_info("socket")
                plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self._transport.abort()
        else:
            self._transport.close()

    async def _wait(self) -> None:
        self._changed.clear()
        if not self.gone:
            await self._changed.wait()

    async def _wait_for_end(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                while not self.gone:
                    await self._wait()
        except TimeoutError:
            return

    async def _until(self, mark: bytes) -> int | None:
        while (found := self._buffer.find(mark)) < 0:
            if self.gone:
                return None
            await self._wait()
        return found + len(mark)


def _parsed(head: bytes) -> tuple[str, str, list[tuple[str, str]]]:
    first, *lines = head.decode("latin-1").split("\r\n")
    method, _, rest = first.partition(" ")
    pairs = [line.partition(":") for line in lines if line]
    return method, rest.partition(" ")[0], [(name.strip().lower(), value.strip()) for name, _, value in pairs]


def context_of(tls: TLS) -> ssl.SSLContext:
    """Return the server's side of TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tls.chain)
    if tls.old:
        context.set_ciphers("DEFAULT:@SECLEVEL=0")
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    if tls.client_authority is not None:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(tls.client_authority)
    return context


class Control:
    """The control end."""

    def __init__(self) -> None:
        self._doors: dict[int, Opened] = {}
        self._numbers = itertools.count(1)
        self.ended = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Do what the one client says, until it goes."""
        try:
            while line := await reader.readline():
                try:
                    told = await self._do(json.loads(line))
                except Exception as failure:
                    told = {"problem": f"{type(failure).__name__}: {failure}"}
                writer.write(json.dumps(told).encode() + b"\n")
                await writer.drain()
        finally:
            self.ended.set()

    async def _do(self, asked: Mapping[str, Any]) -> Mapping[str, Any]:
        if asked["do"] == "open":
            opened = Opened(door_from(asked["door"]))
            await opened.open()
            number = next(self._numbers)
            self._doors[number] = opened
            return {"door": number, "port": opened.port}
        if asked["do"] == "shut":
            self._doors.pop(asked["door"]).shut()
            return {}
        opened = self._doors[asked["door"]]
        open_now = sum(not connection.gone for connection in opened.connections)
        return {"log": opened.log, "open": open_now}


async def main() -> None:
    """Serve the control end until it is left."""
    control = Control()
    server = await asyncio.start_server(control.serve, "127.0.0.1", 0, limit=2**28)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await control.ended.wait()


if __name__ == "__main__":
    asyncio.run(main())
