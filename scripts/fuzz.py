"""Try very many inputs on a surface: ``python scripts/fuzz.py SURFACE --inputs N``; without a surface, lists them.

It prints, for each surface, how many inputs a second, and every distinct finding with the smallest input that shows it;
the exit code is 1 if there was one. ``all`` stands for every surface, ``mistral.*`` for those of one name. Inputs are
made by ``backbay_conformance.fuzzing``, from what the emulators of the wires say and, where the corpus is there, from
recorded answers that the codec reads. ``--engine atheris`` lets libFuzzer choose among them by what they reach in the
code, where the package ``atheris`` is installed.
"""

from __future__ import annotations

import argparse
import base64
import fnmatch
import json
import os
import random
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from types import FunctionType

from backbay.errors import BackbayError
from backbay.events import Text, ToolDelta
from backbay.http.codec import Codec
from backbay_conformance.fuzzing.running import Finding, Run, run
from backbay_conformance.fuzzing.shipped import core_surfaces, shippers, surfaces_of
from backbay_conformance.fuzzing.surface import Surface
from backbay_conformance.fuzzing.surfaces import own_surfaces
from workspace import ROOT

PAGE = ROOT / "docs" / "fuzzing.md"
_BEGIN, _END = "<!-- figures -->\n", "<!-- end of figures -->"
RECORDED_BYTES = 6000
"""Bytes of a recorded answer that is taken as a seed at most."""
RECORDED_SEEDS = 40
"""Recorded answers of one kind and wire at most."""


def recorded(codec: Codec) -> tuple[list[bytes], list[bytes]]:
    """Return recorded streams and whole answers that a codec reads, so that no table says which belong to it."""
    streams: list[bytes] = []
    bodies: list[bytes] = []
    for streamed, body in _corpus():
        if len(streams if streamed else bodies) >= RECORDED_SEEDS:
            continue
        try:
            if streamed:
                decoder = codec.decoder()
                events = [*decoder.feed(body), *decoder.finish()]
                good = decoder.failure is None
            else:
                events, good = list(codec.decode(body).events), True
        except BackbayError:
            continue
        if good and any(isinstance(event, Text | ToolDelta) for event in events):
            (streams if streamed else bodies).append(body)
    return streams, bodies


def _corpus() -> Iterator[tuple[bool, bytes]]:
    """Yield recorded answers: whether each was streamed, and its bytes."""
    folder = Path(os.environ.get("BACKBAY_CORPUS", ROOT.parent / "shared"))
    for path in sorted((folder / "wire" / "exchanges").rglob("*.json")):
        response = json.loads(path.read_text(encoding="utf-8"))["response"]
        text = response.get("sse", response.get("body"))
        body = base64.b64decode(response["body_b64"]) if text is None else text.encode()
        if response.get("status", 200) == 200 and len(body) <= RECORDED_BYTES:
            yield "sse" in response or text is None or "\n{" in text, body


def surfaces(wanted: str = "*") -> list[Surface]:
    """Return the surfaces whose names match, with recorded seeds."""
    found = own_surfaces() + core_surfaces(recorded)
    for name in shippers():
        found += surfaces_of(name, recorded)
    return [surface for surface in found if fnmatch.fnmatchcase(surface.name, wanted)]


def work(name: str, inputs: int, seed: int) -> Run:
    """Run one surface by name, as a process of its own can."""
    return run(next(iter(surfaces(name))), inputs, seed=seed)


def tell(done: Run) -> None:
    """Print what came of a surface."""
    rate = f"{done.rate:,.0f} inputs/s ({done.inputs / done.cpu:,.0f} a second of processor time)"
    print(f"{done.surface:32} {done.inputs:>10,} inputs  {rate}  findings: {len(done.findings)}", flush=True)
    for finding in done.findings.values():
        _tell_finding(finding)


def _tell_finding(finding: Finding) -> None:
    print(f"    {finding.where}, {finding.times} times\n        {finding.words}\n        input: {finding.data!r}")


