"""G17: the fault suite is quick, and gives the same result each time.

``tests/faults``, two workers a processor, 20 times in a row; it takes a quarter of an hour, and so is measured only
when it is asked for. A run counts as good if pytest says so.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time

from ..clients import Client
from ..figures import Effort, Figure, at_most
from ..places import ROOT

RUNS = 20
WORKERS = 2 * (os.cpu_count() or 1)


def measure(client: Client, effort: Effort) -> list[Figure]:  # noqa: ARG001 (there is but one)
    """Return the figures."""
    times, good, ends, again = [], 0, [], 0
    command = [sys.executable, "-m", "pytest", "-q", "tests/faults", f"--numprocesses={WORKERS}"]
    for number in range(effort.count(RUNS)):
        began = time.monotonic()
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        times.append(time.monotonic() - began)
        good += done.returncode == 0
        ends.append(done.stdout.strip().splitlines()[-1])
        again += len(re.findall(r"^tests/\S+.*: for [\d.]+ s$", done.stdout, re.MULTILINE))
        print(f"    run {number + 1}: {ends[-1]}", flush=True)
        if done.returncode:
            print("\n".join(line for line in done.stdout.splitlines() if line.startswith("FAILED")), flush=True)
    return [
        at_most("time of the fault suite, the longest run", 360.0, round(max(times)), "s", ends=ends),
        Figure("runs in a row without a failure", f"{RUNS} of {RUNS}", f"{good} of {len(times)}", good == RUNS),
        Figure("tests that were asked again in them, as the machine stood still", "", f"{again}"),
    ]
