"""Batches that were asked for, and whose answer did not come: looked for at the vendor's before others are made."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from backbay import Backend, Batch

from .vendor_chunks import Chunk, Chunks, Stage

SLACK = 300.0
"""Seconds by which the vendor's clock may be behind this machine's."""

MOST = 1000
"""How many of the account's batches are looked at, the newest first."""


async def find_lost(backend: Backend, chunks: Chunks, tell: Callable[[str], None]) -> None:
    """Find the batch of each chunk that has none; where there is none, its lines are free to go into another.

    Args:
        backend: Whose batches.
        chunks: The chunks.
        tell: Told what was found, a sentence each.

    Raises:
        BackbayError: The vendor does not say which batches there are.
    """
    lost = [chunk for chunk in chunks.open if chunk.stage is Stage.SENT]
    if not lost:
        return
    listed = await backend.list_batches(count=MOST)
    for chunk in lost:
        found = _candidate(backend, chunks, chunk, listed)
        if found is None:
            tell(f"The vendor has no batch of {chunk.count:,} lines that were on their way; they go again.")
            chunks.done(chunk)
        else:
            tell(f"The vendor has {chunk.count:,} lines, which were on their way, as its batch {found.id}.")
            chunks.made(chunk, found.id)


def _candidate(backend: Backend, chunks: Chunks, chunk: Chunk, listed: Sequence[Batch]) -> Batch | None:
    """Return the batch that is a chunk's, or that may be: then its ids tell, once it has ended."""
    if backend.batch_limits.labels:
        return next((batch for batch in listed if batch.label == chunk.label), None)
    known = chunks.ids.union(chunk.not_ours)
    fitting = [
        batch
        for batch in listed
        if batch.id not in known
        and batch.total in (None, chunk.count)
        and (batch.created_at is None or batch.created_at >= chunk.at - SLACK)
    ]
    return min(fitting, key=lambda batch: batch.created_at or 0.0, default=None)
