"""G11: what is tried again, how often, and when.

The attempts that the server counts for each of 28 statuses, with one retry allowed; what a thousand calls come to in an
outage that begins after a hundred good ones; pauses that callers do not take together; ``Retry-After`` in every form of
the corpus's ``retry-after.json``, and by the clock; nothing after the first event, nothing after a cancellation.
"""

# ruff: noqa: BLE001 (whatever a client raises is what is looked at)

from __future__ import annotations

import asyncio
import json
import math
import time
from collections.abc import Mapping, Sequence
from email.utils import formatdate
from typing import Any

from fault_rig import matrix, words

from ..clients import Client, Settings
from ..clients.face import read
from ..dialects import begun, whole
from ..figures import Effort, Figure, all_of, at_most, none_of, note
from ..places import corpus_file
from ..servers import Door, Rig, answering

WARM_UP, OUTAGE, AT_ONCE = 100, 1_000, 100
TRIES = 50


def measure(client: Client, effort: Effort) -> list[Figure]:
    """Return the figures."""
    with Rig() as rig:
        found = [
            *asyncio.run(_statuses(client, rig)),
            asyncio.run(_outage(client, rig, effort)),
            *asyncio.run(_by_the_clock(client, rig)),
            *asyncio.run(_never(client, rig, effort.count(TRIES, 5))),
        ]
    return [*found, *_policy()] if client.name == "backbay" else found


async def _statuses(client: Client, rig: Rig) -> list[Figure]:
    cases = [case for case in matrix.cases(corpus_file("http-faults.json")) if case["name"].startswith("status/")]

    async def one(case: Mapping[str, Any]) -> str | None:
        with rig.opened(Door(answers=[matrix.answer(case)])) as door:
            caller = client.open(door.url, client.dialects[0], Settings(retries=1))
            try:
                await caller.complete("hi")
            except Exception:
                wanted = 2 if case["expected"]["retryable_before_output"] else 1
                made = door.attempts
                return None if made == wanted else f"{case['name']}: {made} for {wanted}"
            finally:
                await caller.close()
            return f"{case['name']}: an answer"

    odd = [each for each in await asyncio.gather(*map(one, cases)) if each]
    return [all_of("statuses with the attempts that they should have", len(cases) - len(odd), len(cases), odd=odd)]


async def _outage(client: Client, rig: Rig, effort: Effort) -> Figure:
    dialect, count = client.dialects[0], effort.count(OUTAGE, 100)
    busy = words.sized(words.failed(), status="503 Busy")
    with rig.opened(answering(*[[whole(dialect)]] * WARM_UP, [busy])) as door:
        caller = client.open(door.url, dialect)
        for _ in range(WARM_UP):
            await caller.complete("hi")
        turns = iter(range(count))

        async def ask() -> None:
            for _ in turns:
                try:
                    await caller.complete("hi")
                except client.error:
                    continue

        began = time.monotonic()
        await asyncio.gather(*(ask() for _ in range(AT_ONCE)))
        taken = time.monotonic() - began
        await caller.close()
        made = (door.attempts - WARM_UP) / count
    return at_most(
        "requests a call in an outage of 1,000 calls", 1.1, round(made, 3), calls=count, seconds=round(taken, 1)
    )


async def _by_the_clock(client: Client, rig: Rig) -> list[Figure]:
    """Return how long the client waited where it was asked to, for 1 s, 1.4 s, and until a date 2 s ahead."""
    dialect = client.dialects[0]
    right, told = 0, {}
    for name, wanted, lines in (
        ("retry-after: 1", 1.0, ["retry-after: 1"]),
        ("retry-after-ms: 1400", 1.4, ["retry-after-ms: 1400"]),
        ("a date", 2.0, None),
    ):
        asked = lines or [f"date: {_date(0)}", f"retry-after: {_date(2)}"]  # now, and not before the others were tried
        busy = words.sized(words.failed(), *asked, status="429 Too Many Requests")
        with rig.opened(answering([busy], [whole(dialect)])) as door:
            caller = client.open(door.url, dialect)
            await caller.complete("hi")
            first, second = (each.at for each in door.seen("request"))
            await caller.close()
            # A date has whole seconds, and the part of the present one is gone: up to a second less may be asked for.
            least = wanted - 1.0 if name == "a date" else wanted
            right += least - 0.01 <= second - first <= wanted + max(0.2 * wanted, 1.0)
            told[name] = f"{second - first:.2f} s"
    return [
        all_of("Retry-After kept by the clock, neither early nor more than 1 s late", right, 3, waited=told),
        await _too_long(client, rig),
    ]


