"""Raw requests that must be refused with the right status, and the time of a refusal, which must tell nothing."""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import random
import secrets
import socket
import statistics
import string
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .broken import vendor
from .results import machine, write
from .servers import Server, running

CHAT = "/v1/chat/completions"


@dataclass(frozen=True, slots=True)
class Attack:
    """One raw request.

    Attributes:
        name: What it is called on the page.
        data: Its bytes.
        right: The statuses that are right; 0 is a connection that is closed without an answer.
    """

    name: str
    data: bytes
    right: tuple[int, ...]


def _request(
    server: Server,
    body: bytes = b"",
    *,
    line: str = f"POST {CHAT} HTTP/1.1",
    host: str | None = None,
    key: str | None = None,
    length: str | None = None,
    media: str = "application/json",
    more: Sequence[str] = (),
    end: str = "\r\n",
) -> bytes:
    lines = [line, f"Host: {f'127.0.0.1:{server.port}' if host is None else host}"]
    lines += [f"Authorization: Bearer {server.key if key is None else key}"] if key != "" else []
    lines += [f"Content-Type: {media}"] if media else []
    lines += [] if length == "" else [f"Content-Length: {len(body) if length is None else length}"]
    return end.join([*lines, *more, "", ""]).encode("latin-1") + body


def _body(**fields: object) -> bytes:
    question = {"model": "openai:ok", "messages": [{"role": "user", "content": "Hi"}], **fields}
    return json.dumps({name: value for name, value in question.items() if value is not None}).encode()


def attacks(server: Server) -> Iterator[Attack]:
    """Yield them all."""
    good = _body()
    chunk = b"%x\r\n%b\r\n0\r\n\r\n" % (len(good), good)
    encoded = "Transfer-Encoding: chunked"
    yield Attack("a length and chunks", _request(server, chunk, more=[encoded]), (400,))
    yield Attack("chunks and a length", _request(server, chunk, length="", more=[encoded, "Content-Length: 5"]), (400,))
    yield Attack("two lengths", _request(server, good, more=["Content-Length: 3"]), (400,))
    yield Attack("two equal lengths", _request(server, good, more=[f"Content-Length: {len(good)}"]), (400,))
    for value in ("+10", "-1", "0x10", "1e3", "9" * 40, "1, 2", "ten"):
        yield Attack(f"the length {value[:12]}", _request(server, good, length=value), (400,))
    for value in ("identity", "chunked, identity", "gzip, chunked", "xchunked", "chunked\x0b"):
        more = [f"Transfer-Encoding: {value}"]
        yield Attack(f"the transfer encoding {value!r}", _request(server, chunk, length="", more=more), (400,))
    yield Attack("two transfer encodings", _request(server, chunk, length="", more=[encoded, encoded]), (400,))
    yield Attack(
        "a chunk whose length is no number",
        _request(server, b"zz\r\nHi\r\n0\r\n\r\n", length="", more=[encoded]),
        (400,),
    )
    yield Attack("a header over two lines", _request(server, good, more=["X-A: b", " c"]), (400,))
    yield Attack("a space before a colon", _request(server, good, more=["X-A : b"]), (400,))
    yield Attack("a null in a header", _request(server, good, more=["X-A: b\0c"]), (400,))
    yield Attack("lines that end in \\n", _request(server, good, end="\n"), (400,))
    yield Attack("a head of 64 KiB", _request(server, good, more=["X-A: " + "a" * 65536]), (431,))
    yield Attack("two hundred headers", _request(server, good, more=[f"X-{n}: a" for n in range(200)]), (431,))
    yield Attack(
        "a target that is a URL", _request(server, good, line=f"POST http://evil.example.com{CHAT} HTTP/1.1"), (400,)
    )
    yield Attack("a target with a fragment", _request(server, good, line=f"POST {CHAT}#x HTTP/1.1"), (400,))
    for path in (
        "//v1/chat/completions",
        "/v1/../v1/chat/completions",
        "/v1/%2e%2e/v1/chat/completions",
        "/v1/chat\\completions",
        "/health/%2e%2e%2fv1/chat/completions",
        "/v1/chat/completions%00",
        "/v1/chat/completions%0d%0aX:y",
    ):
        yield Attack(f"the path {path}", _request(server, good, line=f"POST {path} HTTP/1.1"), (400, 404))
    for host in (
        "",
        "evil.example.com",
        "127.0.0.1.evil.example.com",
        "127.0.0.1@evil.example.com",
        "localhost#x",
        "localhost/x",
        "169.254.169.254",
        "[::ffff:169.254.169.254]",
    ):
        yield Attack(f"the Host {host!r}", _request(server, good, host=host), (400, 403))
    yield Attack("two Hosts", _request(server, good, more=["Host: localhost"]), (400,))
    for origin in ("https://evil.example.com", "null"):
        yield Attack(f"the Origin {origin}", _request(server, good, more=[f"Origin: {origin}"]), (403,))
    for name, key in _keys(server):
        yield Attack(f"a key: {name}", _request(server, good, key=key), (401, 431))
    yield Attack("two keys", _request(server, good, more=[f"Authorization: Bearer {server.key}"]), (400,))
    for field, value in _fields():
        yield Attack(f"the field {field}: {value}", _request(server, _body(**{field: value})), (400,))
    yield Attack("a model with /../", _request(server, _body(model="openai:../../admin/../ok")), (400,))
    yield Attack("a body as text", _request(server, good, media="text/plain"), (415,))
    yield Attack("a body as a form", _request(server, good, media="application/x-www-form-urlencoded"), (415,))
    yield Attack("a compressed body", _request(server, good, more=["Content-Encoding: gzip"]), (415,))
    yield Attack("a body of 1 GB", _request(server, b"{", length=str(10**9)), (413,))
    deep = b'{"model":"openai:ok","messages":' + b"[" * 100000 + b"]" * 100000 + b"}"
    yield Attack("JSON 100,000 levels deep", _request(server, deep), (400,))
    yield Attack("a body that is no JSON", _request(server, b"{'model': 1}"), (400,))


