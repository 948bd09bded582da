"""Every fault that the rig tries."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module

from .faults import Fault, faults_of

SECTIONS = ("connecting", "timing", "framing", "streams", "answering", "calling")


def all_faults() -> Sequence[Fault]:
    """Return every fault, by its number."""
    found = [each for name in SECTIONS for each in faults_of(vars(import_module(f"fault_rig.cases.{name}")))]
    return sorted(found, key=lambda each: each.number)
