"""A run that is killed at random moments: each id once in the output, nothing lost, nothing paid for twice.

Ten kills here; ``BACKBAY_KILLS=100`` for the hundred of the fault catalogue (165, G16).
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time

import pytest

KILLS = int(os.environ.get("BACKBAY_KILLS", "10"))
AT_ONCE = 8

RUN = f"""
import sys
from backbay_batch import Rules, run_batch_sync
source, output, unordered = sys.argv[1:]
rules = Rules(concurrency={AT_ONCE})
found = run_batch_sync(source, output, backend="acme:acme-1", rules=rules, unordered=unordered == "1")
sys.exit(0 if found.ok else 1)
"""


def readable(path):
    """Return the ids of an output; a kill within the system's own write may have cut its last line."""
    if not path.exists():
        return []
    *whole, last = path.read_bytes().split(b"\n")
    ids = [json.loads(each)["custom_id"] for each in whole]
    assert len(set(ids)) == len(ids)
    return ids if not last else [*ids, None]


@pytest.mark.parametrize("unordered", [False, True])
def test_kills_at_random_moments_lose_nothing_and_repeat_only_what_was_under_way(acme, environment, files, unordered):
    kills = KILLS // 2
    ids = files.many(60 * kills)
    dice = random.Random(f"{unordered} {kills}")
    acme.pause = 0.005
    arguments = [sys.executable, "-P", "-c", RUN, files.input, files.output, "1" if unordered else "0"]
    for done in range(1, kills + 1):
        process = subprocess.Popen(arguments, env=environment)
        if dice.random() < 0.2:
            time.sleep(dice.uniform(0.05, 0.6))  # While it starts, or reads its input.
        else:
            wanted = acme.total + dice.randint(1, 100)
            deadline = time.monotonic() + 30
            while acme.total < wanted and process.poll() is None and time.monotonic() < deadline:
                time.sleep(0.001)
            time.sleep(dice.uniform(0, 0.01))
        process.send_signal(signal.SIGKILL)
        process.wait()
        readable(files.output)
        repeated = acme.total - len(acme.asked)
        assert repeated <= AT_ONCE * done, "calls that were not under way were made again"
    assert subprocess.run(arguments, env=environment).returncode == 0
    found = readable(files.output)
    assert sorted(found) == sorted(ids)
    assert unordered or found == ids
    assert all(each["error"] is None for each in files.results)
    assert all(files.results[number]["response"]["body"]["choices"][0]["message"]["content"] == f"echo {each}" for number, each in enumerate(found))  # fmt: skip  # noqa: E501
    assert set(acme.asked) == set(ids)
    assert acme.total - len(ids) <= AT_ONCE * kills


def test_the_lock_of_a_killed_run_is_gone_with_it(acme, environment, files):
    acme.pause = 60.0
    files.many(30)
    arguments = [sys.executable, "-P", "-c", RUN, files.input, files.output, "0"]
    first = subprocess.Popen(arguments, env=environment)
    while not acme.total:
        time.sleep(0.01)
    second = subprocess.run(arguments, env=environment, capture_output=True, text=True)
    assert second.returncode == 1
    assert "JournalBusyError" in second.stderr
    first.kill()
    first.wait()
    acme.pause = 0.0
    assert subprocess.run(arguments, env=environment).returncode == 0
