"""The leave for one request, until it is settled."""

from __future__ import annotations

from collections.abc import Callable

from backbay.response import Usage

from .account import Account, Hold
from .key import Key
from .ledger import Facts
from .limits import COST, REQUESTS, TOKENS, Need, nano

_LONGEST_NAME = 200
_LONGEST_STATUS = 32


class Grant:
    """An admitted request. Settle it exactly once, however it ends; what comes after that changes nothing.

    Attributes:
        key: The key, as it was when the request was admitted.
        model: The model's name as the client wrote it.
        is_open: Whether it was neither settled nor released.
    """

    __slots__ = ("_account", "_done", "_holds", "_need", "is_open", "key", "model")

    def __init__(
        self,
        account: Account,
        model: str,
        need: Need,
        holds: list[Hold],
        done: Callable[[Grant, Facts | None], None],
    ) -> None:
        self.key: Key = account.key
        self.model = model
        self.is_open = True
        self._account = account
        self._need = need
        self._holds = holds
        self._done = done

    @property
    def key_id(self) -> str:
        """The id of the key; it may be shown."""
        return self.key.id

    def may(self, model: str) -> bool:
        """Return whether the key may use ``vendor:model`` for this request.

        A model behind an alias may be used if the key may use the alias, or the model itself; its vendor must be one
        of the key's providers in any case.
        """
        return self.key.may(model, alias=self.model if ":" not in self.model else None)

    async def settle(
        self, usage: Usage | None, cost: float | None = None, *, served_by: str | None = None, status: str = "ok"
    ) -> None:
        """Count what the request used, instead of what was reserved, and write it into the ledger.

        Args:
            usage: What the backend reported. Where it is ``None``, or one of its counts is, it is not known what was
                used, and the reservation stands (or the count that is known, if that is more).
            cost: Money, in the unit of the configured prices; ``None`` if unknown: then the reservation stands.
            served_by: ``vendor:model`` that answered, or ``None``.
            status: How it ended, in a word: at most 32 characters.

        Raises:
            InvalidRequestError: ``cost`` is negative or not finite. The request is still open then.
        """
        self.settle_now(usage, cost, served_by=served_by, status=status)

    def settle_now(
        self, usage: Usage | None, cost: float | None = None, *, served_by: str | None = None, status: str = "ok"
    ) -> None:
        """Do what ``settle`` does, where nothing can be awaited."""
        if not self.is_open:
            return
        paid = None if cost is None else nano(cost, "A cost")
        read, written = (None, None) if usage is None else (_count(usage.input), _count(usage.output))
        known = (read or 0) + (written or 0)
        tokens = known if read is not None and written is not None else max(self._need[TOKENS], known)
        charged = self._need[COST] if paid is None else paid
        self._end((1, tokens, charged))
        model, server = self.model[:_LONGEST_NAME], None if served_by is None else served_by[:_LONGEST_NAME]
        self._done(self, (self.key.id, model, server, read, written, tokens, paid, charged, status[:_LONGEST_STATUS]))

    async def release(self) -> None:
        """Give the reservation back: nothing was used. The request still counts as one of its minute."""
        self.release_now()

    def release_now(self) -> None:
        """Do what ``release`` does, where nothing can be awaited."""
        if self.is_open:
            self._end((1, 0, 0))
            self._done(self, None)

    def _end(self, spent: Need) -> None:
        self.is_open = False
        self._account.freed()
        for pocket, amount, unit in self._holds:
            pocket.settle(amount, spent[unit] if unit != REQUESTS or pocket.place[0] == "requests" else 0)


def _count(value: int | None) -> int | None:
    # A backend can report anything.
    return None if value is None or value < 0 else min(int(value), 2**53)
