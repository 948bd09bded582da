"""A simulation of one batch over many drivers: the real pacer on a clock that is not real, a vendor with one limit, and
drivers that die.

``python benchmarks/batch_scaling.py [--seconds 300] [--seed 1]`` prints the table of docs/batch-scaling.md. Each driver
is a run of ``backbay-batch`` on a part of the input: its own journal, its own pacer. What is simulated is what they
share: the vendor's limit. A driver that dies loses the answers that were under way, which are asked for, and paid for,
again.
"""

from __future__ import annotations

import argparse
import heapq
import itertools
import math
import random
import statistics
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from backbay_batch.pacing import Pacer

LATENCY = 4.0
"""Seconds of a call, the median; it is spread as a log-normal with sigma 0.5."""

REFUSAL = 0.05
"""Seconds until a refused call is refused."""

RESTART = 30.0
"""Seconds until a driver that died runs again."""

BURST = 1.0
"""Seconds of its rate that the vendor lets through at once."""


@dataclass(slots=True)
class Driver:
    """One run on a part of the input."""

    pacer: Pacer
    under_way: int = 0
    life: int = 0
    answered: int = 0
    waking: float = math.inf


@dataclass(slots=True)
class Found:
    """What came of a simulation."""

    answered: int = 0
    refused: int = 0
    repeated: int = 0
    each: list[int] = field(default_factory=list)


class Simulation:
    """Drivers before one vendor.

    Args:
        drivers: How many.
        rate: Calls a second that the vendor answers.
        shared: Whether each driver is told its part of the rate (``--rpm``); else each finds out by itself.
        hint: Whether a refusal says when to come back.
        lives: Seconds that a driver lives on average; infinity for no deaths.
        seed: Of the random numbers.
    """

    def __init__(self, drivers: int, rate: float, *, shared: bool, hint: bool, lives: float, seed: int) -> None:
        self._random = random.Random(seed)
        self._now = 0.0
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._rate, self._hint, self._lives = rate, hint, lives
        self._level, self._seen = rate * BURST, 0.0
        self._most = max(8, math.ceil(4 * rate * LATENCY / drivers))
        self._per_minute = 60 * rate / drivers if shared else None
        self.found = Found()
        self._drivers = [Driver(self._pacer()) for _ in range(drivers)]

    def _pacer(self) -> Pacer:
        return Pacer(self._most, per_minute=self._per_minute, clock=lambda: self._now)

    def run(self, seconds: float) -> Found:
        """Run for so many seconds of the clock that is not real."""
        for driver in self._drivers:
            self._at(self._random.uniform(0, 1), lambda driver=driver: self._send(driver))  # type: ignore[misc]
            self._doom(driver)
        while self._events and self._events[0][0] < seconds:
            self._now, _, event = heapq.heappop(self._events)
            event()
        self.found.each = [driver.answered for driver in self._drivers]
        return self.found

    def _at(self, when: float, event: Callable[[], None]) -> None:
        heapq.heappush(self._events, (when, next(self._order), event))

    def _send(self, driver: Driver) -> None:
        """Make the calls that may be made now, and come back when the next one may."""
        while (wait := driver.pacer.wait(driver.under_way, 1)) <= 0:
            driver.pacer.sent(1)
            driver.under_way += 1
            answered = self._takes()
            took = self._random.lognormvariate(math.log(LATENCY), 0.5) if answered else REFUSAL
            made, life = self._now, driver.life
            self._at(self._now + took, lambda: self._ended(driver, life, made, answered=answered))  # noqa: B023
        if self._now + wait < driver.waking:
            driver.waking = self._now + wait
            life = driver.life
            self._at(driver.waking, lambda: self._wake(driver, life))

    def _wake(self, driver: Driver, life: int) -> None:
        if driver.life == life:
            driver.waking = math.inf
            self._send(driver)

    def _takes(self) -> bool:
        self._level = min(self._rate * BURST, self._level + (self._now - self._seen) * self._rate)
        self._seen = self._now
        if self._level < 1:
            return False
        self._level -= 1
        return True

    def _ended(self, driver: Driver, life: int, made: float, *, answered: bool) -> None:
        if driver.life != life:  # It died meanwhile: the vendor answered, and nobody heard.
            self.found.repeated += answered
            return
        driver.under_way -= 1
        driver.pacer.ended(1, 1, 1)
        if answered:
            driver.pacer.answered(made)
            driver.answered += 1
            self.found.answered += 1
        else:
            driver.pacer.slow_down(1.0 if self._hint else None, made)
            self.found.refused += 1
        self._send(driver)

    def _doom(self, driver: Driver) -> None:
        if self._lives < math.inf:
            self._at(self._now + self._random.expovariate(1 / self._lives), lambda: self._die(driver))

    def _die(self, driver: Driver) -> None:
        driver.life += 1
        driver.under_way = 0
        driver.waking = math.inf
        driver.pacer = self._pacer()

        def again() -> None:
            self._send(driver)
            self._doom(driver)

        self._at(self._now + RESTART, again)


def rows(seconds: float, seed: int) -> Iterator[str]:
    """Yield the table's rows."""
    rate = 200.0
    for drivers, shared, hint, lives in itertools.product(
        (1, 10, 100), (False, True), (True, False), (math.inf, 600.0)
    ):
        found = Simulation(drivers, rate, shared=shared, hint=hint, lives=lives, seed=seed).run(seconds)
        asked = found.answered + found.refused + found.repeated
        spread = min(found.each) / statistics.mean(found.each) if found.answered else 0.0
        cells = (
            f"{drivers}",
            "its share of the rate" if shared else "finds out by itself",
            "Retry-After" if hint else "nothing",
            "never" if lives == math.inf else f"every {lives / 60:g} min",
            f"{found.answered / (rate * seconds):.0%}",
            f"{found.refused / asked:.1%}",
            f"{1e6 * found.repeated / max(1, found.answered):,.0f}",
            f"{spread:.2f}",
        )
        yield f"| {' | '.join(cells)} |"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description="Simulate one batch over many drivers, before one vendor's limit.")
    parser.add_argument("--seconds", type=float, default=300.0)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    heads = "drivers", "each", "a refusal says", "a driver dies", "rate used", "refused", "again, a million", "least"
    print(f"| {' | '.join(heads)} |")
    print("|--:|---|---|---|--:|--:|--:|--:|")
    for row in rows(options.seconds, options.seed):
        print(row, flush=True)


if __name__ == "__main__":
    main()