def write_page(runs: Sequence[Run], seed: int) -> None:
    """Write figures into the table of docs/fuzzing.md; rows of surfaces that were not run stay as they are."""
    text = PAGE.read_text(encoding="utf-8")
    before, _, rest = text.partition(_BEGIN)
    table, _, after = rest.partition(_END)
    rows = {line.split("|")[1].strip(): line for line in table.splitlines() if line.startswith("| ")}
    for r in runs:
        rows[r.surface] = f"| {r.surface} | {r.inputs:,} | {seed} | {r.inputs / r.cpu:,.0f} | {len(r.findings)} |"
    known = [surface.name for surface in surfaces()]
    head = ["| surface | inputs | seed | inputs/s of processor time | findings |", "|---|--:|--:|--:|--:|"]
    body = "\n".join([*head, *(rows[name] for name in known if name in rows)])
    PAGE.write_text(f"{before}{_BEGIN}\n{body}\n\n{_END}{after}", encoding="utf-8")


def _functions() -> Iterator[FunctionType]:
    """Yield the functions and methods of Backbay's modules, and of no others, whose instrumentation takes minutes."""
    for name, module in list(sys.modules.items()):
        if name.split(".")[0].startswith("backbay") and not name.startswith("backbay_conformance"):
            for item in list(vars(module).values()):
                inner = vars(item).values() if isinstance(item, type) and item.__module__ == name else (item,)
                yield from (each for each in inner if isinstance(each, FunctionType) and each.__module__ == name)


def atheris_run(surface: Surface, inputs: int, seed: int) -> None:
    """Let libFuzzer look for inputs that reach new code; ends the process, with the input in a file if one fails."""
    import atheris  # type: ignore[import-not-found,import-untyped,unused-ignore]

    def mutate(data: bytes, longest: int, chance: int) -> bytes:
        rng = random.Random(chance)
        return (surface.mutate(rng, data) if data and rng.randrange(4) else surface.make(rng))[:longest]

    corpus = ROOT / ".fuzz" / surface.name
    corpus.mkdir(parents=True, exist_ok=True)
    for number, data in enumerate(surface.seeds):
        (corpus / f"seed-{number}").write_bytes(data)
    arguments = [sys.argv[0], f"-runs={inputs}", f"-seed={seed + 1}", "-max_len=65536", f"-artifact_prefix={corpus}-"]
    for function in _functions():
        atheris.instrument_func(function)
    atheris.Setup([*arguments, str(corpus)], surface.check, custom_mutator=mutate)
    atheris.Fuzz()


def main() -> int:
    """Do what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("surface", nargs="?", help="a name, a pattern such as 'mistral.*', or 'all'")
    parser.add_argument("--inputs", type=int, default=100_000, help="inputs for each surface (default 100000)")
    parser.add_argument("--seed", type=int, default=0, help="the same number gives the same inputs (default 0)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="surfaces at a time")
    parser.add_argument("--engine", choices=("own", "atheris"), default="own")
    parser.add_argument("--page", action="store_true", help="write the figures into docs/fuzzing.md")
    asked = parser.parse_args()
    found = surfaces("*" if asked.surface in (None, "all") else asked.surface)
    if asked.surface is None or not found:
        print("\n".join(surface.name for surface in found) or f"There is no surface {asked.surface!r}.")
        return 0 if found else 2
    if asked.engine == "atheris":
        atheris_run(found[0], asked.inputs, asked.seed)
    runs = []
    with ProcessPoolExecutor(asked.jobs) as pool:
        for done in [pool.submit(work, surface.name, asked.inputs, asked.seed) for surface in found]:
            runs.append(done.result())
            tell(runs[-1])
            if asked.page:
                write_page(runs[-1:], asked.seed)
    return 1 if any(done.findings for done in runs) else 0


if __name__ == "__main__":
    sys.exit(main())
