"""A vendor that a script may break: raw sockets, faults chosen by the model's name, and a record of what it saw.

``python vendor.py PORT`` serves the chat wire. ``GET /seen`` returns its record as JSON, ``POST /forget`` empties it.
Models: ``ok``, ``fail-STATUS``, ``slow-MS`` (before the head), ``silent`` (no head ever), ``reset`` (closes instead of
a head), ``cut-N`` (closes after N chunks), ``stall-N`` (silent after N chunks), ``bad-N`` (broken JSON as chunk N),
``html``, ``empty``, ``nodone`` (no [DONE]), ``pace-N-MS``, ``after-STATUS-SECONDS`` (with Retry-After), ``oops-N``
(an error event after N chunks), ``context`` and ``flaky-N-STATUS`` (N failures, then an answer), ``noend-N`` (N chunks,
then the connection ends without a finish).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import time
from collections import Counter
from typing import Any

USAGE = {"prompt_tokens": 7, "completion_tokens": 5, "total_tokens": 12}
_WHOLE = {"id": "c", "object": "chat.completion", "created": 1, "model": "m", "usage": USAGE}


class Vendor:
    """What was asked of it, and how it went."""

    def __init__(self) -> None:
        self.forget()
        self.open = 0

    def forget(self) -> None:
        self.asked: Counter[str] = Counter()
        self.keys: Counter[str] = Counter()
        self.times: dict[str, list[float]] = {}
        self.billed = [0, 0]
        self.left: list[float] = []
        self.whole = 0
        self.peak = 0

    def seen(self) -> dict[str, Any]:
        return {
            "asked": dict(self.asked),
            "keys": dict(self.keys),
            "times": self.times,
            "billed": self.billed,
            "left": self.left,
            "whole": self.whole,
            "open": self.open,
            "peak": self.peak,
        }

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await self._one(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError):
            return
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = await reader.readuntil(b"\r\n\r\n")
        line, *fields = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (each.partition(":") for each in fields)}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        if line.startswith("GET /seen"):
            return await _send(writer, 200, json.dumps(self.seen()))
        if line.startswith("POST /forget"):
            self.forget()
            return await _send(writer, 200, "{}")
        if line.startswith("GET"):
            return await _send(writer, 200, '{"object":"list","data":[]}')
        asked = json.loads(body)
        model = str(asked.get("model"))
        self.asked[model] += 1
        self.times.setdefault(model, []).append(time.monotonic())
        self.keys[headers.get("authorization", "")] += 1
        self.open += 1
        self.peak = max(self.peak, self.open)
        try:
            return await self._answer(reader, writer, model, stream=asked.get("stream") is True)
        except ConnectionError:
            self.left.append(time.monotonic())  # It left while a piece was written.
            return False
        finally:
            self.open -= 1

    async def _answer(  # noqa: PLR0911 (a list of cases)
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, model: str, *, stream: bool
    ) -> bool:
        kind, *rest = model.split("-")
        numbers = [int(each) for each in rest if each.isdigit()]
        if kind == "flaky" and self.asked[model] <= numbers[0]:
            return await _send(writer, numbers[1], _error("It is broken for a moment."))
        if kind in ("fail", "after"):
            more = f"retry-after: {numbers[1]}\r\n" if kind == "after" else ""
            return await _send(writer, numbers[0], _error("The vendor says no."), more=more)
        if kind == "context":
            return await _send(
                writer, 400, _error("This model's maximum context length is 10 tokens.", "context_length_exceeded")
            )
        if kind == "html":
            return await _send(writer, 200, "<html>Welcome</html>", content_type="text/html")
        if kind == "reset":
            return False
        if kind == "silent" or (kind == "slow" and not await self._waits(reader, numbers[0] / 1000)):
            if kind == "silent":
                await self._waits(reader, 600)
            return False
        if kind == "empty":
            return await _send(writer, 200, "")
        if not stream:
            message = {"role": "assistant", "content": "Hello."}
            self._bill()
            whole = {**_WHOLE, "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}
            return await _send(writer, 200, json.dumps(whole))
        return await self._stream(reader, writer, kind, numbers)

    async def _stream(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, kind: str, numbers: list[int]
    ) -> bool:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
        count = numbers[0] if numbers else 5
        pause = numbers[1] / 1000 if len(numbers) > 1 else 0.0
        for number in range(count):
            _event(writer, _chunk({"content": f"w{number} "}))
            await writer.drain()
            if pause and not await self._waits(reader, pause):
                return False
        if kind in ("cut", "noend"):
            return False
        if kind == "stall":
            await self._waits(reader, 600)
            return False
        if kind == "bad":
            _piece(writer, b"data: {broken\n\n")
        if kind == "oops":
            _event(writer, {"error": {"message": "The vendor broke.", "type": "server_error", "code": "server_error"}})
        else:
            _event(writer, _chunk({}, "stop"))
            _event(writer, {**_chunk({}), "choices": [], "usage": USAGE})
            self._bill()
        if kind != "nodone":
            _piece(writer, b"data: [DONE]\n\n")
        writer.write(b"0\r\n\r\n")
        await writer.drain()
        return True

    def _bill(self) -> None:
        self.whole += 1
        self.billed[0] += USAGE["prompt_tokens"]
        self.billed[1] += USAGE["completion_tokens"]

    async def _waits(self, reader: asyncio.StreamReader, seconds: float) -> bool:
        """Wait; return whether whoever asks is still there, and note when it left if not."""
        try:
            await asyncio.wait_for(reader.read(1), seconds)
        except TimeoutError:
            return True
        except ConnectionError:
            pass
        self.left.append(time.monotonic())
        return False


def _error(message: str, code: str | None = None) -> str:
    return json.dumps({"error": {"message": message, "type": "invalid_request_error", "param": None, "code": code}})


def _chunk(delta: dict[str, str], finish: str | None = None) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}


def _event(writer: asyncio.StreamWriter, item: dict[str, Any]) -> None:
    _piece(writer, b"data: " + json.dumps(item).encode() + b"\n\n")


def _piece(writer: asyncio.StreamWriter, data: bytes) -> None:
    writer.write(b"%x\r\n%b\r\n" % (len(data), data))


async def _send(
    writer: asyncio.StreamWriter, status: int, body: str, *, more: str = "", content_type: str = "application/json"
) -> bool:
    data = body.encode()
    head = f"HTTP/1.1 {status} X\r\ncontent-type: {content_type}\r\ncontent-length: {len(data)}\r\n{more}\r\n"
    writer.write(head.encode() + data)
    await writer.drain()
    return True


async def main(port: int) -> None:
    vendor = Vendor()
    server = await asyncio.start_server(vendor.serve, "127.0.0.1", port, limit=2**24, backlog=1024)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
