"""A surface under very many inputs: how fast it is, and the distinct findings, each as small as it could be made."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import Random

from .laws import BrokenLawError
from .surface import Surface

_TRIES = 2000
"""Inputs that are tried to make one finding smaller."""


@dataclass
class Finding:
    """One thing that went wrong, however many inputs show it.

    Attributes:
        where: The kind of exception, and the line that it came from.
        words: Its words, for the smallest input.
        data: The smallest input that shows it.
        times: How many inputs showed it.
    """

    where: str
    words: str
    data: bytes
    times: int = 1


@dataclass
class Run:
    """What came of one surface.

    Attributes:
        surface: Its name.
        inputs: How many inputs were tried.
        seconds: How long that took.
        cpu: Seconds of processor time that it took.
        findings: What went wrong.
    """

    surface: str
    inputs: int
    seconds: float
    cpu: float
    findings: Mapping[str, Finding] = field(default_factory=dict)

    @property
    def rate(self) -> float:
        """Inputs a second."""
        return self.inputs / self.seconds if self.seconds else 0.0


def run(surface: Surface, inputs: int, *, seed: int = 0) -> Run:
    """Check ``inputs`` inputs; the same ``seed`` gives the same ones."""
    rng = Random(seed)
    findings: dict[str, Finding] = {}
    started, cpu = time.perf_counter(), time.process_time()
    for number in range(inputs):
        data = surface.seeds[number] if number < len(surface.seeds) else surface.make(rng)
        where = fault(surface.check, data)
        if where is None:
            continue
        if where in findings:
            findings[where].times += 1
        else:
            findings[where] = smallest(surface, where, data)
    return Run(surface.name, inputs, time.perf_counter() - started, time.process_time() - cpu, findings)


def fault(check: Callable[[bytes], object], data: bytes) -> str | None:
    """Return what goes wrong with an input and where, or ``None``."""
    try:
        check(data)
    except Exception as failure:
        return _where(failure)
    return None


def _where(failure: Exception) -> str:
    if isinstance(failure, BrokenLawError):
        return f"BrokenLawError: {' '.join(str(failure).split()[:4])}"
    frames = traceback.extract_tb(failure.__traceback__)
    ours = [frame for frame in frames if "backbay" in frame.filename] or frames
    return f"{type(failure).__name__} at {ours[-1].filename}:{ours[-1].lineno}"


def smallest(surface: Surface, where: str, data: bytes) -> Finding:
    """Return the finding with as little of ``data`` as still shows it."""
    size, tries = max(len(data) // 2, 1), 0
    while size and tries < _TRIES:
        start = 0
        while start < len(data) and tries < _TRIES:
            tries += 1
            shorter = data[:start] + data[start + size :]
            if fault(surface.check, shorter) == where:
                data = shorter
            else:
                start += size
        size //= 2
    words = ""
    try:
        surface.check(data)
    except Exception as failure:
        words = f"{type(failure).__name__}: {failure}"
    return Finding(where, words[:600], data)
