"""G1: nothing comes out of a call but an answer or an error of the client's own tree.

Every case of the corpus's ``http-faults.json``, in both faces, without retries. An exception counts as outside unless
it is of the class that the client says all of its own are of.
"""

# ruff: noqa: BLE001 (whatever a client raises is what is looked at)

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from fault_rig import matrix

from ..clients import Client, NotAnAnswer, Settings
from ..clients.face import read, read_sync
from ..dialects import Dialect
from ..figures import Effort, Figure, none_of, note
from ..places import ROOT, corpus_file
from ..servers import Door, Rig

BOUND = 20.0
"""Seconds after which a call that has not ended is stuck."""
AT_ONCE = 16
LIMITS = Settings(seconds=3.0, wait=1.0, retries=0)


@dataclass(frozen=True, slots=True)
class Case:
    """A fault, in a dialect and a face."""

    found: Mapping[str, Any]
    dialect: Dialect
    face: str

    @property
    def name(self) -> str:
        return f"{self.found['name']} {self.dialect.short} {self.face}"

    @property
    def streams(self) -> bool:
        return bool(self.found["mode"] == "stream")


def cases(client: Client, face: str, effort: Effort) -> Sequence[Case]:
    """Return every case that the client can have."""
    found = [
        Case(case, dialect, face)
        for dialect in client.dialects
        for case in matrix.cases(corpus_file("http-faults.json"))
        if case["protocol"] in (dialect.name, "any")
    ]
    return found[:: max(1, round(1 / effort.scale))]


def measure(client: Client, effort: Effort, settings: Settings = LIMITS) -> list[Figure]:
    """Return the figures."""
    outcomes = outcomes_of(client, effort, settings)
    outside = {
        case.name: type(error).__name__
        for case, error in outcomes
        if error is not None and not isinstance(error, client.error | NotAnAnswer)
    }
    invented = [case.name for case, error in outcomes if _is_answer(error) and _wants_error(case)]
    classes = Counter(outside.values())
    found = [
        none_of(
            "exceptions outside the client's own, in the fault matrix, async and sync",
            len(outside),
            len(outcomes),
            classes=dict(classes),
            cases=outside,
        ),
        note("faults of the matrix that came out as an answer", f"{len(invented)} of {len(outcomes)}", cases=invented),
    ]
    return [*found, _fuzz()] if client.name == "backbay" else found


def _is_answer(error: BaseException | None) -> bool:
    return error is None or isinstance(error, NotAnAnswer)


def _wants_error(case: Case) -> bool:
    # Some of the file's cases allow an answer as well.
    return bool(case.found["expected"]["outcome"] == "error")


def outcomes_of(client: Client, effort: Effort, settings: Settings) -> Sequence[tuple[Case, BaseException | None]]:
    """Return what came of each case: ``None`` for an answer."""
    with Rig() as rig:
        blocking = cases(client, "sync", effort)
        with ThreadPoolExecutor(AT_ONCE) as threads:
            found = list(threads.map(lambda case: _blocking(client, rig, case, settings), blocking))
        awaited = cases(client, "async", effort)
        found += asyncio.run(_all(client, rig, awaited, settings))
    return list(zip([*blocking, *awaited], found, strict=True))


async def _all(client: Client, rig: Rig, listed: Sequence[Case], settings: Settings) -> list[BaseException | None]:
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(case: Case) -> BaseException | None:
        async with gate:
            return await _awaited(client, rig, case, settings)

    return list(await asyncio.gather(*map(one, listed)))


async def _awaited(client: Client, rig: Rig, case: Case, settings: Settings) -> BaseException | None:
    with rig.opened(Door(answers=[matrix.answer(case.found)])) as door:
        caller = client.open(door.url, case.dialect, settings)
        try:
            async with asyncio.timeout(BOUND):
                await (read(caller, "hi") if case.streams else caller.complete("hi"))
        except Exception as error:
            return error
        finally:
            await caller.close()
    return None


def _blocking(client: Client, rig: Rig, case: Case, settings: Settings) -> BaseException | None:
    with rig.opened(Door(answers=[matrix.answer(case.found)])) as door:
        caller = client.open_sync(door.url, case.dialect, settings)
        try:
            if case.streams:
                read_sync(caller, "hi")
            else:
                caller.complete("hi")
        except Exception as error:
            return error
        finally:
            caller.close()
    return None


def _fuzz() -> Figure:
    """Return what the newest run of scripts/fuzz.py wrote into docs/fuzzing.md."""
    text = (ROOT / "docs" / "fuzzing.md").read_text(encoding="utf-8")
    name, wanted = "findings of fuzzing, 1,000,000 inputs a surface", "0"
    _, _, table = text.partition("<!-- figures -->")
    rows = re.findall(r"^\| (\S+) \| ([\d,]+) \| \d+ \| [\d,]+ \| (\d+) \|$", table, re.MULTILINE)
    if not rows:
        return Figure(name, wanted, "not measured: run `tox run -e fuzz -- all --inputs 1000000 --page`")
    least = min(int(inputs.replace(",", "")) for _, inputs, _ in rows)
    total = sum(int(inputs.replace(",", "")) for _, inputs, _ in rows)
    findings = sum(int(count) for _, _, count in rows)
    whole = sum(int(inputs.replace(",", "")) >= 1_000_000 for _, inputs, _ in rows)
    reached = f"{findings} in {total:,} inputs: 1,000,000 on {whole} of {len(rows)} surfaces, {least:,} or more on each"
    return Figure(name, wanted, reached, findings == 0 and least >= 1_000_000)
