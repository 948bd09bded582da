"""Look for keys in what everybody may see: ``python scripts/canaries.py``; takes some minutes.

Calls are made to a server on this machine that repeats the key in every way that a vendor may, or fails in another; by
each transport, streamed and not. Every error is written down in eight ways (``str``, ``repr``, ``args``, ``vars``,
``pickle``, its causes, its traceback without and with local variables), and every record of every logger at DEBUG with
what is attached to it; and the key is looked for in all of them, plain and escaped. It prints how many there were, and
how many had a key; the exit code is 1 if one had.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence

from backbay.connecting import build
from backbay.errors import BackbayError
from backbay.spec import BackendSpec
from backbay.testing import Received, Reply, ScriptedServer
from backbay_conformance.laws.canaries import CANARIES, LIBRARIES, Canary, renderings
from backbay_conformance.laws.secrecy import FAILURES
from backbay_conformance.vendors import VENDORS

TRANSPORTS = (None, "aiohttp")
HOWS = ("complete", "stream", "list_models")
SHAPES = (
    *CANARIES,
    Canary("oauth", "ya29.a0AfH6SMB-x_9Qz7.Lw/1+2=="),
    Canary("query", "AIzaSyD-9tSrke72PouQMnMX-a7eZSW0jkFMBWY"),
)
MORE: Sequence[tuple[str, Callable[[str], Reply]]] = (
    ("redirect", lambda key: Reply(status=302, headers={"location": f"http://127.0.0.1:1/?key={key}"})),
    ("not HTTP", lambda key: Reply(framing="raw", steps=[key.encode() + b"\r\n\r\n"], end="close")),
    ("cookie", lambda key: Reply(status=500, headers={"set-cookie": f"k={key}"}, steps=[b'{"error": 1}'])),
    ("broken chunk", lambda key: Reply(headers={"x-key": key}, steps=[key.encode() * 9], end="cut")),
)


class Watcher(logging.Handler):
    """Counts records, and those with a key in them; keeps no record."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.records = 0
        self.hits: Counter[str] = Counter()
        self.canary: Canary | None = None
        self._format = logging.Formatter()

    def emit(self, record: logging.LogRecord) -> None:
        """Look into one record."""
        self.records += 1
        text = f"{record.getMessage()} {vars(record)!r} {self._format.format(record)}"
        if self.canary is not None and self.canary.seen_in(text):
            self.hits[f"{record.name}: {record.getMessage()[:60]}"] += 1


async def failure(url: str, canary: Canary, wire: str, transport: str | None, how: str) -> BackbayError | None:
    """Return what a call raises. This frame has no key, since tracebacks begin in it."""
    spec = BackendSpec(name="example", wires=(wire,), requires_credential=False)
    backend = build(spec, "m", api_key=canary.reveal(), base_url=url, retries=0, transport=transport)
    try:
        if how == "complete":
            await backend.complete("Say pong.")
        elif how == "stream":
            await backend.stream("Say pong.").collect()
        else:
            await backend.list_models()
    except BackbayError as error:
        return error
    finally:
        await backend.aclose()
    return None


def cases() -> list[tuple[str, str, Canary, Callable[[Received], Reply]]]:
    """Return what a server may do, by its name, the wire and the key."""
    found: list[tuple[str, str, Canary, Callable[[Received], Reply]]] = []
    for wire, vendor in sorted(VENDORS.items()):
        emulator = vendor()
        for canary in SHAPES:
            for case in FAILURES:
                reply = case.reply(emulator, canary.reveal())
                found.append((case.name, wire, canary, _always(reply)))
            for name, make in MORE:
                found.append((name, wire, canary, _always(make(canary.reveal()))))
    return found


def _always(reply: Reply) -> Callable[[Received], Reply]:
    return lambda _: reply


async def look(errors: int, records: int, watcher: Watcher) -> tuple[int, Counter[str]]:
    """Make calls until that many have failed, and that much was logged; return how many, and where the key was."""
    done, hits = 0, Counter[str]()
    everything = cases()
    while done < errors or watcher.records < records:
        for name, wire, canary, script in everything:
            watcher.canary = canary
            with ScriptedServer(script) as server:
                for transport in TRANSPORTS:
                    for how in HOWS:
                        error = await failure(server.url, canary, wire, transport, how)
                        if error is None:
                            continue
                        done += 1
                        for what, text in renderings(error).items():
                            if canary.seen_in(text):
                                hits[f"{what} of {type(error).__name__} ({name}, {wire}, {transport}, {how})"] += 1
            if done >= errors and watcher.records >= records:
                break
    return done, hits


def main() -> int:
    """Do what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--errors", type=int, default=10_000, help="how many at least (default 10000)")
    parser.add_argument("--records", type=int, default=100_000, help="log records at least (default 100000)")
    asked = parser.parse_args()
    watcher = Watcher()
    root = logging.getLogger()
    root.addHandler(watcher)
    for name in ("", "asyncio", "backbay", *LIBRARIES):
        logging.getLogger(name).setLevel(logging.DEBUG)
    started = time.perf_counter()
    done, hits = asyncio.run(look(asked.errors, asked.records, watcher))
    spent = round(time.perf_counter() - started)
    print(f"{done:,} errors in 8 renderings, {watcher.records:,} log records, {spent} s")
    for what, times in [*hits.most_common(20), *watcher.hits.most_common(20)]:
        print(f"    {times} times: {what}")
    print(f"errors with a key: {sum(hits.values())}; log records with a key: {sum(watcher.hits.values())}")
    return 1 if hits or watcher.hits else 0


if __name__ == "__main__":
    sys.exit(main())