def _date(ahead: int) -> str:
    return formatdate(math.floor(time.time()) + ahead, usegmt=True)


async def _too_long(client: Client, rig: Rig) -> Figure:
    """Return how long a call with 2 s waits where it is asked to wait for half a minute."""
    busy = words.sized(words.failed(), "retry-after: 30", status="429 Too Many Requests")
    with rig.opened(answering([busy])) as door:
        caller = client.open(door.url, client.dialects[0], Settings(seconds=2.0))
        began = time.monotonic()
        try:
            async with asyncio.timeout(6.0):
                await caller.complete("hi")
        except Exception as error:
            end = type(error).__name__
        else:
            end = "an answer"
        taken = time.monotonic() - began
        await caller.close()
    waits = "6 s, and was cancelled" if taken > 5.9 else f"{taken:.2f} s"
    return Figure("a call of 2 s that is asked to wait 30 s", "at most 2.25 s", waits, taken <= 2.25, {"end": end})


async def _never(client: Client, rig: Rig, tries: int) -> list[Figure]:
    dialect = client.dialects[0]
    with rig.opened(answering([begun(dialect, "Hello"), "reset"])) as door:
        caller = client.open(door.url, dialect)
        for _ in range(tries):
            try:
                await read(caller, "hi")
            except Exception:
                continue
        await caller.close()
        after_event = door.attempts - tries
    with rig.opened(answering([words.sized(words.failed(), status="503 Busy")])) as door:
        caller = client.open(door.url, dialect)
        tasks = [asyncio.create_task(caller.complete("hi")) for _ in range(tries)]
        await asyncio.sleep(0.25)
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        made = door.attempts
        await asyncio.sleep(1.5)
        after_cancel = door.attempts - made
        await caller.close()
    return [
        none_of("attempts after the first event", after_event, tries),
        none_of("attempts after a cancellation", after_cancel, tries),
    ]


def _policy() -> list[Figure]:
    """Return what needs no server: every form of the header, and how pauses are spread."""
    from backbay.errors import RateLimitError
    from backbay.http.retryafter import retry_after
    from backbay.retry import RetryPolicy

    policy = RetryPolicy(retries=3, budget=None)
    cases = json.loads(corpus_file("retry-after.json").read_text("utf-8"))["cases"]
    wrong = []
    for case in cases:
        asked = retry_after({"retry-after": case["header"]}, case["now"])
        error = RateLimitError("limited", retryable=True, retry_after=asked)
        expected = case["expected"]
        if expected in (None, "invalid"):
            good = asked is None
        elif expected == "no-retry":
            good = policy.pause(error, 1, None) is None
        else:
            good = policy.pause(error, 1, None) == expected
        wrong += [] if good else [case["name"]]
    spread = _kolmogorov([policy.pause(RateLimitError("", retryable=True), 1, None) or 0.0 for _ in range(10_000)])
    return [
        all_of("forms of Retry-After read as they should be", len(cases) - len(wrong), len(cases), wrong=wrong),
        at_most("pauses against an even spread, Kolmogorov-Smirnov times the root of n", 1.63, round(spread, 2)),
        note("the pauses that are spread", "the first, 0.375 to 0.5 s, 10,000 times; 1.63 is the bound at 1 %"),
    ]


def _kolmogorov(values: Sequence[float], low: float = 0.375, high: float = 0.5) -> float:
    ordered = [(value - low) / (high - low) for value in sorted(values)]
    count = len(ordered)
    apart = max(max((at + 1) / count - value, value - at / count) for at, value in enumerate(ordered))
    return apart * math.sqrt(count)
