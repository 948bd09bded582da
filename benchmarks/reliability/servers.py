"""The servers, each in a process of its own: the fault rig of ``tests/faults``, and the one that repeats."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from fault_rig.plan import Answer, Door, Step
from fault_rig.rig import OpenDoor, Rig

from .dialects import Dialect
from .places import HERE

__all__ = ["Answer", "Door", "OpenDoor", "Rig", "answering", "echo"]


@contextmanager
def echo(dialect: Dialect) -> Iterator[str]:
    """Start the server that repeats what it is asked; give its URL, and end it afterwards."""
    folders = os.pathsep.join([str(HERE.parent), str(HERE.parents[1] / "tests" / "faults")])
    with subprocess.Popen(
        [sys.executable, str(HERE / "echo.py"), dialect.name],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": folders},
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        yield f"http://127.0.0.1:{int(process.stdout.readline())}/v1"
        process.stdin.close()


def answering(*answers: Sequence[Step]) -> Door:
    """Return a door with these answers, the last again and again."""
    return Door(answers=[Answer(steps) for steps in answers])