def _keys(server: Server) -> Iterator[tuple[str, str]]:
    yield "none", ""
    yield "a stranger's", "bb_" + "a" * 12 + "_" + "b" * 43
    yield "the last letter changed", server.key[:-1] + ("a" if server.key[-1] != "a" else "b")
    yield "SQL", "' OR '1'='1' --"
    yield "16 KiB of it", "bb_" + "a" * 16384
    yield "the id alone", server.key[:15]


def _fields() -> Iterator[tuple[str, object]]:
    for address in (
        "http://169.254.169.254/latest/meta-data",
        "http://[::ffff:169.254.169.254]/",
        "http://2852039166/",
        "http://0251.0376.0251.0376/",
        "file:///etc/passwd",
    ):
        yield "api_base", address
    yield "base_url", "http://localhost:22"
    yield "api_key", "sk-other"
    yield "extra_headers", {"Authorization": "Bearer x"}


def ask(port: int, data: bytes, seconds: float = 5.0) -> tuple[int, bytes]:
    """Send bytes; return the first answer's status (0 if there is none) and all that came."""
    found = b""
    with socket.create_connection(("127.0.0.1", port), timeout=seconds) as connection:
        with contextlib.suppress(OSError):  # Closed before all was sent; the answer is there nevertheless.
            connection.sendall(data)
        try:
            while more := connection.recv(65536):
                found += more
                if _whole(found):
                    break
        except (TimeoutError, OSError):
            pass
    return (int(found[9:12]) if found.startswith(b"HTTP/1.1 ") else 0), found


def _whole(found: bytes) -> bool:
    head, ended, body = found.partition(b"\r\n\r\n")
    marked = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    return bool(ended and marked and len(body) >= int(marked[0][15:]))


def timings(server: Server, count: int) -> dict[str, float]:
    """Return Student's t of the time of refusals: of a known id with a wrong secret, against ids that nobody has."""
    known, letters = server.key[3:15], string.ascii_lowercase + string.digits
    kinds: dict[str, list[float]] = {"known": [], "unknown": []}
    turns = ["known", "unknown"] * count
    random.shuffle(turns)
    sent = []
    # Made beforehand: what the client does before it sends one must not differ either.
    for kind in turns:
        drawn = "".join(secrets.choice(letters) for _ in known)
        own = known if kind == "known" else drawn
        sent.append((kind, _request(server, _body(), key=f"bb_{own}_{secrets.token_urlsafe(32)}")))
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for kind, data in sent:
            start = time.perf_counter_ns()
            connection.sendall(data)
            found = connection.recv(65536)
            while not _whole(found):
                found += connection.recv(65536)
            took = time.perf_counter_ns() - start
            if not found.startswith(b"HTTP/1.1 401"):
                raise SystemExit(f"A wrong key was not refused: {found[:100]!r}")
            kinds[kind].append(took / 1000)
    return {
        "count": count,
        "t": welch(*(_middle(each) for each in kinds.values())),
        **{f"{k}_us": statistics.median(v) for k, v in kinds.items()},
    }


def _middle(values: list[float]) -> list[float]:
    """Return all but the slowest tenth, which is other processes' work."""
    return sorted(values)[: max(2, int(0.9 * len(values)))]


def welch(one: Sequence[float], other: Sequence[float]) -> float:
    """Return Welch's t."""
    spread = statistics.variance(one) / len(one) + statistics.variance(other) / len(other)
    return (statistics.fmean(one) - statistics.fmean(other)) / math.sqrt(spread)


def main() -> int:
    parser = argparse.ArgumentParser(description="Send the gateway what it must refuse.")
    parser.add_argument("--timings", type=int, default=10000, help="refusals of each kind of key (default 10000)")
    parser.add_argument("--results", type=Path, help="folder for the JSON (default results, beside this file)")
    options = parser.parse_args()
    rows: list[dict[str, Any]] = []
    with vendor() as broken, running("backbay", broken.url) as server:
        broken.forget()
        for attack in attacks(server):
            status, found = ask(server.port, attack.data)
            row = {"attack": attack.name, "right": list(attack.right), "status": status}
            row["holds"] = (
                status in attack.right and b"Traceback" not in found and str(broken.port).encode() not in found
            )
            rows.append(row)
            if not row["holds"]:
                print(f"FAIL  {row}: {found[:300]!r}", file=sys.stderr)
        reached = sum(broken.seen()["asked"].values())
        status, _ = ask(server.port, _request(server, _body()))
        clock = timings(server, options.timings) if options.timings else None
    refused = sum(row["holds"] for row in rows)
    found_all = {"machine": machine(), "rows": rows, "reached": reached, "good": status, "timing": clock}
    write("attack", found_all, options.results)
    print(f"{refused} of {len(rows)} refused as is right, {reached} reached the upstream")
    print(f"a good request got {status}; {clock}")
    return 0 if refused == len(rows) and not reached and status == 200 else 1
