"""What backbay-telemetry costs a call where nobody listens, and where somebody does.

    python benchmarks/telemetry.py [--rounds N] [--seconds S] [--vendor stub|python] [--json FILE]

One process makes calls and streams to the loopback stub, in short blocks: without the plugin, with it and nothing of
OpenTelemetry imported, with it and the API imported but no provider set, and with it and the SDK, whose spans and
metrics are kept in memory. The blocks of one round lie beside one another, in an order shuffled anew, so that what else
the machine does falls on all alike. It says the CPU of a call in each, and the median, over the rounds, of the ratio to
the block without it; beside it what the hook itself takes, timed alone, as a share of a call, which is far less noisy
than a difference of two blocks. Where nobody listens the hook is meant to take 1 % of a call at most; the exit code is
1 if it takes more.

``--vendor python`` asks a server in this process instead of the stub, where there is no C compiler.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import json
import random
import statistics
import sys
import time
from pathlib import Path

import stub

import backbay
from backbay import hooks
from backbay.limits import Limits
from backbay.request import build_request

MOST = 0.01
STATES = ("without", "installed", "api", "sdk")
TIMED = 20_000
CHUNKS = 200


class States:
    """Puts the process into one of the four states. The SDK is given to the plugin, since a process's own stays."""

    def __init__(self) -> None:
        import backbay_telemetry.plugin

        hooks.load()
        self._plugin = backbay_telemetry.plugin
        self._hidden: dict[str, object] = {}
        with contextlib.suppress(Exception):
            hooks.remove(self._plugin)

    def enter(self, state: str) -> None:
        from opentelemetry import metrics, trace

        import backbay_telemetry

        for name, module in (("opentelemetry.trace", trace), ("opentelemetry.metrics", metrics)):
            sys.modules[name] = module
            if state == "installed":
                del sys.modules[name]
        if state == "sdk":
            tracers, meters = self._sdk()
            backbay_telemetry.configure(tracer_provider=tracers, meter_provider=meters, cost=False)
        if state != "without":
            hooks.add(self._plugin)

    def leave(self, state: str) -> None:
        import backbay_telemetry

        backbay_telemetry.configure()
        if state != "without":
            hooks.remove(self._plugin)
        if state == "sdk":
            self._exporter.clear()

    def _sdk(self):
        from opentelemetry.sdk.metrics import MeterProvider
        from opentelemetry.sdk.metrics.export import InMemoryMetricReader
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import SimpleSpanProcessor
        from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

        self._exporter, tracers = InMemorySpanExporter(), TracerProvider()
        tracers.add_span_processor(SimpleSpanProcessor(self._exporter))
        return tracers, MeterProvider([InMemoryMetricReader()])


def hook_seconds(backend) -> float:
    """Return what core does for the hooks of one call, as it is now: the least of five runs, in CPU seconds."""
    request = build_request("Hello.", {}, limits=Limits(), model=backend.model)

    def once() -> None:
        hooks.before_request(backend, request)
        if hooks.anybody():
            hooks.listener(backend, request)

    best = float("inf")
    for _ in range(5):
        start = time.process_time()
        for _ in range(TIMED // 5):
            once()
        best = min(best, (time.process_time() - start) / (TIMED // 5))
    return best


async def calls(backend, count: int) -> float:
    gc.collect()
    start = time.process_time()
    for _ in range(count):
        await backend.complete("Hello.")
    return (time.process_time() - start) / count


async def streams(backend, count: int) -> float:
    """Return the CPU of a chunk."""
    gc.collect()
    start = time.process_time()
    for _ in range(count):
        async for _ in backend.stream("Hello.", model=f"stream-{CHUNKS}"):
            continue
    return (time.process_time() - start) / count / CHUNKS


async def measure(url: str, arguments: argparse.Namespace) -> dict[str, object]:
    states, found = States(), {state: {"call": [], "chunk": []} for state in STATES}
    hook = {}
    async with backbay.connect("openai:fast", base_url=url, api_key="sk-benchmark-0123456789") as backend:
        each = await calls(backend, 50)
        count = max(10, int(arguments.seconds / each))
        chunk = await streams(backend, 2)
        repeats = max(1, int(arguments.seconds / chunk / CHUNKS))
        for state in STATES[:3]:
            states.enter(state)
            hook[state] = hook_seconds(backend)
            states.leave(state)
        for _ in range(arguments.rounds):
            for state in random.sample(STATES, len(STATES)):
                states.enter(state)
                found[state]["call"].append(await calls(backend, count))
                found[state]["chunk"].append(await streams(backend, repeats))
                states.leave(state)
    return {"rounds": arguments.rounds, "calls": count, "streams": repeats, "cpu": found, "hook": hook}


def report(found) -> bool:
    """Print the figures; return whether the hook takes as little as it is meant to."""
    cpu, hook = found["cpu"], found["hook"]
    call = statistics.median(cpu["without"]["call"])
    print(f"{found['rounds']} rounds of {found['calls']} calls and {found['streams']} streams of {CHUNKS} chunks")
    print("| state | call, CPU µs | ratio | chunk, CPU µs | ratio | hook alone, µs | share of a call |")
    print("|---|---:|---:|---:|---:|---:|---:|")
    shares = []
    for state in STATES:
        cells = [state]
        for kind in ("call", "chunk"):
            ratios = [a / b for a, b in zip(cpu[state][kind], cpu["without"][kind], strict=True)]
            cells += [f"{statistics.median(cpu[state][kind]) * 1e6:.1f}", f"{statistics.median(ratios):.3f}"]
        if state in hook:
            more = hook[state] - hook["without"]
            shares.append(more / call)
            cells += [f"{hook[state] * 1e6:.2f}", f"{more / call:.2%}"]
        print("| " + " | ".join([*cells, "", ""][:7]) + " |")
    return max(shares) <= MOST


@contextlib.contextmanager
def vendor(kind: str):
    if kind == "stub":
        with stub.running() as url:
            yield url
        return
    from backbay.testing import Reply, ScriptedServer

    choice = {"message": {"role": "assistant", "content": stub.ANSWER}, "finish_reason": "stop", "index": 0}
    end = {"id": "c", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
    chunks = [{"id": "c", "choices": [{"index": 0, "delta": {"content": text}}]} for text in stub.pieces(CHUNKS)]

    def answer(asked):
        if asked.json["stream"]:
            return Reply.events(*chunks, end)
        return Reply.json({"id": "c", "model": "fast", "choices": [choice]})

    with ScriptedServer(answer) as server:
        yield server.url


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--seconds", type=float, default=0.03, help="CPU seconds of one block of calls, and of streams")
    parser.add_argument("--vendor", choices=("stub", "python"), default="stub")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    with vendor(arguments.vendor) as url:
        found = asyncio.run(measure(url, arguments))
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=1), encoding="utf-8")
    good = report(found)
    print(f"Where nobody listens: {'at most' if good else 'MORE than'} {MOST:.0%} of a call.")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
