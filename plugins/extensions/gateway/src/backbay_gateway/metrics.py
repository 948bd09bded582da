"""What the gateway counts, at about a microsecond a request: for Prometheus, and for the status page.

Figures are plain dictionaries and lists, so that those of several workers can be written to a file and added up.
"""

from __future__ import annotations

import time
from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .exchange import Exchange

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0)
"""Upper bounds of the histograms, in seconds."""

FINE = tuple(0.0005 * 1.15**step for step in range(100))
"""Upper bounds of the bins from which percentiles are told: each 15 % above the one before, up to 8 minutes."""

MINUTES = 30
"""Minutes of which the status page shows requests and errors, one by one."""

RECENT = 10
"""Minutes over which percentiles are told."""

FAILURES = 50
"""Failures that are kept for the status page."""

MOST_LABELS = 300
"""Models that are counted apart; further ones are counted together, by upstream."""

Data = dict[str, Any]


@dataclass(slots=True)
class Minute:
    """What happened in one minute: requests, those that failed, and how long the answers of each upstream took."""

    number: int
    requests: int
    errors: int
    bins: dict[str, list[int]]


class Metrics:
    """The figures of one worker.

    Args:
        clock: Unix time, in seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self.started = clock()
        self.live = 0
        self._requests: dict[tuple[str, str, int, str], int] = {}
        self._labels: set[str] = set()
        self._durations: dict[str, list[float]] = {}
        self._first_bytes: dict[str, list[float]] = {}
        self._tokens: dict[str, list[int]] = {}
        self._bytes = [0, 0]
        self._upstream_failures: dict[tuple[str, str], int] = {}
        self._asked: dict[str, int] = {}
        self._minutes: deque[Minute] = deque(maxlen=MINUTES)
        self.failures: deque[Data] = deque(maxlen=FAILURES)
        self.reloads = {"ok": 0, "failed": 0}

    def now(self) -> float:
        """Return Unix time, in seconds."""
        return self._clock()

    def begin(self) -> None:
        """Count a request that is being answered."""
        self.live += 1

    def end(self, exchange: Exchange, seconds: float) -> None:
        """Count a request that ended after ``seconds``."""
        self.live -= 1
        served, status = self._label(exchange.served_by), exchange.status
        endpoint = exchange.endpoint.name if exchange.endpoint is not None else "other"
        key = (endpoint, served, status, exchange.mode)
        self._requests[key] = self._requests.get(key, 0) + 1
        self._bytes[0] += exchange.body_size
        self._bytes[1] += exchange.sent
        if exchange.endpoint is None:
            return
        minute = self._minute()
        minute.requests += 1
        if status >= 500 or (status == 200 and exchange.error is not None):
            minute.errors += 1
        if not served:
            return
        _observe(self._durations, served, seconds)
        if exchange.first_byte is not None:
            _observe(self._first_bytes, served, exchange.first_byte)
            bins = minute.bins.get(served)
            if bins is None:
                bins = minute.bins[served] = [0] * (len(FINE) + 1)
            bins[bisect_left(FINE, seconds)] += 1
        usage = exchange.usage
        if usage is not None:
            tokens = self._tokens.setdefault(served, [0, 0])
            tokens[0] += usage.input or 0
            tokens[1] += usage.output or 0

    def asked(self, label: str) -> None:
        """Count a request that is sent to an upstream."""
        label = self._label(label)
        self._asked[label] = self._asked.get(label, 0) + 1

    def failed(self, label: str, kind: str) -> None:
        """Count a failure of an upstream, whether or not another one answered then."""
        label = self._label(label)
        self._upstream_failures[label, kind] = self._upstream_failures.get((label, kind), 0) + 1

    def _label(self, served_by: str) -> str:
        """Return a label of which there are not too many: a client chooses the model's name, and may choose many."""
        if served_by not in self._labels:
            if len(self._labels) >= MOST_LABELS:
                return f"{served_by.partition(':')[0]}:other"
            self._labels.add(served_by)
        return served_by

    def _minute(self) -> Minute:
        number = int(self._clock() // 60)
        if not self._minutes or self._minutes[-1].number != number:
            self._minutes.append(Minute(number, 0, 0, {}))
        return self._minutes[-1]

    def data(self) -> Data:
        """Return all figures as JSON has it."""
        return {
            "started": self.started,
            "at": self._clock(),
            "live": self.live,
            "requests": [[*key, count] for key, count in self._requests.items()],
            "durations": self._durations,
            "first_bytes": self._first_bytes,
            "tokens": self._tokens,
            "bytes": self._bytes,
            "asked": [[label, count] for label, count in self._asked.items()],
            "upstream_failures": [[*key, count] for key, count in self._upstream_failures.items()],
            "minutes": [[each.number, each.requests, each.errors, each.bins] for each in self._minutes],
            "failures": list(self.failures),
            "reloads": self.reloads,
        }


def _observe(histograms: dict[str, list[float]], label: str, seconds: float) -> None:
    found = histograms.get(label)
    if found is None:
        found = histograms[label] = [0.0] * (len(BUCKETS) + 2)
    found[bisect_left(BUCKETS, seconds)] += 1
    found[-1] += seconds


def merged(all_data: Sequence[Data]) -> Data:
    """Return the figures of several workers as those of one."""
    if len(all_data) == 1:
        return all_data[0]
    minutes: dict[int, list[Any]] = {}
    for number, requests, errors, bins in (minute for data in all_data for minute in data["minutes"]):
        one = minutes.setdefault(number, [number, 0, 0, {}])
        one[1] += requests
        one[2] += errors
        one[3] = _added((one[3], bins))
    return {
        "started": min(data["started"] for data in all_data),
        "at": max(data["at"] for data in all_data),
        "live": sum(data["live"] for data in all_data),
        "requests": _counted(item for data in all_data for item in data["requests"]),
        "durations": _added(data["durations"] for data in all_data),
        "first_bytes": _added(data["first_bytes"] for data in all_data),
        "tokens": _added(data["tokens"] for data in all_data),
        "bytes": [sum(data["bytes"][place] for data in all_data) for place in (0, 1)],
        "asked": _counted(item for data in all_data for item in data["asked"]),
        "upstream_failures": _counted(item for data in all_data for item in data["upstream_failures"]),
        "minutes": [minutes[number] for number in sorted(minutes)][-MINUTES:],
        "failures": sorted((one for data in all_data for one in data["failures"]), key=_at)[-FAILURES:],
        "reloads": {name: max(data["reloads"][name] for data in all_data) for name in ("ok", "failed")},
    }


def _at(failure: Mapping[str, Any]) -> float:
    return float(failure["at"])


def _counted(items: Iterable[Sequence[Any]]) -> list[list[Any]]:
    found: dict[tuple[Any, ...], int] = {}
    for *key, count in items:
        found[tuple(key)] = found.get(tuple(key), 0) + count
    return [[*key, count] for key, count in found.items()]


def _added(all_lists: Iterable[Mapping[str, Sequence[float]]]) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {}
    for lists in all_lists:
        for label, values in lists.items():
            before = found.get(label)
            found[label] = list(values) if before is None else [a + b for a, b in zip(before, values, strict=True)]
    return found


def percentile(bins: Sequence[float], share: float) -> float | None:
    """Return the seconds below which ``share`` (0 to 1) of all lie, by fine bins; ``None`` if there are none."""
    total = sum(bins)
    if not total:
        return None
    need, seen = share * total, 0.0
    for place, count in enumerate(bins):
        if seen + count >= need and count:
            upper = FINE[min(place, len(FINE) - 1)]
            lower = FINE[place - 1] if 0 < place < len(FINE) else 0.0 if place == 0 else FINE[-1]
            return lower + (upper - lower) * (need - seen) / count
        seen += count
    return FINE[-1]
