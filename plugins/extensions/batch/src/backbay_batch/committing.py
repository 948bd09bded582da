"""Results on their way into the journal: several at once, and no call counts as done before its result is kept.

So a run that is killed repeats at most the calls that were under way, as many as there may be at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from backbay import BackbayError

from .keeper import Keeper
from .rows import Result

_GATHER = 0.004
"""Seconds for which results are gathered, unless there are enough before."""

_ENOUGH = 64


class Committer:
    """Gathers results, and has them kept.

    Args:
        keeper: Keeps them.
        kept: Told the numbers of lines whose results are kept.
        under_way: Gives how many lines are under way, those whose results are gathered included.
        failed: Told what went wrong; nothing is kept from then on.
    """

    def __init__(
        self,
        keeper: Keeper,
        *,
        kept: Callable[[list[int]], None],
        under_way: Callable[[], int],
        failed: Callable[[BackbayError], None],
    ) -> None:
        self._keeper = keeper
        self._kept = kept
        self._under_way = under_way
        self._failed = failed
        self._gathered: list[Result] = []
        self._timer: asyncio.TimerHandle | None = None
        self._broken = False

    def add(self, result: Result) -> None:
        """Have a result kept soon."""
        self._gathered.append(result)
        others = self._under_way() - len(self._gathered)
        if len(self._gathered) >= min(_ENOUGH, max(1, others // 4)):
            self.flush()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_GATHER, self.flush)

    def flush(self) -> None:
        """Have everything kept now."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._broken or not self._gathered:
            return
        results, self._gathered = self._gathered, []
        try:
            self._keeper.commit(results)
        except BackbayError as failure:
            self._broken = True
            self._failed(failure)
            return
        self._kept([result.number for result in results])
