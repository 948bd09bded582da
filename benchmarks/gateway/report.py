"""Writes docs/gateway-figures.md from the JSON of the programs."""

# ruff: noqa: E501 (rows of tables)

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from .results import read

PAGE = Path(__file__).resolve().parents[2] / "docs" / "gateway-figures.md"
_LABELS = {
    "backbay": "`backbay serve`",
    "passthrough-aiohttp": "Starlette and aiohttp, bare",
    "passthrough-direct": "Starlette and core's transport, bare",
    "litellm": "LiteLLM's proxy",
}
_INTRODUCTION = """# Figures of the gateway

Made by `benchmarks/gateway`, and written by its `page.py`; its README says how each figure is measured. They are of
one machine. **Compare ratios within one table**: what the machine did besides falls on all of them, and figures of two
runs differ by it.
"""


def page(folder: Path | None = None) -> str:
    """Return the page."""
    parts = [_INTRODUCTION]
    for name, make in (("compare", _compare), ("soak", _soak), ("attack", _attack), ("failover", _failover)):
        found = read(name, folder)
        if found is not None:
            parts.append("\n".join(make(found)) + "\n")
    return "\n".join(parts)


def _made(found: dict[str, Any]) -> str:
    machine = found["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    return (
        f"{machine['date']}, Python {machine['python']}, {machine['system']}, {machine['cores']} cores, load "
        f"{machine['load']} at the end; {versions}."
    )


def _median(cells: list[dict[str, Any]], take: Callable[[dict[str, Any]], float | None]) -> float | None:
    values = [value for cell in cells if (value := take(cell)) is not None]
    return statistics.median(values) if values else None


def _text(value: float | None, digits: int = 0) -> str:
    return "-" if value is None else f"{value:,.{digits}f}"


def _compare(found: dict[str, Any]) -> Iterator[str]:
    rounds, clients = found["rounds"], ("c1", "c32", "c128")
    names = [name for name in _LABELS if name in rounds]
    yield "## Beside others\n"
    yield (
        "One worker each, before one upstream in C, in turn. CPU is of the gateway's process, user and kernel. What is "
        "added is the latency beyond the upstream's own, at as many clients; at 32 and 128 most of it is waiting for the "
        f"others. {len(rounds[names[0]])} rounds of {found['seconds']:g} s a figure, medians. {_made(found)}\n"
    )
    yield (
        "| | " + " | ".join(f"{each[1:]} clients: CPU µs, requests/s, added p50 ms, p99 ms" for each in clients) + " |"
    )
    yield "|---" * 4 + "|"
    for name in names:
        cells = [_cell(rounds, name, each) for each in clients]
        yield f"| {_LABELS[name]} | " + " | ".join(cells) + " |"
    if all("talk" in cell for name in names for cell in rounds[name]):
        yield "\n| 8 clients | 256 KiB of talk: CPU µs, requests/s | a picture of 1 MiB: CPU µs, requests/s |"
        yield "|---" * 3 + "|"
        for name in names:
            yield f"| {_LABELS[name]} | " + " | ".join(_large(rounds[name], each) for each in ("talk", "image")) + " |"
    yield "\n| | CPU µs a chunk, burst | CPU µs a chunk, paced 5 ms | MiB idle | MiB after | start, s |"
    yield "|---" * 6 + "|"
    for name in names:
        yield f"| {_LABELS[name]} | " + " | ".join(_rest(rounds[name])) + " |"
    for other in names:
        if "backbay" in names and other != "backbay":
            yield (
                f"\nCPU a request of `backbay serve` over {_LABELS[other]}: " + ", ".join(_ratios(rounds, other)) + "."
            )


def _cell(rounds: dict[str, Any], name: str, clients: str) -> str:
    cells, direct = rounds[name], rounds.get("direct", [])

    def added(share: str) -> float | None:
        one, base = _median(cells, lambda c: c[clients][share]), _median(direct, lambda c: c[clients][share])
        return None if one is None or base is None else one - base

    cpu, rps = _median(cells, lambda c: c[clients]["cpu_us"]), _median(cells, lambda c: c[clients]["rps"])
    return f"{_text(cpu)}, {_text(rps)}, {_text(added('p50_ms'), 2)}, {_text(added('p99_ms'), 2)}"


def _large(cells: list[dict[str, Any]], name: str) -> str:
    return f"{_text(_median(cells, lambda c: c[name]['cpu_us']))}, {_text(_median(cells, lambda c: c[name]['rps']))}"


def _rest(cells: list[dict[str, Any]]) -> list[str]:
    return [
        _text(_median(cells, lambda c: c["burst"]["chunk_cpu_us"]), 2),
        _text(_median(cells, lambda c: c["paced"]["chunk_cpu_us"]), 1),
        _text(_median(cells, lambda c: c["idle_mib"])),
        _text(_median(cells, lambda c: c["after_mib"])),
        _text(_median(cells, lambda c: c["start_s"]), 2),
    ]


