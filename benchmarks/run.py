"""Compare this library with raw HTTP clients and the openai SDK, interleaved, on a loopback server.

``python benchmarks/run.py [--rounds N] [--clients a,b] [--seconds S] [--peers FOLDER] [--json FILE]``. Each round
measures every client once, each in a process of its own, in an order that is shuffled anew: what disturbs the machine
disturbs all of them. ``--peers`` names the folder of environments that ``peer_environments.py`` made; see ``peers.py``.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
from pathlib import Path

import report
from clients import NAMES
from measure import EXIT_MISSING
from peers import PEERS
from stub import running

BIN = "Scripts" if sys.platform == "win32" else "bin"
MEASURE = Path(__file__).with_name("measure.py")


def main() -> int:
    options = _options()
    rounds: dict[str, list[dict[str, float]]] = {name: [] for name in options.clients}
    missing: set[str] = set()
    with running() as base_url:
        for number in range(options.rounds):
            turn = [name for name in options.clients if name not in missing]
            random.shuffle(turn)
            for name in turn:
                found = _measure(name, base_url, options)
                if found is None:
                    missing.add(name)
                else:
                    rounds[name].append(found)
            print(f"round {number + 1} of {options.rounds} done", file=sys.stderr, flush=True)
    found_rounds = {name: found for name, found in rounds.items() if found}
    if options.json:
        written = {"versions": report.versions(), "machine": report.machine(), "rounds": found_rounds}
        options.json.write_text(json.dumps(written, indent=1), encoding="utf-8")
    print(f"{report.versions()}; {options.rounds} rounds, medians.\n\n{report.tables(found_rounds)}")
    return 0


def _measure(name: str, base_url: str, options: argparse.Namespace) -> dict[str, float] | None:
    """Return one client's figures; ``None`` if it is not installed.

    Raises:
        SystemExit: The client gave a wrong answer, or failed.
    """
    python = options.peers / name / BIN / "python" if name in PEERS else sys.executable
    command = [str(python), str(MEASURE), name, base_url, str(options.seconds)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    if done.returncode == EXIT_MISSING:
        print(f"{name} is left out: {done.stderr.strip()}", file=sys.stderr)
        return None
    if done.returncode:
        raise SystemExit(f"{name} failed:\n{done.stderr}")
    found: dict[str, float] = json.loads(done.stdout)
    return found


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Compare Backbay with raw HTTP clients and the openai SDK.")
    parser.add_argument("--rounds", type=int, default=5, help="how often each client is measured (default 5)")
    parser.add_argument("--clients", default=",".join(NAMES), help=f"of {', '.join(NAMES)}; default all")
    parser.add_argument("--seconds", type=float, default=0.35, help="of work for each figure (default 0.35)")
    parser.add_argument(
        "--peers", type=Path, help="the folder of environments of peers.py's libraries; without it none is measured"
    )
    parser.add_argument("--json", type=Path, help="write every round's figures to this file too")
    options = parser.parse_args()
    options.clients = options.clients.split(",") + (list(PEERS) if options.peers else [])
    unknown = [name for name in options.clients if name not in (*NAMES, *PEERS)]
    if unknown or options.rounds < 1 or options.seconds <= 0:
        parser.error(f"no client {unknown[0]!r}; there are {', '.join(NAMES)}" if unknown else "give numbers above 0")
    return options


if __name__ == "__main__":
    sys.exit(main())
