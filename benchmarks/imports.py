"""What a start costs: ``python benchmarks/imports.py [--runs N] [--json FILE]``.

Every command below runs in a fresh interpreter, all of them in turn, N times. CPU is what the system counts for the
process (user and kernel): the median of the runs, and what it is over a program that does nothing. Bytecode is there:
a first run of each, which is not counted, writes it. Memory is the resident set at the end.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
from pathlib import Path

import report
from stub import running

HERE = Path(__file__).resolve().parent

_CALL = """
import asyncio, clients
async def main():
    client = clients.{made}({url!r})
    await client.call("fast")
    await client.aclose()
asyncio.run(main())
"""

COMMANDS = {
    "nothing": "pass",
    "import backbay": "import backbay",
    "backbay.names()": "import backbay; assert 'openai' in backbay.names()",
    'backbay.resolve("openai")': "import backbay; backbay.resolve('openai')",
    'backbay.connect("openai:fast")': "import backbay; backbay.connect('openai:fast', api_key='sk-stub')",
    "import httpx2": "import httpx2",
    "import openai": "import openai",
    "first call: raw httpx2": _CALL.replace("{made}", "Httpx2"),
    "first call: raw aiohttp": _CALL.replace("{made}", "Aiohttp"),
    "first call: backbay": _CALL.replace("{made}", "Backbay"),
    "first call: openai SDK": _CALL.replace("{made}", "OpenAI"),
}
"""Programs, by the name of the row. ``{url}`` is the stub's."""

_MISSING = "ModuleNotFoundError"
_MEMORY = "\nprint([line.split()[1] for line in open('/proc/self/status') if line.startswith('VmRSS')][0])"


def main() -> int:
    options = _options()
    found: dict[str, list[tuple[float, float]]] = {}
    with running() as base_url:
        programs = {name: text.replace("{url!r}", repr(base_url)) + _MEMORY for name, text in COMMANDS.items()}
        for name, program in list(programs.items()):
            if _run(program) is None:
                print(f"{name} is left out: it needs a library that is not installed", file=sys.stderr)
                del programs[name]
        for _ in range(options.runs):
            for name in random.sample(list(programs), len(programs)):
                figures = _run(programs[name])
                assert figures is not None, name
                found.setdefault(name, []).append(figures)
    if options.json:
        options.json.write_text(json.dumps({"versions": report.versions(), "runs": found}), encoding="utf-8")
    print(f"{report.versions()}; {options.runs} runs, medians.\n\n{_table(found)}")
    return 0


def _run(program: str) -> tuple[float, float] | None:
    """Return milliseconds of CPU and MiB of memory of one run; ``None`` if it needs what is not installed.

    Raises:
        SystemExit: It failed for another reason.
    """
    settings = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    settings["PYTHONPATH"] = os.pathsep.join(filter(None, [str(HERE), settings.get("PYTHONPATH")]))
    command = [sys.executable, "-c", program]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=settings, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        said, problem = process.stdout.read(), process.stderr.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode and _MISSING in problem:
        return None
    if process.returncode:
        raise SystemExit(f"{program}\nfailed:\n{problem}")
    return 1000 * (usage.ru_utime + usage.ru_stime), int(said) / 1024


def _table(found: dict[str, list[tuple[float, float]]]) -> str:
    bare = statistics.median(cpu for cpu, _ in found["nothing"])
    lines = [
        "| program | CPU, ms | over nothing, ms | spread (quartiles), ms | RSS, MiB |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    for name in COMMANDS:
        if name in found:
            times, sizes = [cpu for cpu, _ in found[name]], [size for _, size in found[name]]
            low, middle, high = statistics.quantiles(times, n=4) if len(times) > 1 else times * 3
            lines.append(
                f"| `{name}` | {middle:.1f} | {middle - bare:.1f} | {low:.1f} to {high:.1f} "
                f"| {statistics.median(sizes):.1f} |"
            )
    return "\n".join(lines)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="CPU and memory of a start.")
    parser.add_argument("--runs", type=int, default=25, help="how often each program runs (default 25)")
    parser.add_argument("--json", type=Path, help="write every run's figures to this file too")
    options = parser.parse_args()
    if options.runs < 1:
        parser.error("give a number above 0")
    return options


if __name__ == "__main__":
    sys.exit(main())
