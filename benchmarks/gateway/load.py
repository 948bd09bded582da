"""A load generator for one loopback server, as a process of its own: it prints what it saw as one JSON object.

``python load.py PORT CLIENTS SECONDS MODEL [--stream] [--key KEY] [--path PATH] [--text KIB] [--image KIB]``. Each
client has one connection, and asks again as soon as its answer is whole. Everything about an answer that a fast server
could get wrong is checked: its status, its length, and how many chunks it has.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import random
import re
import sys
import time
from typing import cast

_LENGTH = re.compile(rb"\r\ncontent-length:\s*(\d+)\r\n", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding:\s*chunked\r\n", re.IGNORECASE)
_END = b"0\r\n\r\n"
_EVENT = b"data: {"


def conversation(text: int, image: int) -> list[dict[str, object]]:
    """Return messages: a short question, behind so many KiB of talk, and with a picture of so many KiB."""
    said = 'She said "yes",\nthen went on \u2013 slowly. ' * 22  # About 1 KiB.
    turns: list[dict[str, object]] = [
        {"role": ("user", "assistant")[turn % 2], "content": f"{turn}: {said}"} for turn in range(text)
    ]
    question: object = "Hello there, who are you?"
    if image:
        data = base64.b64encode(random.Random(1).randbytes(768 * image)).decode()
        picture = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{data}"}}
        question = [{"type": "text", "text": question}, picture]
    return [*turns, {"role": "user", "content": question}]


def request_bytes(port: int, path: str, model: str, key: str, *, stream: bool, text: int = 0, image: int = 0) -> bytes:
    """Return one request as it goes over the connection."""
    question: dict[str, object] = {"model": model, "messages": conversation(text, image)}
    if stream:
        question["stream"] = True
    body = json.dumps(question).encode()
    head = (
        f"POST {path} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\nauthorization: Bearer {key}\r\n"
        f"content-type: application/json\r\naccept: */*\r\nuser-agent: load\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


class Seen:
    """What all clients saw."""

    def __init__(self) -> None:
        self.latencies: list[float] = []
        self.firsts: list[float] = []
        self.events = 0
        self.problems: list[str] = []
        self.stopping = False


class Client(asyncio.Protocol):
    """One connection that asks again and again."""

    def __init__(self, request: bytes, seen: Seen) -> None:
        self._request, self._seen = request, seen
        self._transport: asyncio.WriteTransport
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._body_left = -1
        self._tail = b""
        self._head = b""
        self._began = self._first = 0.0
        self._events = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.WriteTransport", transport)  # uvloop's is of no class of asyncio's
        self._ask()

    def _ask(self) -> None:
        self._head, self._tail, self._body_left, self._events, self._first = b"", b"", -1, 0, 0.0
        self._began = time.perf_counter()
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        if not self._first:
            self._first = time.perf_counter()
        if self._body_left < 0 and not self._tail:
            self._head += data
            end = self._head.find(b"\r\n\r\n")
            if end < 0:
                return
            head, data = self._head[: end + 2], self._head[end + 4 :]
            if not head.startswith(b"HTTP/1.1 200"):
                self._fail(self._head[:300].decode("latin-1"))
                return
            length = _LENGTH.search(head)
            if length is not None:
                self._body_left = int(length[1])
            elif _CHUNKED.search(head):
                self._tail = b"\n"
            else:
                self._fail("an answer without a length")
                return
        if self._body_left >= 0:
            self._body_left -= len(data)
            if self._body_left == 0:
                self._whole()
            elif self._body_left < 0:
                self._fail("an answer longer than it says")
            return
        held = self._tail + data
        self._events += held.count(_EVENT)
        # What may be the beginning of an event, or of the end, is looked at again with what comes next.
        self._tail = held[-(len(_EVENT) - 1) :]
        if held.endswith(_END):
            self._seen.events += self._events
            self._whole()

    def _whole(self) -> None:
        seen, now = self._seen, time.perf_counter()
        seen.latencies.append(now - self._began)
        seen.firsts.append(self._first - self._began)
        if seen.stopping:
            self._transport.close()
            self._finish()
        else:
            self._ask()

    def _fail(self, said: str) -> None:
        self._seen.problems.append(said)
        self._transport.abort()
        self._finish()

    def _finish(self) -> None:
        if not self.done.done():
            self.done.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self._seen.problems.append(f"the connection was lost: {exc}")
            self._finish()


async def run(port: int, clients: int, seconds: float, request: bytes) -> dict[str, object]:
    """Ask for ``seconds``, after a fifth of that (at most one second) that is not counted."""
    loop, seen = asyncio.get_running_loop(), Seen()
    made = [(await loop.create_connection(lambda: Client(request, seen), "127.0.0.1", port))[1] for _ in range(clients)]
    await asyncio.sleep(min(1.0, seconds / 5))
    seen.latencies.clear()
    seen.firsts.clear()
    seen.events = 0
    sys.stdout.write("begin\n")
    sys.stdout.flush()
    start = time.perf_counter()
    await asyncio.sleep(seconds)
    took = time.perf_counter() - start
    latencies, firsts, events = sorted(seen.latencies), sorted(seen.firsts), seen.events
    sys.stdout.write("end\n")
    sys.stdout.flush()
    seen.stopping = True
    await asyncio.wait([each.done for each in made], timeout=20)
    return {
        "requests": len(latencies),
        "seconds": took,
        "rps": len(latencies) / took,
        "events": events,
        "p50_ms": _share(latencies, 0.5),
        "p99_ms": _share(latencies, 0.99),
        "first_p50_ms": _share(firsts, 0.5),
        "problems": len(seen.problems),
        "problem": seen.problems[0] if seen.problems else None,
    }


def _share(ordered: list[float], share: float) -> float | None:
    return 1000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else None


def main() -> int:
    parser = argparse.ArgumentParser(description="Ask a loopback server as fast as it answers.")
    parser.add_argument("port", type=int)
    parser.add_argument("clients", type=int)
    parser.add_argument("seconds", type=float)
    parser.add_argument("model")
    parser.add_argument("--stream", action="store_true")
    parser.add_argument("--key", default="none")
    parser.add_argument("--path", default="/v1/chat/completions")
    parser.add_argument("--text", type=int, default=0, metavar="KIB", help="of talk before the question")
    parser.add_argument("--image", type=int, default=0, metavar="KIB", help="of a picture in the question")
    options = parser.parse_args()
    request = request_bytes(
        options.port,
        options.path,
        options.model,
        options.key,
        stream=options.stream,
        text=options.text,
        image=options.image,
    )
    try:
        import uvloop
    except ImportError:
        found = asyncio.run(run(options.port, options.clients, options.seconds, request))
    else:
        found = uvloop.run(run(options.port, options.clients, options.seconds, request))
    print(json.dumps(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
