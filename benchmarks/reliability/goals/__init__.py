"""The goals, one file each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Goal:
    """A goal.

    Attributes:
        module: Its file, which has ``measure(client, effort)``.
        title: What it is about.
        peers: Whether the official SDKs are measured too.
        alone: Whether it takes so long that it is measured only when it is asked for.
    """

    module: str
    title: str
    peers: bool = True
    alone: bool = False


GOALS: Mapping[str, Goal] = {
    "G1": Goal("g01_errors", "error typing"),
    "G2": Goal("g02_truncation", "no invented success"),
    "G3": Goal("g03_splits", "split invariance", peers=False),
    "G4": Goal("g04_deadlines", "deadlines"),
    "G5": Goal("g05_leaks", "leaks"),
    "G6": Goal("g06_pool", "the pool"),
    "G7": Goal("g07_processes", "forks, loops, threads"),
    "G8": Goal("g08_secrets", "secrets"),
    "G9": Goal("g09_sizes", "sizes"),
    "G10": Goal("g10_concurrency", "concurrency"),
    "G11": Goal("g11_retries", "retries"),
    "G12": Goal("g12_plugins", "plugins that misbehave", peers=False),
    "G17": Goal("g17_suite", "the fault suite", peers=False, alone=True),
}
"""By name. G13 to G16 are of the gateway and of batches, which have measurements of their own."""


def goals_of(client: str) -> Sequence[str]:
    """Return the goals that a client is measured by."""
    return [name for name, goal in GOALS.items() if goal.peers or client == "backbay"]
