"""G2: a stream that was cut is never reported as whole.

Each stream of the corpus's ``stream-golden.json`` is cut at every event's end and at every byte of its last event, and
of the event that says that the answer is whole. A cut counts as a truncation if what is left does not say so: there is
no ``[DONE]`` and no ``finish_reason`` of the first choice, which is the one that is read; no ``stop_reason`` and no
``message_stop``. What is lost after these is no part of the answer (fault 76 of the catalogue wants an answer then),
and an event that lacks nothing but line ends says what it says. The connection itself ends as it should.
"""

# ruff: noqa: BLE001 (whatever a client raises is what is looked at)

from __future__ import annotations

import asyncio
import base64
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..clients import Client, Settings
from ..clients.face import read
from ..dialects import Dialect
from ..figures import Effort, Figure, none_of, note
from ..places import corpus_file

_END = re.compile(rb"\r?\n\r?\n")


def golden(dialect: Dialect) -> Sequence[tuple[str, bytes]]:
    """Return the recorded streams of a dialect, by name."""
    cases: Sequence[Mapping[str, Any]] = json.loads(corpus_file("stream-golden.json").read_text("utf-8"))["cases"]
    return [(case["name"], base64.b64decode(case["bytes"])) for case in cases if case["protocol"] == dialect.name]


def events(data: bytes) -> Sequence[tuple[str, str]]:
    """Return the events in ``data``, name and data: the whole ones, and the last if only line ends are missing."""
    *blocks, rest = _END.split(data)
    found = [_event(block) for block in blocks]
    if rest and _is_whole(_event(rest)[1]):
        found.append(_event(rest))
    return [(name, said) for name, said in found if said]


def _event(block: bytes) -> tuple[str, str]:
    lines = [line.partition(":") for line in block.decode("utf-8", "replace").splitlines()]
    name = next((value.strip() for field, _, value in lines if field == "event"), "")
    return name, "\n".join(value.removeprefix(" ") for field, _, value in lines if field == "data")


def _is_whole(said: str) -> bool:
    try:
        return said == "[DONE]" or isinstance(json.loads(said), dict)
    except ValueError:
        return False


def cuts(data: bytes, dialect: Dialect) -> Iterator[tuple[int, bool]]:
    """Yield places to cut at, and whether a cut there is a truncation."""
    ends = sorted({0, len(data), *(match.end() for match in _END.finditer(data))})
    whole = next(end for end in ends if dialect.terminated(events(data[:end])))
    places = {end for end in ends if end < len(data)}
    for end in (whole, ends[-1]):
        places |= set(range(ends[ends.index(end) - 1] + 1, end))
    for place in sorted(places):
        yield place, not dialect.terminated(events(data[:place]))


def measure(client: Client, effort: Effort) -> list[Figure]:
    """Return the figures."""
    return asyncio.run(_measure(client, effort))


async def _measure(client: Client, effort: Effort) -> list[Figure]:
    truncations = complete = ends = spoilt = 0
    wrong: list[str] = []
    for dialect in client.dialects:
        for name, data in golden(dialect):
            places = list(cuts(data, dialect))
            for place, truncated in places[:: max(1, round(1 / effort.scale))]:
                done = await _ends_well(client, dialect, data[:place])
                if truncated:
                    truncations, complete = truncations + 1, complete + done
                    wrong += [f"{name} at {place}"] if done else []
                else:
                    ends, spoilt = ends + 1, spoilt + (not done)
    return [
        none_of("truncated streams that ended without an error", complete, truncations, cases=wrong[:20]),
        note("cut after the finish reason, and an error all the same", f"{spoilt} of {ends}"),
    ]


async def _ends_well(client: Client, dialect: Dialect, body: bytes) -> bool:
    caller = client.open("http://127.0.0.1:9/v1", dialect, Settings(retries=0, body=body))
    try:
        await read(caller, "hi")
    except Exception:
        return False
    finally:
        await caller.close()
    return True
