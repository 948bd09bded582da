"""What the gateway's keys cost, and whether the time of a refusal tells anything about a key.

``python benchmarks/gateway_keys.py`` prints CPU per admitted and settled request (with and without limits, on SQLite,
and on PostgreSQL with ``--database URL``), and Student's t of 10,000 refusals of a known id against 10,000 of unknown
ones: below 3 in absolute value means that the check's time does not tell whether an id exists. Both kinds have as many
ids, as often: one that comes again and again is some 100 ns quicker than one that comes once, whether it exists or not.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import math
import random
import statistics
import string
import tempfile
import time

from backbay.errors import AuthenticationError
from backbay.response import Usage
from backbay_gateway.keys import KeyLimits, KeyRequest, Keys

ROUNDS = 20_000
PROBES = 10_000
LIMITS = KeyLimits(requests=10**7, tokens=10**10, concurrent=1000, budget_tokens=10**13, budget_cost=10.0**6)


async def cost(keys: Keys, text: str) -> tuple[float, float]:
    """Return CPU and wall microseconds of one request, the writing of its row in the ledger included."""
    cpu, wall = time.process_time(), time.perf_counter()
    for _ in range(ROUNDS):
        grant = await keys.admit(text, model="acme:a", estimated_tokens=100, estimated_cost=0.0001)
        await grant.settle(Usage(input=40, output=20), 0.00005, served_by="acme:a")
        await asyncio.sleep(0)
    await keys.sync()
    return (time.process_time() - cpu) / ROUNDS * 1e6, (time.perf_counter() - wall) / ROUNDS * 1e6


async def refusal(keys: Keys, text: str) -> float:
    """Return the nanoseconds of one refusal."""
    began = time.perf_counter_ns()
    try:
        await keys.authenticate(text)
    except AuthenticationError:
        return float(time.perf_counter_ns() - began)
    raise SystemExit("a probe was let in")


def guess(key_id: str) -> str:
    return f"bb_{key_id}_{''.join(random.choices(string.ascii_letters + string.digits, k=43))}"


async def timing(keys: Keys, ids: list[str]) -> tuple[float, float, float]:
    """Return the medians (ns) of both kinds of probe, and t of their difference; the slowest hundredth is left out."""
    # Each known one stands beside an unknown one, in random order, so that what the machine does hits both.
    others = ["".join(random.choices(string.ascii_lowercase + string.digits, k=12)) for _ in ids]
    probes = [(guess(random.choice(pool)), kind) for kind, pool in enumerate((ids, others)) for _ in range(PROBES)]
    random.shuffle(probes)
    times: tuple[list[float], list[float]] = ([], [])
    for text, _ in probes[:1000]:
        await refusal(keys, text)
    gc.disable()
    for text, kind in probes:
        times[kind].append(await refusal(keys, text))
    gc.enable()
    bound = statistics.quantiles(times[0] + times[1], n=100)[-1]
    known, unknown = ([value for value in one if value < bound] for one in times)
    error = math.sqrt(statistics.variance(known) / len(known) + statistics.variance(unknown) / len(unknown))
    return (
        statistics.median(known),
        statistics.median(unknown),
        (statistics.mean(known) - statistics.mean(unknown)) / error,
    )


async def main(url: str) -> None:
    keys = Keys.open(url)
    free, limited = await keys.create(KeyRequest()), await keys.create(KeyRequest(limits=LIMITS))
    ids = [(await keys.create(KeyRequest())).key.id for _ in range(200)]
    for name, new in (("no limit", free), ("five limits", limited)):
        await cost(keys, new.text)
        cpu, wall = await cost(keys, new.text)
        print(f"admit and settle, {name:12} {cpu:6.1f} us CPU  {wall:6.1f} us")
    known, unknown, t = await timing(keys, ids)
    print(f"refusal: known id {known:.0f} ns, unknown {unknown:.0f} ns, t = {t:+.2f} of {PROBES} each")
    await keys.aclose()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--database", help="a key store's URL; else a SQLite file in a temporary folder")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(main(given.database or f"sqlite:///{folder}/keys.sqlite"))
