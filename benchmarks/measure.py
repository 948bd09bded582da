"""Measure one client in this process: ``python measure.py CLIENT BASE_URL SECONDS`` prints one JSON object.

CPU time is that of the whole process, all its threads, in microseconds a call or a chunk. Time to the first text is the
clock's, since waiting is what it is about, and the shortest of many: other processes can only make it longer.
"""

from __future__ import annotations

import asyncio
import gc
import json
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

from clients import ASYNC, SYNC, AsyncClient, SyncClient
from peers import PEERS
from stub import ANSWER, arguments, pieces

CHUNKS = 1000
BURST, TOOLS = f"stream-{CHUNKS}", f"tools-{CHUNKS}"
PACED_CHUNKS = 300
PACED = f"drip-{PACED_CHUNKS}-1000"
CONCURRENCIES = (1, 32, 256)

EXIT_MISSING = 3
"""The exit code for a client that is not installed."""


class Clock:
    """CPU seconds since it was made, with the garbage of before out of the way."""

    def __init__(self) -> None:
        gc.collect()
        self._start = time.process_time()

    def microseconds(self, count: int) -> float:
        return (time.process_time() - self._start) / count * 1e6


async def read(texts: AsyncIterator[str], count: int) -> float:
    """Read a stream of ``count`` chunks; return the seconds to its first text."""
    start, first, found = time.perf_counter(), 0.0, []
    async for text in texts:
        if not found:
            first = time.perf_counter() - start
        found.append(text)
    assert found == pieces(count), f"{len(found)} texts of {count}"
    return first


async def calls(client: AsyncClient, concurrency: int, count: int) -> float:
    """Return the CPU of a call, with ``concurrency`` callers who make ``count`` calls together."""

    async def caller(turns: Iterator[int]) -> None:
        for _ in turns:
            answer = await client.call("fast")
            assert answer == ANSWER, answer

    async def all_callers(total: int) -> None:
        turns = iter(range(total))
        await asyncio.gather(*[caller(turns) for _ in range(concurrency)])

    await all_callers(2 * concurrency)
    clock = Clock()
    await all_callers(count)
    return clock.microseconds(count)


async def streams(client: AsyncClient, model: str, count: int, concurrency: int, repeats: int) -> dict[str, float]:
    """Return the CPU of a chunk, and the shortest time to the first text."""

    async def reader() -> list[float]:
        return [await read(client.texts(model), count) for _ in range(repeats)]

    clock = Clock()
    firsts = await asyncio.gather(*[reader() for _ in range(concurrency)])
    cpu = clock.microseconds(count * concurrency * repeats)
    return {"cpu": cpu, "first": min(min(found) for found in firsts) * 1e6}


async def tool_calls(client: AsyncClient, repeats: int) -> float:
    clock = Clock()
    for _ in range(repeats):
        found = await client.tools(TOOLS)
        assert found == arguments(CHUNKS), found
    return clock.microseconds(CHUNKS * repeats)


async def seconds_of(work: Callable[[], Awaitable[object]]) -> float:
    await work()
    start = time.perf_counter()
    await work()
    return time.perf_counter() - start


async def measure_async(client: AsyncClient, seconds: float) -> dict[str, float]:
    found: dict[str, float] = {}
    await calls(client, 1, 20)
    count = max(50, int(seconds / await seconds_of(lambda: client.call("fast"))))
    for concurrency in CONCURRENCIES:
        found[f"call_c{concurrency}"] = await calls(client, concurrency, max(count, 3 * concurrency))
    one = await seconds_of(lambda: read(client.texts(BURST), CHUNKS))
    repeats = max(3, round(seconds / one))
    burst = await streams(client, BURST, CHUNKS, 1, repeats)
    found |= {"burst": burst["cpu"], "first_burst": burst["first"]}
    found["burst_c32"] = (await streams(client, BURST, CHUNKS, 32, 1))["cpu"]
    found["tool_delta"] = await tool_calls(client, repeats) if await client.tools(TOOLS) else 0.0
    await read(client.texts(PACED), PACED_CHUNKS)
    found["paced"] = (await streams(client, PACED, PACED_CHUNKS, 1, 4))["cpu"]
    found["first_paced"] = (await streams(client, "drip-5-1000", 5, 1, 40))["first"]
    await client.aclose()
    return found


def measure_sync(client: SyncClient, seconds: float) -> dict[str, float]:
    def calls(count: int) -> float:
        clock = Clock()
        for _ in range(count):
            answer = client.call("fast")
            assert answer == ANSWER, answer
        return clock.microseconds(count)

    def bursts(count: int) -> float:
        clock = Clock()
        for _ in range(count):
            found = list(client.texts(BURST))
            assert found == pieces(CHUNKS), f"{len(found)} texts of {CHUNKS}"
        return clock.microseconds(count * CHUNKS)

    found = {
        "call_c1": calls(max(50, int(seconds * 1e6 / calls(20)))),
        "burst": bursts(max(3, round(seconds * 1e6 / (bursts(2) * CHUNKS)))),
    }
    client.close()
    return found


async def _asynchronously(name: str, base_url: str, seconds: float) -> dict[str, float]:
    return await measure_async({**ASYNC, **PEERS}[name](base_url), seconds)


def main(name: str, base_url: str, seconds: float) -> int:
    try:
        if name in SYNC:
            found = measure_sync(SYNC[name](base_url), seconds)
        else:
            found = asyncio.run(_asynchronously(name, base_url, seconds))
    except ImportError as missing:
        print(missing, file=sys.stderr)
        return EXIT_MISSING
    print(json.dumps(found))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], float(sys.argv[3])))
