"""What runs on the cluster: an actor that holds one backend, and asks for items."""

from __future__ import annotations

from backbay_batch.asking import ask
from backbay_batch.engine import Item, Outcome, Target


class Worker:
    """Asks for items with a backend of its own, connected when it is made; Ray makes it an actor.

    Args:
        target: Whom to ask.

    Raises:
        BackbayError: The backend cannot be connected on this machine: a plugin or a key is missing there.
    """

    def __init__(self, target: Target) -> None:
        self._backend = target.open()

    async def ready(self) -> str:
        """Return the backend's id: it is connected."""
        return self._backend.id

    async def ask(self, item: Item) -> Outcome:
        """Ask for one item; a failure is an outcome too."""
        return await ask(self._backend, item)

    async def close(self) -> None:
        """Let go of the backend's connections."""
        await self._backend.aclose()
