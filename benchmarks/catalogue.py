"""What a refresh of a large catalogue costs.

    python benchmarks/catalogue.py [--models N] [--shape plain|rich] [--database URL] [--json FILE]

A loopback server lists N models (100,000). A process of its own refreshes a new catalogue from it, then once more with
nothing changed, and once with a price changed everywhere and a tenth of the models gone; then it searches. It says how
long each took, and what the most memory was that it ever held, interpreter and libraries included (Linux only). On
SQLite a refresh is meant to take 20 s and 200 MiB at most; the exit code is 1 if one takes more.
"""

from __future__ import annotations

import argparse
import json
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path

MOST_SECONDS, MOST_MEMORY = 20.0, 200 * 2**20


def listing(count: int, *, price: str, every: int | None, shape: str) -> bytes:
    """Return the body of a model list, without one of ``every`` models."""
    kept = (number for number in range(count) if every is None or number % every)
    return json.dumps({"data": [(rich if shape == "rich" else plain)(number, price) for number in kept]}).encode()


def plain(number: int, price: str) -> dict[str, object]:
    """Return an entry as most vendors have it, with a window and a price in Perplexity's form."""
    return {
        "id": f"vendor-{number % 97}/model-{number}",
        "object": "model",
        "owned_by": f"vendor-{number % 97}",
        "context_length": 1024 * (1 + number % 256),
        "pricing": {"input": float(price) * 1e6, "output": 2.0, "unit": "usd_per_1m_tokens"},
    }


def rich(number: int, price: str) -> dict[str, object]:
    """Return an entry in OpenRouter's form, of which each says a dozen values."""
    return {
        "id": f"vendor-{number % 97}/model-{number}",
        "name": f"Vendor {number % 97}: Model {number}",
        "context_length": 1024 * (1 + number % 256),
        "pricing": {"prompt": price, "completion": "0.000002"},
        "supported_parameters": ["tools", "temperature", "max_tokens"],
    }


def serve_and_measure(arguments: argparse.Namespace) -> int:
    from backbay.testing import Reply, ScriptedServer

    bodies = {
        "/first/models": listing(arguments.models, price="0.000001", every=None, shape=arguments.shape),
        "/again/models": listing(arguments.models, price="0.000001", every=None, shape=arguments.shape),
        "/other/models": listing(arguments.models, price="0.000003", every=10, shape=arguments.shape),
    }
    for each, body in bodies.items():
        print(f"{each}: {len(body) / 2**20:.1f} MiB", file=sys.stderr)

    def answer(request):
        return Reply(headers={"content-type": "application/json"}, steps=[bodies[request.path]], framing="length")

    with ScriptedServer(answer) as server, tempfile.TemporaryDirectory() as folder:
        database = arguments.database or str(Path(folder) / "catalogue.db")
        command = [sys.executable, __file__, "--measure", server.url.removesuffix("/v1"), "--database", database]
        done = subprocess.run([*command, "--models", str(arguments.models)], capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    for name, seconds in found["seconds"].items():
        cpu = found["cpu"].get(name)
        print(f"{name:<10} {seconds:6.2f} s" + (f" ({cpu:.2f} s of CPU)" if cpu is not None else ""))
    most, before = found["memory"] / 2**20, found["before"] / 2**20
    print(f"memory     {most:6.1f} MiB at most ({before:.1f} before the first refresh)")
    if arguments.json:
        Path(arguments.json).write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    slowest = max(seconds for name, seconds in found["seconds"].items() if name != "search")
    return int(slowest > MOST_SECONDS or found["memory"] > MOST_MEMORY)


def measure(url: str, database: str, models: int) -> None:
    from backbay import Provider
    from backbay_catalogue import Catalogue, Query

    seconds, cpu, held = {}, {}, {}
    with Catalogue(database) as catalogue:
        catalogue.add(Provider(name="bench", backend_name="openai-compatible", base_url=f"{url}/first"))
        before = memory()
        for name in ("first", "again", "other"):
            provider = Provider(name="bench", backend_name="openai-compatible", base_url=f"{url}/{name}")
            catalogue.add(provider, replacing=True)
            start, worked = time.perf_counter(), time.process_time()
            done = catalogue.refresh("bench")
            seconds[name] = time.perf_counter() - start
            cpu[name] = time.process_time() - worked
            held[name] = memory()
            print(done, file=sys.stderr)
        start = time.perf_counter()
        found = catalogue.search(Query(text="model 77", min_context=100_000, capabilities=("tools",), order="context"))
        seconds["search"] = time.perf_counter() - start
        assert len(found) == 50
        assert catalogue.count("bench")[0] == models
    facts = {"models": models, "python": platform.python_version(), "machine": platform.machine()}
    print(json.dumps({**facts, "seconds": seconds, "cpu": cpu, "held": held, "before": before, "memory": memory()}))


def memory() -> int:
    """Return the most memory that this process ever held, in bytes (Linux; getrusage would count what started us)."""
    [line] = [line for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines() if "VmHWM" in line]
    return int(line.split()[1]) * 1024


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--models", type=int, default=100_000)
    parser.add_argument("--shape", choices=("plain", "rich"), default="plain")
    parser.add_argument("--database", help="a file, or the URL of an empty database; by default a new SQLite file")
    parser.add_argument("--json", help="write the figures into this file")
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure is not None:
        measure(arguments.measure, arguments.database, arguments.models)
        return 0
    return serve_and_measure(arguments)


if __name__ == "__main__":
    sys.exit(main())
