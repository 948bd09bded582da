"""A server on a real loopback socket that answers by script, and remembers who asked, and who hung up when."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Literal, Self


@dataclass(frozen=True, slots=True)
class Pause:
    """Wait ``seconds`` before the next step; stops waiting when the client hangs up."""

    seconds: float


_TURNS_TO_ACCEPT = 10
# Of a loop, from the system's word that somebody connected to the task that serves it; asyncio takes four.

Step = bytes | Pause
"""Bytes of the body, written by themselves; or a pause."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """One answer.

    Attributes:
        status: HTTP status.
        headers: Headers besides the framing's.
        steps: The body, in pieces and pauses.
        framing: ``"chunked"``, ``"length"`` (a Content-Length), ``"close"`` (ends with the connection), or ``"raw"``:
            the steps are the whole answer, head included.
        end: What follows: ``"keep"`` the connection, ``"close"`` it, ``"reset"`` it, or ``"cut"`` it before the
            framing's end.
    """

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    steps: Sequence[Step] = ()
    framing: Literal["chunked", "length", "close", "raw"] = "chunked"
    end: Literal["keep", "close", "reset", "cut"] = "keep"

    @classmethod
    def json(cls, value: object, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Reply:
        """Return a reply whose body is ``value`` as JSON."""
        body = json.dumps(value, ensure_ascii=False).encode()
        return cls(status=status, headers={"content-type": "application/json", **(headers or {})}, steps=[body])

    @classmethod
    def events(cls, *data: object, done: bool = True, pause: float = 0.0) -> Reply:
        """Return a reply that streams each of ``data`` as a server-sent event, and then ``[DONE]``."""
        steps: list[Step] = []
        for item in [*data, "[DONE]"] if done else data:
            steps.append(sse(item))
            if pause:
                steps.append(Pause(pause))
        return cls(headers={"content-type": "text/event-stream"}, steps=steps)


def sse(data: object) -> bytes:
    """Return ``data`` (text as it is, anything else as JSON) as one server-sent event."""
    text = data if isinstance(data, str) else json.dumps(data, ensure_ascii=False)
    return f"data: {text}\n\n".encode()


@dataclass(frozen=True, slots=True)
class Received:
    """One request. ``headers`` are by lower-case name."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    connection: int
    at: float

    @property
    def json(self) -> Any:  # noqa: ANN401 (a test looks into it as it likes)
        """The body decoded as JSON."""
        return json.loads(self.body)


Script = Reply | Sequence[Reply] | Callable[[Received], Reply]
"""What to answer: always the same; one after the other, the last again and again; or by request."""


class ScriptedServer:
    """Serves a script on ``url`` from a thread of its own, inside ``with``.

    Attributes:
        requests: Every request, in order.
        connections: How many connections were made.
        hangups: Monotonic times, in seconds, at which a client hung up before its answer was all sent.
    """

    def __init__(self, script: Script) -> None:
        self._script = script
        self.requests: list[Received] = []
        self.connections = 0
        self.hangups: list[float] = []
        self._loop = asyncio.new_event_loop()
        self._tasks: set[asyncio.Task[None]] = set()
        self._thread = threading.Thread(target=self._loop.run_forever, name="scripted-server", daemon=True)
        self._changed = threading.Condition()
        self._server: asyncio.Server | None = None
        self.port = 0

    @property
    def url(self) -> str:
        """The server's address, with the path that vendors usually have."""
        return f"http://127.0.0.1:{self.port}/v1"

    def __enter__(self) -> Self:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._start(), self._loop).result(5)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result(5)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()

    def wait_for(self, condition: Callable[[ScriptedServer], bool], seconds: float = 2.0) -> bool:
        """Wait until ``condition(self)`` holds; return whether it did within ``seconds``."""
        with self._changed:
            return self._changed.wait_for(lambda: condition(self), seconds)

    async def _start(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _stop(self) -> None:
        assert self._server is not None
        # What was accepted a moment ago has no task yet, and would be forgotten with its socket open if the server
        # closed now: nothing more is accepted, and the loop takes some turns.
        with contextlib.suppress(NotImplementedError):  # by the loop that Windows has
            for listener in self._server.sockets:
                self._loop.remove_reader(listener.fileno())
        for _ in range(_TURNS_TO_ACCEPT):
            await asyncio.sleep(0)
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        with self._changed:
            self.connections += 1
            number = self.connections
            self._changed.notify_all()
        try:
            while (request := await self._receive(reader, number)) is not None:
                if not await self._answer(self._reply_to(request), reader, writer):
                    break
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            return
        finally:
            writer.close()

    async def _receive(self, reader: asyncio.StreamReader, number: int) -> Received | None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            return None
        lines = head.decode("latin-1").split("\r\n")
        method, path, _ = lines[0].split(" ", 2)
        headers = {}
        for line in lines[1:]:
            name, colon, value = line.partition(":")
            if colon:
                headers[name.strip().lower()] = value.strip()
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        request = Received(method, path, headers, body, number, time.monotonic())
        with self._changed:
            self.requests.append(request)
            self._changed.notify_all()
        return request

    def _reply_to(self, request: Received) -> Reply:
        if isinstance(self._script, Reply):
            return self._script
        if callable(self._script):
            return self._script(request)
        return self._script[min(len(self.requests), len(self._script)) - 1]

    async def _answer(self, reply: Reply, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Send a reply; return whether the connection stays open."""
        try:
            for data in _wire(reply):
                if isinstance(data, Pause):
                    await _pause(data.seconds, reader)
                else:
                    writer.write(data)
                    await writer.drain()
                if _gone(reader):
                    raise ConnectionError("the client hung up")
        except ConnectionError:
            with self._changed:
                self.hangups.append(time.monotonic())
                self._changed.notify_all()
            return False
        if reply.end == "reset":
            _reset(writer)
        return reply.end == "keep" and reply.framing != "close"


def _gone(reader: asyncio.StreamReader) -> bool:
    return reader.at_eof() or reader.exception() is not None


async def _pause(seconds: float, reader: asyncio.StreamReader) -> None:
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0 and not _gone(reader):  # noqa: ASYNC110 (a reader has no such event)
        await asyncio.sleep(min(left, 0.005))


def _wire(reply: Reply) -> Iterable[Step]:
    """Yield the bytes of a reply as they go out."""
    if reply.framing == "raw":
        yield from reply.steps
        return
    headers = dict(reply.headers)
    if reply.framing == "chunked":
        headers["transfer-encoding"] = "chunked"
    elif reply.framing == "length":
        headers["content-length"] = str(sum(len(step) for step in reply.steps if isinstance(step, bytes)))
    else:
        headers["connection"] = "close"
    lines = [f"HTTP/1.1 {reply.status} Scripted", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
    yield "\r\n".join(lines).encode("latin-1")
    for step in reply.steps:
        if isinstance(step, Pause) or reply.framing != "chunked":
            yield step
        elif step:
            yield b"%x\r\n%b\r\n" % (len(step), step)
    if reply.framing == "chunked" and reply.end in ("keep", "close"):
        yield b"0\r\n\r\n"


def _reset(writer: asyncio.StreamWriter) -> None:
    connection: socket.socket = writer.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