def _ratios(rounds: dict[str, Any], other: str) -> Iterator[str]:
    for clients in ("c1", "c32", "c128"):
        pairs = zip(rounds["backbay"], rounds[other], strict=False)
        ratio = statistics.median(a[clients]["cpu_us"] / b[clients]["cpu_us"] for a, b in pairs)
        yield f"{ratio:.3g} at {clients[1:]}"


def _soak(found: dict[str, Any]) -> Iterator[str]:
    yield "## G13: minutes of mixed load\n"
    yield (
        f"{found['clients']} clients for {found['seconds']:g} s: 60 % streams, 10 % of clients leave, 5 % of the vendor's "
        f"answers fail, and the configuration is reloaded {found['reloads']} times. {_made(found)}\n"
    )
    yield "| | goal | found |\n|---|---|---|"
    yield f"| requests | | {found['requests']:,} |"
    yield f"| answers that were wrong, but for the script's faults | 0 | {found['wrong']} |"
    yield f"| clients that left; the vendor's connections that ended then | equal | {found['left']}, {found['noticed']} |"
    yield f"| ms until it ended, p50 and p99 | 250 | {_text(found['close_p50_ms'], 1)}, {_text(found['close_p99_ms'], 1)} |"
    yield f"| requests open at the vendor afterwards | 0 | {found['open_after']} |"
    yield f"| tokens billed by the vendor, and in the ledger | equal | {found['billed']}, {found['ledger']} |"
    yield f"| MiB first, last | | {_text(found['mib_first'])}, {_text(found['mib_last'])} |"
    minutes = {round(int(at) / 60): mib for at, mib in found["mib"].items() if int(at) % 60 < 10}
    yield f"| MiB after each minute, from the start on | | {', '.join(_text(mib) for mib in minutes.values())} |"
    yield f"| MiB in 10 minutes, by the second half | 1, after 5 minutes | {_text(found['mib_slope'], 1)} |"
    yield f"| open files first, last | flat | {found['files_first']}, {found['files_last']} |"


def _attack(found: dict[str, Any]) -> Iterator[str]:
    rows = found["rows"]
    yield "## G14: what must be refused\n"
    yield (
        f"{sum(row['holds'] for row in rows)} of {len(rows)} raw requests are refused with the right status, "
        f"{found['reached']} of them reached the upstream, and a good request got {found['good']}. {_made(found)}"
    )
    clock = found["timing"]
    if clock is not None:
        yield (
            f"\nTime of a refusal, {clock['count']:,} of an id that there is and as many of ids that there are not, the "
            f"slowest tenth of each left out: t = {clock['t']:.2f} (goal: below 3), medians {clock['known_us']:.1f} µs and "
            f"{clock['unknown_us']:.1f} µs, the connection included."
        )
    yield "\n| request | right | got |\n|---|---|---|"
    for row in rows:
        name = "".join(each if each.isprintable() else f"\\x{ord(each):02x}" for each in row["attack"]).replace(
            "|", "\\|"
        )
        yield f"| {name} | {' or '.join(map(str, row['right']))} | {row['status']}{'' if row['holds'] else ' **wrong**'} |"


def _failover(found: dict[str, Any]) -> Iterator[str]:
    rows = found["rows"]
    yield "## G15: a vendor that fails\n"
    yield (
        f"{sum(row['holds'] for row in rows)} of {len(rows)} scenarios pass: our own replay of what public failover "
        f"benchmarks of gateways look at, with two retries and limits of 1.5 s. {_made(found)}\n"
    )
    yield "| scenario | right | status | asked first, second | seconds | |\n|---|---|---|---|---|---|"
    for row in rows:
        verdict = "pass" if row["holds"] else "**fail**"
        asked = f"{row['first']}, {row['second']}"
        yield f"| {row['scenario']} | {row['right']} | {row['status']} | {asked} | {row['seconds']} | {verdict} |"


def main() -> int:
    parser = argparse.ArgumentParser(description="Write docs/gateway-figures.md.")
    parser.add_argument("--check", action="store_true", help="write nothing; fail if the page is another one")
    parser.add_argument("--results", type=Path, help="folder of the JSON (default results, beside this file)")
    parser.add_argument("--out", type=Path, default=PAGE, help="the page (default docs/gateway-figures.md)")
    options = parser.parse_args()
    made = page(options.results)
    if options.check:
        return 0 if options.out.is_file() and options.out.read_text(encoding="utf-8") == made else 1
    options.out.write_text(made, encoding="utf-8")
    print(f"{options.out} is written.", file=sys.stderr)
    return 0
