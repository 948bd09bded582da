"""G8: no key in anything that people, logs and collectors see of a failure.

Of Backbay ``scripts/canaries.py``: 10,000 errors in every rendering, and 100,000 log records, with everything that a
vendor may do to a key. Of every client the fault matrix of G1, with keys of four shapes (the SDKs: of one), and a key
that ends in a line end, as a file has that was read whole: the same renderings of every exception.
"""

# ruff: noqa: BLE001 (whatever a client raises is what is looked at)

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence

from fault_rig.asking import renderings as variable_by_variable

from backbay_conformance.laws.canaries import CANARIES, Canary, renderings

from ..clients import Client, NotAnAnswer, Settings
from ..figures import Effort, Figure, none_of
from ..places import ROOT
from .g01_errors import LIMITS, outcomes_of

ERRORS, RECORDS = 10_000, 100_000
ENDED = Canary("ends its line", "sk-proj-" + "Zb3Lw9Kf2Rt5Vn8Yc1Hd4Js6" + "\n")
KEYS: Sequence[Canary] = tuple(canary for canary in CANARIES if canary.shape != "escapable")


def measure(client: Client, effort: Effort) -> list[Figure]:
    """Return the figures."""
    found = [_matrix(client, effort), _malformed(client)]
    return [*found, *_canaries(effort)] if client.name == "backbay" else found


def _matrix(client: Client, effort: Effort) -> Figure:
    errors, hits = 0, Counter[str]()
    for canary in KEYS if client.name == "backbay" else KEYS[:1]:
        settings = Settings(seconds=LIMITS.seconds, wait=LIMITS.wait, retries=0, key=canary.reveal())
        for case, error in outcomes_of(client, effort, settings):
            if error is not None and not isinstance(error, NotAnAnswer):
                errors += 1
                hits.update(_seen(canary, error, case.name))
        del settings
    name = "exceptions of the fault matrix with the key in a rendering"
    return none_of(name, sum(hits.values()), errors, where=dict(hits.most_common(10)))


def _seen(canary: Canary, error: BaseException, name: str) -> Sequence[str]:
    shown = _forms(canary, error)
    return [f"{', '.join(shown)}: {type(error).__name__} of {name.split(maxsplit=1)[0]}"] if shown else []


def _forms(canary: Canary, error: BaseException) -> list[str]:
    """Return the renderings of an error that have the key."""
    try:
        found = renderings(error)
    except Exception:  # The repr of a local variable may fail; these leave such a one out.
        found = dict(variable_by_variable(error))
    return [form for form, text in found.items() if canary.seen_in(text)]


def _malformed(client: Client) -> Figure:
    """Return what an exception shows of a key that ends in a line end."""
    shown: list[list[str]] = []
    for dialect in client.dialects:
        try:
            _ask_with(client, dialect)
        except Exception as error:
            bare = Canary("without its end", ENDED.reveal().strip())
            shown.append(_forms(bare, error))
    name = "exceptions that show a key which ends in a line end"
    return none_of(name, sum(map(bool, shown)), len(shown), where=shown)


def _ask_with(client: Client, dialect: object) -> None:
    caller = client.open("http://127.0.0.1:9/v1", dialect, Settings(retries=0, key=ENDED.reveal()))  # type: ignore[arg-type]
    asyncio.run(caller.complete("hi"))


def _canaries(effort: Effort) -> list[Figure]:
    """Run scripts/canaries.py; return what it counted."""
    command = [sys.executable, str(ROOT / "scripts" / "canaries.py")]
    command += ["--errors", str(effort.count(ERRORS, 50)), "--records", str(effort.count(RECORDS, 500))]
    said = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT).stdout
    counted = r"^([\d,]+) errors in (\d+) renderings, ([\d,]+) log records"
    errors, forms, records = re.findall(counted, said, re.MULTILINE)[0]
    in_errors, in_records = re.findall(r"errors with a key: (\d+); log records with a key: (\d+)", said)[0]
    where = [line.strip() for line in said.splitlines() if " times: " in line]
    return [
        none_of(
            "renderings with a key, 10,000 errors",
            int(in_errors),
            int(forms) * int(errors.replace(",", "")),
            where=where,
        ),
        none_of("log records with a key, at DEBUG, of every logger", int(in_records), int(records.replace(",", ""))),
    ]
