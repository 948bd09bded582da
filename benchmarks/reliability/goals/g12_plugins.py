"""G12: plugins that misbehave are reported, each with its distribution, version and reason, and harm nobody.

The bad plugins are those of ``tests/integration/test_bad_plugins.py``: imports that raise, exit, hang or print, entry
points that lead nowhere, names that are claimed twice. The list of backends is timed: the shortest of five.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from ..clients import Client
from ..figures import Effort, Figure, all_of, at_most
from ..places import ROOT

FIXTURES = ROOT / "tests" / "integration" / "test_bad_plugins.py"
SLOW = "did not finish loading within"
TWICE = """
import backbay
try:
    backbay.resolve("twice")
except backbay.AmbiguousBackendError as error:
    print(error)
"""


def measure(client: Client, effort: Effort) -> list[Figure]:  # noqa: ARG001 (there is but one)
    """Return the figures."""
    fixtures = _fixtures()
    with tempfile.TemporaryDirectory(prefix="backbay-plugins-") as name:
        folder = Path(name)
        site = fixtures.Site(folder / "site")
        site.add("good-acme", "acme", fixtures.GOOD)
        site.add("good-other", "other", fixtures.SPEC.format(name="other", more=""), version="2.5")
        for _, distribution, backend, source, _, _ in fixtures.BAD:
            site.add(distribution, backend, source, **fixtures.OPTIONS.get(distribution, {}))
        return [*_listed(folder, effort), *_diagnosed(fixtures, folder), _twice(fixtures, folder)]


def _fixtures() -> Any:
    spec = importlib.util.spec_from_file_location("bad_plugins", FIXTURES)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _run(folder: Path, *arguments: str, **variables: str) -> tuple[subprocess.CompletedProcess[str], float]:
    kept = {"PATH", "LANG", "SYSTEMROOT", "TEMP", "TMP"}
    bare = {name: value for name, value in os.environ.items() if name in kept}
    environment = {**bare, "HOME": str(folder), "PYTHONPATH": str(folder / "site"), **variables}
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-P", *arguments], capture_output=True, text=True, timeout=240, env=environment, check=False
    )
    return done, time.perf_counter() - began


def _listed(folder: Path, effort: Effort) -> list[Figure]:
    runs = [_run(folder, "-m", "backbay_cli", "backends", "--json") for _ in range(effort.count(5, 2))]
    good = sum(done.returncode == 0 for done, _ in runs)
    best = min(seconds for _, seconds in runs)
    return [
        all_of("lists of the backends that ended well", good, len(runs)),
        at_most("time of a list of the backends", 1.0, round(best, 2), "s"),
    ]


def _diagnosed(fixtures: Any, folder: Path) -> list[Figure]:
    names = ",".join(["good-acme", "good-other", *(row[1] for row in fixtures.BAD)])
    done, _ = _run(folder, "-m", "backbay_cli", "doctor", "--json", "--limit", "5", BACKBAY_PLUGINS=names)
    found = {item["distribution"]: item for item in json.loads(done.stdout)["plugins"]}
    odd = []
    for _, distribution, _, _, state, reason in fixtures.BAD:
        item = found.get(distribution, {})
        said = item.get("reason") or ""
        # One that hangs, and on a busy machine any, may have been too slow: that is a reason as well.
        right = SLOW in said or (item.get("state") == state and (reason or "") in said)
        if item.get("version") != "1.0" or not right:
            odd.append(distribution)
    usable = sum(found[name]["state"] == "ok" for name in ("good-acme", "good-other"))
    count = len(fixtures.BAD)
    return [
        all_of("bad plugins reported with distribution, version and reason", count - len(odd), count, odd=odd),
        all_of("good plugins beside them that are usable", usable, 2),
    ]


def _twice(fixtures: Any, folder: Path) -> Figure:
    one, two = (fixtures.Site(folder / name) for name in ("one", "two"))
    source = fixtures.SPEC.format(name="twice", more="")
    one.add("twice-one", "twice", source)
    two.add("twice-two", "twice", source, version="2.0")
    named = 0
    for order in ((one, two), (two, one)):
        path = os.pathsep.join(str(site.folder) for site in order)
        said = _run(folder, "-c", TWICE, PYTHONPATH=path)[0].stdout
        named += "twice-one 1.0" in said and "twice-two 2.0" in said
    return all_of("orders of the path in which a name claimed twice is an error that names both", named, 2)
