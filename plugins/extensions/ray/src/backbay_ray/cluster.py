"""The cluster that is used: one that an address names, or one on this machine for the time of a batch."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

from backbay import ConfigurationError
from backbay_batch import BatchEngineError

ADDRESS = "RAY_ADDRESS"
"""The variable that names a cluster. Source: Ray's documentation, ray.init (read 2026-11-21)."""

WORKERS = "BACKBAY_RAY_WORKERS"
"""The variable that says how many actors there are; else one for each processor of the cluster."""


REACH = 3.0
"""Seconds in which the head of a cluster must take a connection."""


@contextmanager
def cluster() -> Iterator[ModuleType]:
    """Give Ray while it is connected; what was connected before stays so.

    Raises:
        BatchEngineError: The cluster cannot be reached, or none can be started here.
    """
    # Before the import: Ray reads these then. It would report to its makers otherwise.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    import ray

    if ray.is_initialized():
        yield ray
        return
    named = os.environ.get(ADDRESS)
    try:
        ray.init(
            address=named or "local",
            include_dashboard=None if named else False,
            log_to_driver=False,
            logging_level=logging.ERROR,
        )
    except Exception as failure:
        where = f"the cluster at {named}" if named else "a cluster on this machine"
        raise BatchEngineError(
            f"Ray could not use {where}: {type(failure).__name__}: {failure}",
            hint=f"{ADDRESS} names the cluster; without it one is started here.",
        ) from failure
    try:
        yield ray
    finally:
        ray.shutdown()


def is_there(address: str) -> bool:
    """Whether the head of a cluster still listens; blocks for ``REACH`` seconds at most."""
    host, _, port = address.rpartition(":")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), timeout=REACH):
            return True
    except OSError:
        return False


def workers(ray: ModuleType, concurrency: int) -> int:
    """Return how many actors there shall be: no more than calls may be under way.

    Raises:
        ConfigurationError: The variable is no whole number from 1.
    """
    said = os.environ.get(WORKERS)
    if said is None:
        wanted = int(ray.cluster_resources().get("CPU", 1))
    elif said.isdigit() and int(said) > 0:
        wanted = int(said)
    else:
        raise ConfigurationError(f"{WORKERS} is {said!r}; give a whole number from 1.")
    return max(1, min(wanted, concurrency))
