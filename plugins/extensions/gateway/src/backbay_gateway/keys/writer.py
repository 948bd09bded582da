"""What was used, on its way into the store: in batches, each written once, none lost on a graceful stop."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from backbay.errors import OverloadedError

from .account import Account
from .leasing import Batch, Leasing
from .ledger import Entry, Facts

_LAST_TRIES = 3


class Writer:
    """Collects on the event loop's thread, and writes in the store's.

    Args:
        leasing: What writes.
        run: Runs a function in the store's thread.
        now: Seconds since 1970.
    """

    def __init__(
        self, leasing: Leasing, run: Callable[[Callable[[], None]], Awaitable[None]], now: Callable[[], float]
    ) -> None:
        self._leasing = leasing
        self._run = run
        self._now = now
        self._busy: set[Account] = set()
        self._entries: list[Entry] = []
        self._batch: Batch | None = None
        self._entry_number = 0
        self._batch_number = 0
        self._lock = asyncio.Lock()

    @property
    def waiting(self) -> int:
        """How many rows of the ledger are not yet in a batch."""
        return len(self._entries)

    def is_idle(self) -> bool:
        """Whether there is nothing to write, and no account has anything to give back."""
        return not (self._busy or self._entries or self._batch)

    def watch(self, account: Account) -> None:
        """Write what is used of an account from now on."""
        self._busy.add(account)

    def add(self, facts: Facts) -> None:
        """Add a row to the ledger."""
        self._entry_number += 1
        self._entries.append(Entry(self._entry_number, self._now(), *facts))

    async def write(self, *, leave: bool = False) -> None:
        """Write one batch: the one that failed before, or else what has come since.

        Raises:
            OverloadedError: The store cannot be used at the moment; the batch is kept.
            ServerError: The store is broken or full; likewise.
        """
        async with self._lock:
            if self._batch is None:
                self._batch = self._collect(leave=leave)
            batch = self._batch
            await asyncio.shield(asyncio.ensure_future(self._run(lambda: self._write(batch))))
            self._batch = None

    async def finish(self) -> None:
        """Write everything, and give back every lease.

        Raises:
            OverloadedError: The store could not be used, several times.
            ServerError: The store is broken or full.
        """
        for left in reversed(range(_LAST_TRIES)):
            try:
                # One may be left from before; then the rest is written after it.
                await self.write(leave=True)
                await self.write(leave=True)
                await self._run(self._leasing.leave)
            except OverloadedError:
                if not left:
                    raise
            else:
                return

    def _collect(self, *, leave: bool) -> Batch | None:
        now = self._now()
        changes = []
        for account in list(self._busy):
            changes += account.changes(now, leave=leave)
            if account.is_quiet():
                self._busy.discard(account)
        entries, self._entries = self._entries, []
        if not changes and not entries:
            return None
        self._batch_number += 1
        return Batch(self._batch_number, changes, entries)

    def _write(self, batch: Batch | None) -> None:
        now = self._now()
        if batch is not None:
            self._leasing.write(batch, now)
        self._leasing.show_life(now)
