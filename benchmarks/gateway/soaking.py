"""Fifty clients for minutes: streams and whole answers, clients that leave, a vendor that fails, and reloads meanwhile.

What must hold: no 5xx that the script did not cause, nobody asks the vendor 250 ms after a client left, memory and open
files stay, and the ledger says what the vendor billed.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sqlite3
import statistics
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from .broken import Broken, vendor
from .processes import open_files, resident_mib
from .results import machine, write
from .servers import Server, running

LIMIT = 0.25
"""Seconds after which nobody may ask the vendor for a client that left."""


class Soak:
    """The clients, and what they saw."""

    def __init__(self, server: Server, seconds: float) -> None:
        self._server = server
        self._ends = time.monotonic() + seconds
        self.statuses: Counter[str] = Counter()
        self.left: list[float] = []
        self.wrong: list[str] = []
        self.samples: list[tuple[float, float, int]] = []
        self.reloads = 0

    async def run(self, clients: int, config: Path) -> None:
        start = time.monotonic()
        watching = asyncio.create_task(self._watch(start, config))
        await asyncio.gather(*(self._client(number) for number in range(clients)))
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)

    async def _client(self, number: int) -> None:
        chance = random.Random(number)
        while time.monotonic() < self._ends:
            if chance.random() < 0.05:
                await self._ask(chance.choice(("fail-500", "cut-2")), stream=True, leaves=False, faulty=True)
            else:
                stream = chance.random() < 0.6
                model = "pace-5-20" if stream else chance.choice(("ok", "slow-50"))
                await self._ask(model, stream=stream, leaves=chance.random() < 0.1, faulty=False)

    async def _ask(self, model: str, *, stream: bool, leaves: bool, faulty: bool) -> None:
        if leaves:
            model = "pace-200-20" if stream else "slow-5000"
        question = {"model": f"openai:{model}", "messages": [{"role": "user", "content": "Hi"}], "stream": stream}
        body = json.dumps(question).encode()
        head = (
            f"POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1:{self._server.port}\r\nconnection: close\r\n"
            f"authorization: Bearer {self._server.key}\r\ncontent-type: application/json\r\n"
            f"content-length: {len(body)}\r\n\r\n"
        )
        reader, writer = await asyncio.open_connection("127.0.0.1", self._server.port)
        try:
            writer.write(head.encode() + body)
            if leaves:
                await asyncio.sleep(0.1)
                writer.transport.abort()
                self.left.append(time.monotonic())
                self.statuses["left"] += 1
                return
            found = await asyncio.wait_for(reader.read(), 30)
            status = found[9:12].decode()
            self.statuses[f"{status} of a fault" if faulty else status] += 1
            whole = found.endswith(b"0\r\n\r\n") if stream else b"Hello." in found
            if not faulty and (status != "200" or not whole):
                self.wrong.append(f"{model}: {found[-300:]!r}")
        except (OSError, TimeoutError) as failure:
            self.wrong.append(f"{model}: {failure!r}")
        finally:
            writer.close()

    async def _watch(self, start: float, config: Path) -> None:
        text, every = _read(config), max(3.0, (self._ends - start) / 5)
        due = start + every
        while True:
            self.samples.append(
                (time.monotonic() - start, resident_mib(self._server.pid), open_files(self._server.pid))
            )
            if time.monotonic() >= due:
                due += every
                self.reloads += 1
                # Another price: the configuration is another one, and the upstream is connected anew.
                price = f'prices = {{ "*" = {{ input = {self.reloads}, output = 1 }} }}\n'
                _write(config, text.replace("limits =", f"{price}limits ="))
            await asyncio.sleep(0.5)


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")


def slope(samples: Sequence[tuple[float, float, int]]) -> float | None:
    """Return how memory grows, in MiB for ten minutes, over the second half; ``None`` below four samples."""
    half = samples[len(samples) // 2 :]
    if len(half) < 4:
        return None
    return 600 * statistics.linear_regression([at for at, _, _ in half], [mib for _, mib, _ in half]).slope


def late(left: Sequence[float], noticed: Sequence[float]) -> list[float]:
    """Return, for each client that left, the seconds until the vendor noticed; both are of one monotonic clock."""
    return [b - a for a, b in zip(sorted(left), sorted(noticed), strict=False)]


def ledger(database: Path) -> tuple[int, int]:
    """Return the tokens of prompts and answers that the key store has of requests that ended well."""
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    try:
        names = [
            row[0]
            for row in connection.execute(
                "SELECT name FROM sqlite_master WHERE name LIKE '%ledger%' AND type = 'table'"
            )
        ]
        found = connection.execute(
            f"SELECT SUM(input_tokens), SUM(output_tokens) FROM {names[0]} WHERE input_tokens IS NOT NULL"
        ).fetchone()
        return int(found[0] or 0), int(found[1] or 0)
    finally:
        connection.close()


def settled(folder: Path, broken: Broken) -> tuple[tuple[int, int], dict[str, Any]]:
    """Wait until nothing is under way; return the ledger and what the vendor saw."""
    seen: dict[str, Any] = {}
    for _ in range(40):
        seen = broken.seen()
        if not seen["open"] and ledger(folder / "keys.sqlite") == tuple(seen["billed"]):
            break
        time.sleep(0.1)
    return ledger(folder / "keys.sqlite"), seen


def problems(found: dict[str, Any]) -> Iterator[str]:
    """Yield what does not hold."""
    if found["wrong"]:
        yield f"{found['wrong']} answers were wrong, such as {found['first_wrong']}"
    if found["open_after"]:
        yield f"{found['open_after']} requests are still open at the vendor"
    # On a slow machine a client may be gone before the vendor was asked at all.
    if found["noticed"] < found["asked_for_them"]:
        yield f"asked {found['asked_for_them']} times for clients that left; noticed {found['noticed']}"
    if found["ledger"] != found["billed"]:
        yield f"the ledger says {found['ledger']}, and the vendor {found['billed']}"
    if found["files_last"] > found["files_first"] + 150:
        yield f"open files grew from {found['files_first']} to {found['files_last']}"


def main() -> int:
    parser = argparse.ArgumentParser(description="Load the gateway for minutes, and look at what stays.")
    parser.add_argument("--seconds", type=float, default=300.0, help="of load (default 300)")
    parser.add_argument("--clients", type=int, default=50, help="at once (default 50)")
    parser.add_argument("--results", type=Path, help="folder for the JSON (default results, beside this file)")
    options = parser.parse_args()
    # The faults are the script's: none of them may leave the one upstream out.
    extra = "limits = { total = 60, first_event = 20, idle = 20 }\n[routing]\nbreaker_failures = 1000\n"
    with vendor() as broken, running("backbay", broken.url, extra=extra) as server:
        broken.forget()
        soak = Soak(server, options.seconds)
        asyncio.run(soak.run(options.clients, server.folder / "gateway.toml"))
        in_ledger, seen = settled(server.folder, broken)
        last = open_files(server.pid)
        delays = sorted(late(soak.left, seen["left"]))
    found = {
        "machine": machine(),
        "seconds": options.seconds,
        "clients": options.clients,
        "requests": sum(soak.statuses.values()),
        "statuses": dict(soak.statuses),
        "wrong": len(soak.wrong),
        "first_wrong": soak.wrong[0] if soak.wrong else None,
        "reloads": soak.reloads,
        "left": len(soak.left),
        "asked_for_them": sum(seen["asked"].get(model, 0) for model in ("pace-200-20", "slow-5000")),
        "noticed": len(seen["left"]),
        "close_p50_ms": 1000 * delays[len(delays) // 2] if delays else None,
        "close_p99_ms": 1000 * delays[int(0.99 * (len(delays) - 1))] if delays else None,
        "open_after": seen["open"],
        "billed": seen["billed"],
        "ledger": list(in_ledger),
        "mib_first": soak.samples[0][1],
        "mib_last": soak.samples[-1][1],
        "mib_slope": slope(soak.samples),
        "mib": {round(at): round(mib, 1) for at, mib, _ in soak.samples[::20]},
        "files_first": soak.samples[0][2],
        "files_last": last,
    }
    found["problems"] = list(problems(found))
    write("soak", found, options.results)
    print(json.dumps({name: value for name, value in found.items() if name != "machine"}, indent=1))
    return 1 if found["problems"] else 0
