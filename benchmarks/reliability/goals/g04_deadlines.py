"""G4: a call ends when its time is over, whatever the server does meanwhile.

300 calls at once, each with a limit of 2 s (the SDKs: ``timeout=2``, which is what they have), against seven kinds of
slowness, awaited and in threads, three rounds. Retries are as the client has them by default, and four where the server
is overloaded, so that there are pauses to wait for. How late a call was, is from its start to its end, less 2 s.
"""

# ruff: noqa: BLE001 (whatever a client raises is what is looked at)

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from fault_rig import words
from fault_rig.plan import Repeat, Sleep

from ..clients import Client, Settings
from ..clients.face import read, read_sync
from ..dialects import Dialect, begun, whole
from ..figures import Effort, Figure, at_most, note
from ..meters import quantile
from ..servers import Door, Rig, answering

SECONDS = 2.0
ROUNDS = 3
AT_ONCE = 300
UPLOADS = 30
"""Uploads at once: each is 6 MiB, since the system's buffers take 4 MiB that nobody reads."""
GIVES_UP = SECONDS + 3.0
"""Seconds after which every server ends what it holds, so that calls without an end have one."""
BOUND = 9.0
"""Seconds after which an awaited call is cancelled, and counts as that late."""
NAME = "slow.localhost"


@dataclass(frozen=True, slots=True)
class Slowness:
    """A way of being slow.

    Attributes:
        name: What it is.
        door: Returns the server's part.
        streams: Whether the calls are streamed.
        address: Returns the URL from the server's own.
        words: What is asked.
        at_once: How many calls.
        retries: As in ``Settings``.
    """

    name: str
    door: Callable[[Dialect], Door]
    streams: bool = False
    address: Callable[[str], str] = str
    words: str = "hi"
    at_once: int = AT_ONCE
    retries: int | None = None


def _drip(dialect: Dialect) -> Door:
    body = dialect.body("Hello world")
    times = int(GIVES_UP / 0.3)
    return answering([words.head(f"content-length: {len(body) + times}"), Repeat(b" ", times, 0.3), body, "close"])


SLOW: Sequence[Slowness] = (
    Slowness("slow headers", lambda _: answering([Sleep(GIVES_UP), "close"])),
    Slowness("drip", _drip),
    Slowness("stall", lambda dialect: answering([begun(dialect, "Hello"), Sleep(GIVES_UP), "close"]), streams=True),
    Slowness("back-off", lambda _: answering([words.sized(words.failed(), status="503 Busy")]), retries=4),
    Slowness(
        "slow DNS", lambda dialect: answering([whole(dialect)]), address=lambda url: url.replace("127.0.0.1", NAME)
    ),
    Slowness("slow TLS", lambda _: Door(greeting=[Sleep(GIVES_UP), "close"]), address=lambda url: f"https{url[4:]}"),
    Slowness(
        "stalled upload",
        lambda _: Door(deaf=True, greeting=[Sleep(GIVES_UP), "close"]),
        words="x" * (6 * 2**20),
        at_once=UPLOADS,
    ),
)


@dataclass(slots=True)
class Seen:
    """How late the calls of one slowness and face were, in milliseconds, and what came of them."""

    late: list[float]
    ends: Counter[str]


def measure(client: Client, effort: Effort) -> list[Figure]:
    """Return the figures."""
    # The SDKs make three attempts with a limit for each, so that a round of theirs takes three times as long.
    rounds = effort.count(ROUNDS if client.name == "backbay" else 1)
    seen: dict[tuple[str, str], Seen] = {}
    with Rig() as rig, _slow_names() as until:
        for number in range(rounds):
            for slow in SLOW:
                calls = max(5, round(slow.at_once * min(1.0, effort.scale * 5)))
                for face in ("async", "sync"):
                    until.clear()
                    with rig.opened(slow.door(client.dialects[0])) as door:
                        found = _round(client, slow, slow.address(door.url), face, calls, until)
                    late, ends = (
                        seen.setdefault((slow.name, face), Seen([], Counter())).late,
                        seen[slow.name, face].ends,
                    )
                    late += [1000 * (seconds - SECONDS) for seconds, _ in found]
                    ends.update(end for _, end in found)
            print(f"    round {number + 1} of {rounds}", flush=True)
    return _figures(seen, rounds)


def _figures(seen: dict[tuple[str, str], Seen], rounds: int) -> list[Figure]:
    found = []
    for face, bound in (("async", 50.0), ("sync", 100.0)):
        late = [value for (_, of), one in seen.items() if of == face for value in one.late]
        detail = {name: _told(one) for (name, of), one in seen.items() if of == face}
        found.append(note(f"late, {face}, p50", f"{quantile(late, 0.5):.0f} ms"))
        found.append(at_most(f"late, {face}, p99", bound, quantile(late, 0.99), "ms", rounds=rounds, of=detail))
        found.append(at_most(f"late, {face}, at most", 250.0, max(late), "ms"))
    return found


def _told(one: Seen) -> dict[str, Any]:
    shown = {"p50": quantile(one.late, 0.5), "p99": quantile(one.late, 0.99), "max": max(one.late)}
    return {"calls": len(one.late), "ends": dict(one.ends)} | {name: round(value, 1) for name, value in shown.items()}


def _round(  # noqa: PLR0917
    client: Client, slow: Slowness, url: str, face: str, calls: int, until: threading.Event
) -> list[tuple[float, str]]:
    settings = Settings(seconds=SECONDS, retries=slow.retries)
    if face == "async":
        return asyncio.run(_awaited(client, slow, url, calls, settings, until))
    caller = client.open_sync(url, client.dialects[0], settings)
    ready = threading.Barrier(calls)

    def one(_: int) -> tuple[float, str]:
        ready.wait()
        began = time.monotonic()
        try:
            said = read_sync(caller, slow.words) if slow.streams else caller.complete(slow.words)
        except Exception as error:
            return time.monotonic() - began, type(error).__name__
        return time.monotonic() - began, f"answer of {len(said)} characters"

    try:
        with ThreadPoolExecutor(calls) as threads:
            return list(threads.map(one, range(calls)))
    finally:
        until.set()
        caller.close()


async def _awaited(  # noqa: PLR0917
    client: Client, slow: Slowness, url: str, calls: int, settings: Settings, until: threading.Event
) -> list[tuple[float, str]]:
    caller = client.open(url, client.dialects[0], settings)

    async def one() -> tuple[float, str]:
        began = time.monotonic()
        try:
            async with asyncio.timeout(BOUND):
                said = await (read(caller, slow.words) if slow.streams else caller.complete(slow.words))
        except Exception as error:
            return time.monotonic() - began, type(error).__name__
        return time.monotonic() - began, f"answer of {len(said)} characters"

    try:
        return list(await asyncio.gather(*(one() for _ in range(calls))))
    finally:
        until.set()
        await caller.close()


@contextmanager
def _slow_names() -> Iterator[threading.Event]:
    """Let the resolver take its time over one name, until the event that this gives."""
    real, until = socket.getaddrinfo, threading.Event()

    def getaddrinfo(host: Any, *args: Any, **kwargs: Any) -> Any:
        if (host.decode() if isinstance(host, bytes) else host) != NAME:
            return real(host, *args, **kwargs)
        until.wait(GIVES_UP)
        return real("127.0.0.1", *args, **kwargs)

    socket.getaddrinfo = getaddrinfo
    try:
        yield until
    finally:
        until.set()
        socket.getaddrinfo = real
