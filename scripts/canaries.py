"""Look for keys in what everybody may see: ``python scripts/canaries.py``; takes some minutes.

Calls are made to a server on this machine that repeats the key in every way that a vendor may, or fails in another; by
each transport and by clients of a caller's own, streamed and not. And backends are set up wrongly, with a key where
none belongs. Every error is written down in nine ways (``str``, ``repr``, ``args``, ``vars``, ``pickle``, its causes,
its traceback without and with local variables, and what the command line prints of it for people, for programs and with
``--debug``), and every record of every logger at DEBUG with what is attached to it; and the key is looked for in all of
them, plain and escaped, and the beginning of a long one. It prints how many there were, and how many had a key; the
exit code is 1 if one had.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import logging
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, redirect_stderr, redirect_stdout
from typing import Any

import httpx
import httpx2

from backbay.backend import Backend
from backbay.connecting import build
from backbay.errors import BackbayError
from backbay.spec import BackendSpec
from backbay.testing import Received, Reply, ScriptedServer
from backbay_cli import errors as command_line
from backbay_conformance.laws.canaries import CANARIES, LIBRARIES, Canary, renderings
from backbay_conformance.laws.secrecy import FAILURES
from backbay_conformance.vendors import VENDORS

TRANSPORTS: Mapping[str, Callable[[], Any]] = {
    "default": lambda: None,
    "aiohttp": lambda: "aiohttp",
    "client of httpx2": httpx2.AsyncClient,
    "client of httpx": httpx.AsyncClient,
}
"""What carries the calls; the clients are a caller's own, and their library logs at DEBUG what it sends and gets."""
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
MISPLACED: Mapping[str, Callable[[str], dict[str, Any]]] = {
    "a line end after the key": lambda key: {"api_key": f"{key}\n"},
    "a letter outside ASCII": lambda key: {"api_key": f"{key}\u00e9"},
    "white space in the key": lambda key: {"api_key": f"Bearer {key}"},
    "a password in the address": lambda key: {"base_url": f"http://user:{key}@127.0.0.1:1/v1"},
    "a password in an address that is none": lambda key: {"base_url": f"http://user:{key}@exam\u2100ple.com/v1"},
    "the key where the address belongs": lambda key: {"base_url": key},
    "a user in an address of another scheme": lambda key: {"base_url": f"ftp://{key}@127.0.0.1/v1"},
    "a key in the query of the address": lambda key: {"base_url": f"http://127.0.0.1:1/v1?key={key}"},
    "a key in the fragment of the address": lambda key: {"base_url": f"http://127.0.0.1:1/v1#{key}"},
    "a line end in a header": lambda key: {"headers": {"x-key": f"{key}\n"}},
    "the key's header": lambda key: {"api_key": key, "headers": {"Authorization": f"Bearer {key}"}},
}
"""What is set up wrongly, by its name: the arguments, with a key in them."""


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


@asynccontextmanager
async def backend_for(url: str, canary: Canary, wire: str, transport: str) -> AsyncIterator[Backend]:
    """Make a backend, and close it with the client that it may have been given."""
    spec = BackendSpec(name="example", wires=(wire,), requires_credential=False)
    carrier = TRANSPORTS[transport]()
    backend = build(spec, "m", api_key=canary.reveal(), base_url=url, retries=0, transport=carrier)
    try:
        yield backend
    finally:
        await backend.aclose()
        if hasattr(carrier, "aclose"):
            await carrier.aclose()


async def failure(url: str, canary: Canary, wire: str, transport: str, how: str) -> BackbayError | None:
    """Return what a call raises. This frame has no key, since tracebacks begin in it."""
    async with backend_for(url, canary, wire, transport) as backend:
        try:
            if how == "complete":
                await backend.complete("Say pong.")
            elif how == "stream":
                await backend.stream("Say pong.").collect()
            else:
                await backend.list_models()
        except BackbayError as error:
            return error
    return None


def misplaced(canary: Canary, arguments: Callable[[str], dict[str, Any]]) -> BackbayError | None:
    """Return what a backend that is set up wrongly raises."""
    spec = BackendSpec(name="example", wires=("openai_chat",), default_base_url="http://127.0.0.1:1/v1")
    try:
        build(spec, "m", **{"api_key": "another-key-0", **arguments(canary.reveal())})
    except BackbayError as error:
        return error
    return None


def printed(error: BackbayError) -> str:
    """Return what the command line prints of an error: for people, for programs, and with its traceback."""
    out = io.StringIO()
    token = command_line.debug.set(True)
    try:
        with redirect_stdout(out), redirect_stderr(out):
            command_line.report(error)
            command_line.report(error, in_json=True)
    finally:
        command_line.debug.reset(token)
    return out.getvalue()


def shown(error: BackbayError, canary: Canary) -> list[str]:
    """Return the renderings of an error that have the key in them."""
    texts = {**renderings(error), "output of the command line": printed(error)}
    return [what for what, text in texts.items() if canary.seen_in(text)]


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
    for canary in SHAPES:
        for name, arguments in MISPLACED.items():
            error = misplaced(canary, arguments)
            if error is None:
                raise SystemExit(f"{name}: nothing was refused")
            done += 1
            hits.update(f"{what} of {type(error).__name__} ({name})" for what in shown(error, canary))
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
                        place = f"{type(error).__name__} ({name}, {wire}, {transport}, {how})"
                        hits.update(f"{what} of {place}" for what in shown(error, canary))
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
    print(f"{done:,} errors in 9 renderings, {watcher.records:,} log records, {spent} s")
    for what, times in [*hits.most_common(20), *watcher.hits.most_common(20)]:
        print(f"    {times} times: {what}")
    print(f"errors with a key: {sum(hits.values())}; log records with a key: {sum(watcher.hits.values())}")
    return 1 if hits or watcher.hits else 0


if __name__ == "__main__":
    sys.exit(main())
