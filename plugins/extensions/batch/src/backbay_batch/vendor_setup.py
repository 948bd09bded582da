"""What a run that leaves its lines to the vendor is told: its files, and a backend that has batches of its own."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from backbay import BackbayError, Backend, Batch, Capability, Limits, connect, names, resolve
from backbay.limits import NO_LIMITS

from .budget import Price
from .errors import BatchEngineError, BatchSetupError
from .journal import Journal
from .setup import Files, settings_of
from .vendor_chunks import Chunks

LIMITS = Limits(first_event=600.0, idle=120.0)
"""Limits of each request where none are given: an upload, and a vendor that says nothing, end at some time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VendorBatch:
    """All that a run is told.

    Attributes:
        files: The files.
        backend: Whose batches: a name, or a backend, which stays open.
        arguments: Keyword arguments of ``connect``, where it is a name.
        key_variable: As in ``Target``.
        price: What tokens cost; ``None`` if that is not known. List prices are not those of batches.
    """

    files: Files
    backend: str | Backend
    arguments: Mapping[str, object] = field(default_factory=dict, repr=False)
    key_variable: str | None = None
    price: Price | None = None

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[Backend]:
        """Give the backend, and close it afterwards unless it is the caller's.

        Raises:
            BatchSetupError: It has no batches of its own; the message names installed backends that have.
            BackbayError: As ``connect`` raises.
        """
        if isinstance(self.backend, Backend):
            check_facet(self.backend)
            yield self.backend
            return
        given = dict(self.arguments)
        if given.get("limits") in (None, NO_LIMITS):
            given["limits"] = LIMITS
        if self.key_variable is not None:
            from .keys import key_in

            given["api_key"] = key_in(self.key_variable)
        backend = connect(self.backend, **given)  # type: ignore[arg-type]
        try:
            check_facet(backend)
            yield backend
        finally:
            await backend.aclose()

    @property
    def settings(self) -> str:
        """What must be the same when the batch goes on: also that its lines are the vendor's, and no calls."""
        found = json.loads(settings_of(self.backend, self.arguments))
        found["arguments"] = {**(found.get("arguments") or {}), "vendor_batch": "yes"}
        return json.dumps(found)


async def cancel(batch: VendorBatch) -> Sequence[Batch]:
    """Cancel the vendor's batches that a journal has open; return how they stand.

    The next run fetches what was answered until then, which is billed; it makes no new batches of what was cancelled
    before it has told so.

    Raises:
        BatchSetupError: There is no journal, or it is of another backend.
        JournalBusyError: A run has it; end that first.
        BatchEngineError: The answer to a creation was lost, and the vendor keeps no labels; all others are cancelled.
        BackbayError: The vendor refused.
    """
    path = batch.files.journal
    if not path.is_file():
        raise BatchSetupError(
            f"There is no journal {path}.", hint="Give the output of the run that is to be cancelled."
        )
    with Journal(path) as journal:
        if journal.fact("settings") != batch.settings:
            raise BatchSetupError(f"{path} is of another backend, or of no vendor's batches.")
        left = Chunks(journal).open
    found = []
    async with batch.connected() as backend:
        ids = [chunk.id for chunk in left if chunk.id is not None]
        lost = [chunk for chunk in left if chunk.id is None]
        if lost and backend.batch_limits.labels:
            labels = {chunk.label for chunk in lost}
            ids += [each.id for each in await backend.list_batches(count=1000) if each.label in labels]
            lost = []
        for batch_id in ids:
            known = await backend.get_batch(batch_id)
            found.append(known if known.ended else await backend.cancel_batch(batch_id))
    if lost:
        # Without a label it may be anybody's batch that looks like it.
        raise BatchEngineError(
            f"It is not known whether the vendor has made a batch of {lost[0].count:,} lines; it was not cancelled.",
            hint="Run the run's own command first, which finds out.",
        )
    return found


def check_facet(backend: Backend) -> None:
    """Refuse a backend that has no batches of its own.

    Raises:
        BatchSetupError: It has none; the hint names installed ones that have.
    """
    if backend.capabilities().allows(Capability.BATCHES):
        return
    able = ", ".join(with_facet()) or "none of those that are installed"
    raise BatchSetupError(
        f"{backend.id} has no batches of its own.",
        hint=f"Backends that have: {able}. Line by line, without --vendor-batch, any backend will do.",
    )


def with_facet() -> list[str]:
    """Return the names of installed backends that have batches."""
    found = []
    for name in names():
        try:
            spec = resolve(name)
        except BackbayError:
            continue
        if spec.capabilities_of(None).allows(Capability.BATCHES):
            found.append(name)
    return sorted(found)
