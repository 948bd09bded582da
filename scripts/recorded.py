"""Read recorded traffic through the public API, and say how much of it gives the expected facts.

``python scripts/recorded.py`` writes docs/recorded.md; with a vendor, or ``vendor/api``, it prints what is wrong there.
"""

from __future__ import annotations

import asyncio
import sys
from collections import defaultdict
from collections.abc import Iterable, Sequence

from workspace import ROOT

sys.path.insert(0, str(ROOT / "tests" / "recorded"))

from recorded_traffic.asking import open_backend, problems
from recorded_traffic.corpus import Exchange, exchanges
from recorded_traffic.replay import ReplayTransport
from recorded_traffic.routes import DIFFERENCES, LEFT_OUT, ROUTES

from backbay.errors import BackbayError

PAGE = ROOT / "docs" / "recorded.md"
SIZES = (None, 1, 2, 3, 4, 5, 6, 7)

HEAD = """\
# Recorded traffic

Each row is one API of one vendor: how many recorded exchanges, and how many of them give every expected fact (text,
thinking, tool calls, finish reason, token counts, model, id, signatures, citations; for errors status, code and words)
through `connect(...)`, whole and in chunks of 1 to 7 bytes, streamed and not. The recordings are no part of this
repository. Made by `python scripts/recorded.py`.
"""


async def check(exchange: Exchange) -> list[str]:
    """Return what is wrong with an exchange at any size of chunk; an empty list if nothing is."""
    route = ROUTES[exchange.vendor, exchange.api]
    for stream in (exchange.streamed, not exchange.streamed) if exchange.kind == "chat" else (exchange.streamed,):
        for size in SIZES if len(exchange.body) < 20_000 else (None, 7):
            try:
                backend = open_backend(route, "http://127.0.0.1:9", ReplayTransport(exchange, size))
                found = await problems(exchange, backend, stream=stream)
            except BackbayError as error:
                found = [f"{type(error).__name__}: {error}"]
            if found:
                return [f"(stream={stream}, chunks of {size}) {problem}" for problem in found]
    return []


def page() -> str:
    """Return the page, from the exchanges that are there."""
    counted: dict[tuple[str, str], list[bool]] = defaultdict(list)
    wrong = []
    for exchange in exchanges():
        pair = (exchange.vendor, exchange.api)
        good = pair in ROUTES and exchange.id not in DIFFERENCES and not asyncio.run(check(exchange))
        counted[pair].append(good)
        if not good and pair in ROUTES:
            wrong.append(f"- `{exchange.id}`: {DIFFERENCES.get(exchange.id, 'not right yet')}")
    rows = ["| vendor | API | backend | exchanges | right |", "|---|---|---|---:|---:|"]
    for (vendor, api), results in sorted(counted.items()):
        route = ROUTES.get((vendor, api))
        name = "none" if route is None else route.backend + (f", `wire={route.wire!r}`" if route.wire else "")
        rows.append(f"| {vendor} | {api} | {name} | {len(results)} | {sum(results)} |")
    total = sum(len(results) for results in counted.values())
    right = sum(sum(results) for results in counted.values())
    rows.append(f"| all | | | {total} | {right} |")
    reasons = [f"- {vendor}/{api}: {why}" for (vendor, api), why in sorted(LEFT_OUT.items())]
    return "\n".join(
        [HEAD, *rows, "", "## APIs that are left out", "", *reasons, "", "## Exchanges that differ", "", *wrong, ""]
    )


def show(wanted: Iterable[str]) -> int:
    """Print what is wrong with the exchanges whose id begins so; return how many."""
    count = 0
    for exchange in exchanges():
        if not any(exchange.id.startswith(f"{name}/") or exchange.id == name for name in wanted):
            continue
        if (exchange.vendor, exchange.api) not in ROUTES:
            sys.stdout.write(f"{exchange.id}: no route\n")
            continue
        for problem in asyncio.run(check(exchange)):
            count += 1
            sys.stdout.write(f"{exchange.id}: {problem}\n"[:400])
    sys.stdout.write(f"{count} problems\n")
    return count


def main(arguments: Sequence[str]) -> int:
    """Write the page, or print what is wrong for the vendors that are named."""
    if arguments:
        return 1 if show(arguments) else 0
    PAGE.write_text(page(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
