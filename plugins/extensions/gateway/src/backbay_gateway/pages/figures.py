"""What the status page and the metrics show, of all workers together."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..metrics import MINUTES, RECENT, Data, merged, percentile
from ..upstreams import Upstream

if TYPE_CHECKING:
    from ..app import Gateway

EVERY = 1.0
"""Seconds between two times that a worker writes its figures for the others."""


class Figures:
    """The figures of this worker and of those beside it.

    Args:
        gateway: Whose.
        shared: Folder in which the workers leave their figures for each other; ``None`` if there is one worker.
        source: Where the configuration is from, for people.
    """

    def __init__(self, gateway: Gateway, shared: Path | None, source: str) -> None:
        self._gateway = gateway
        self._shared = shared
        self._source = source
        self.loaded = time.time()
        self.problem: str | None = None
        self.version = version("backbay-gateway")

    def share(self) -> None:
        """Write this worker's figures where the others find them."""
        if self._shared is None:
            return
        mine = {"metrics": self._gateway.metrics.data(), "upstreams": self._own_upstreams()}
        path = self._shared / f"{os.getpid()}.json"
        beside = path.with_suffix(".new")
        beside.write_text(json.dumps(mine), encoding="utf-8")
        beside.replace(path)

    def now(self) -> tuple[Data, list[dict[str, Any]]]:
        """Return the figures of all workers, and their upstreams."""
        found: list[dict[str, Any]] = [{"metrics": self._gateway.metrics.data(), "upstreams": self._own_upstreams()}]
        if self._shared is not None:
            others = (path for path in sorted(self._shared.glob("*.json")) if path.stem != str(os.getpid()))
            found += [_read(path) for path in others]
        found = [each for each in found if each]
        return merged([each["metrics"] for each in found]), _together([each["upstreams"] for each in found])

    def _own_upstreams(self) -> list[dict[str, Any]]:
        return [_upstream(each) for each in self._gateway.snapshot.upstreams.values()]

    def status(self) -> Mapping[str, object]:
        """Return what the status page shows."""
        data, upstreams = self.now()
        snapshot = self._gateway.snapshot
        bins = _recent(data)
        for each in upstreams:
            each.update(_figures_of(each["name"], data, bins))
        # Of this page and its like there is no word.
        statuses = [(status, count) for endpoint, _, status, _, count in data["requests"] if endpoint != "other"]
        requests = sum(count for _, count in statuses)
        failed = sum(count for status, count in statuses if status >= 500)
        refused = sum(count for status, count in statuses if 400 <= status < 500)
        everything = [sum(each) for each in zip(*bins.values(), strict=True)] if bins else []
        tokens = list(data["tokens"].values())
        return {
            "version": self.version,
            "at": data["at"],
            "started": data["started"],
            "config": {"source": self._source, "loaded": self.loaded, "problem": self.problem},
            "totals": {
                "requests": requests,
                "failed": failed,
                "refused": refused,
                "live": data["live"],
                "input_tokens": sum(each[0] for each in tokens),
                "output_tokens": sum(each[1] for each in tokens),
                "p50": percentile(everything, 0.5),
                "p99": percentile(everything, 0.99),
            },
            "minutes": _minutes(data),
            "upstreams": upstreams,
            "aliases": [
                {"name": each.name, "strategy": each.strategy, "targets": [target.label for target in each.targets]}
                for each in snapshot.router.aliases.values()
            ],
            "failures": data["failures"][::-1],
        }


def _upstream(upstream: Upstream) -> dict[str, Any]:
    return {
        "name": upstream.name,
        "vendor": upstream.config.vendor,
        "up": upstream.reachable,
        "breaker": upstream.breaker.state,
        "busy": upstream.busy,
        "health_ms": upstream.latency_ms,
        "failures": [
            {"at": each.at, "kind": each.kind, "message": each.message, "count": each.count}
            for each in upstream.failures
        ],
    }


def _together(lists: Sequence[Sequence[dict[str, Any]]]) -> list[dict[str, Any]]:
    """Return each upstream once: it is down if one worker finds it down, since the next request may go to that one."""
    found: dict[str, dict[str, Any]] = {}
    for each in (item for items in lists for item in items):
        known = found.get(each["name"])
        if known is None:
            found[each["name"]] = dict(each)
            continue
        known["busy"] += each["busy"]
        known["up"] = False if False in (known["up"], each["up"]) else known["up"] or each["up"]
        known["breaker"] = known["breaker"] if known["breaker"] != "closed" else each["breaker"]
        known["failures"] = sorted([*known["failures"], *each["failures"]], key=lambda one: float(one["at"]))[-20:]
    return list(found.values())


def _recent(data: Data) -> dict[str, list[float]]:
    """Return the fine bins of each label, over the last ``RECENT`` minutes."""
    found: dict[str, list[float]] = {}
    for number, _, _, bins in data["minutes"]:
        if number <= data["at"] // 60 - RECENT:
            continue
        for label, counts in bins.items():
            before = found.get(label)
            found[label] = list(counts) if before is None else [a + b for a, b in zip(before, counts, strict=True)]
    return found


def _figures_of(name: str, data: Data, bins: Mapping[str, Sequence[float]]) -> dict[str, Any]:
    """Return what is counted of one upstream, over all its models."""
    mine = [counts for label, counts in bins.items() if label.partition(":")[0] == name]
    together = [sum(each) for each in zip(*mine, strict=True)] if mine else []
    tokens = [counts for label, counts in data["tokens"].items() if label.partition(":")[0] == name]
    failures = sum(count for label, _, count in data["upstream_failures"] if label.partition(":")[0] == name)
    return {
        "asked": sum(count for label, count in data["asked"] if label.partition(":")[0] == name),
        "errors": failures,
        "p50": percentile(together, 0.5),
        "p99": percentile(together, 0.99),
        "input_tokens": sum(each[0] for each in tokens),
        "output_tokens": sum(each[1] for each in tokens),
    }


def _minutes(data: Data) -> list[dict[str, float]]:
    last = int(data["at"] // 60)
    known = {number: (requests, errors) for number, requests, errors, _ in data["minutes"]}
    found = []
    for number in range(last - MINUTES + 1, last + 1):
        requests, errors = known.get(number, (0, 0))
        found.append({"at": number * 60, "requests": requests, "errors": errors})
    return found


def _read(path: Path) -> dict[str, Any]:
    """Return what another worker left; nothing if it is gone, or wrote another version's form."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return found if isinstance(found, dict) and {"metrics", "upstreams"} <= found.keys() else {}
    except (OSError, ValueError):
        return {}
