"""Takes over a changed configuration while requests run: all of it or nothing, and no answer is cut."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from backbay.errors import BackbayError

from .config import GatewayConfig
from .snapshot import build

if TYPE_CHECKING:
    from .app import Gateway
    from .pages.figures import Figures

LOOK = 1.0
"""Seconds between two looks at the file."""

_NEEDS_RESTART = ("host", "port", "workers", "tls_certificate", "tls_key", "header_timeout", "body_timeout",
                  "write_timeout", "keep_alive")  # fmt: skip


Mark = tuple[int, int, int]
"""What changes with a file: when it was written, its size, and which one it is."""


def mark_of(path: Path | None) -> Mark | None:
    """Return what tells a changed file from the one before; ``None`` if there is none."""
    try:
        found = path.stat() if path is not None else None
    except OSError:
        return None
    return None if found is None else (found.st_mtime_ns, found.st_size, found.st_ino)


class Reloader:
    """Reads the configuration again when its file changes, or when it is told to.

    Args:
        gateway: Whose configuration.
        figures: Where the status page finds what went wrong.
        load: Reads the configuration; ``None`` where that cannot be.
        path: The file that is watched; ``None`` where there is none.
        read: ``mark_of`` the file from before it was read; ``None`` if it is as it was then.
    """

    def __init__(
        self,
        gateway: Gateway,
        figures: Figures,
        load: Callable[[], GatewayConfig] | None,
        path: Path | None = None,
        read: Mark | None = None,
    ) -> None:
        self._gateway = gateway
        self._figures = figures
        self._load = load
        self._path = path
        self._seen = mark_of(path) if read is None else read

    def catch_up(self) -> None:
        """Take over what changed since the file was read: a start takes seconds, and a worker may be started again."""
        mark = mark_of(self._path)
        if mark is not None and mark != self._seen:
            self._seen = mark
            self.reload()

    async def watch(self) -> None:
        """Look at the file again and again."""
        while True:
            await asyncio.sleep(LOOK)
            mark = mark_of(self._path)
            if mark != self._seen and mark is not None:
                # Whoever is still writing it gets the time to end.
                await asyncio.sleep(LOOK / 4)
                if mark_of(self._path) == mark:
                    self._seen = mark
                    self.reload()

    def reload(self) -> bool:
        """Read the configuration, and put it in force; return whether that worked. What is in force stays if not."""
        if self._load is None:
            self._gateway.log.say("warning", "reload", problem="there is no configuration to read again")
            return False
        try:
            self.use(self._load())
        except BackbayError as error:
            self._figures.problem = str(error)
            self._gateway.metrics.reloads["failed"] += 1
            self._gateway.log.say("error", "reload", problem=str(error), in_force="the configuration before")
            return False
        self._seen = mark_of(self._path)
        return True

    def use(self, config: GatewayConfig) -> None:
        """Put a configuration in force.

        Raises:
            BackbayError: It cannot be; what was in force still is.
        """
        gateway, before = self._gateway, self._gateway.snapshot
        after = build(config, before)
        gateway.replace(after)
        gateway.log.use(config.logging)
        self._figures.problem = None
        self._figures.loaded = gateway.metrics.now()
        gateway.metrics.reloads["ok"] += 1
        old, new = before.config.server, config.server
        later = [f"server.{name}" for name in _NEEDS_RESTART if getattr(old, name) != getattr(new, name)]
        later += ["keys.database"] if before.config.keys != config.keys else []
        gateway.log.say("info", "reload", upstreams=sorted(after.upstreams), needs_a_restart=later)
