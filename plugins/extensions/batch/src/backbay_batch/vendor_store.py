"""A batch's files in the hands of a run that leaves its lines to the vendor."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pydantic_core import to_json

from backbay import BatchResult, Usage

from . import records
from .answers import chat_body
from .asking import failure_of
from .budget import Price
from .engine import Failure
from .rows import Place, Result, State, Totals
from .setup import Opened

_PAGE = 256


class Store:
    """Reads lines, and keeps their results.

    Args:
        opened: The files.
        price: What tokens cost, or ``None``.

    Attributes:
        kept: How many results this run has kept.
    """

    def __init__(self, opened: Opened, price: Price | None) -> None:
        self._opened = opened
        self._price = price
        self.kept = 0

    def waiting(self) -> Iterator[tuple[Place, bytes]]:
        """Yield the lines without a result, with their bytes.

        Raises:
            ChangedBatchError: The input was changed.
        """
        after = 0
        while places := self._opened.journal.waiting(after, _PAGE):
            after = places[-1].number
            yield from zip(places, self._opened.source.read(places), strict=True)

    def unanswered(self, numbers: Sequence[int]) -> dict[int, str | None]:
        """Return those of some lines that have no result, each with its id."""
        return self._opened.journal.unanswered(numbers)

    def keep(self, results: Sequence[Result]) -> None:
        """Note results in the journal, and go on with the output.

        Raises:
            BatchStorageError: One of the two cannot be written.
        """
        if results:
            self._opened.journal.add_results(results)
            self._opened.output.add(self._opened.journal, results)
            self.kept += len(results)

    def answered(self, number: int, custom_id: str | None, result: BatchResult, model: str | None) -> Result:
        """Return how the vendor answered a line, as it is kept."""
        if result.response is None:
            assert result.error is not None
            return self.failed(number, custom_id, failure_of(result.error))
        usage = result.usage
        body = to_json(chat_body(result.response, model))
        return Result(
            number,
            State.ANSWERED,
            1,
            None if usage is None else usage.input,
            None if usage is None else usage.output,
            self._cost(result.response.model or model, usage),
            records.answered(self._opened.batch, number, custom_id or "", body),
        )

    def failed(self, number: int, custom_id: str | None, failure: Failure) -> Result:
        """Return a line that has no answer, as it is kept."""
        state = State.GIVEN_UP if failure.retryable else State.FAILED
        record = records.failed(self._opened.batch, number, custom_id, failure)
        return Result(number, state, failure.attempts, None, None, None, record)

    def totals(self) -> Totals:
        """Return the journal's counts."""
        return self._opened.journal.totals()

    def sync(self) -> None:
        """See to it that the journal survives the machine. Waits for the disk."""
        self._opened.journal.sync()

    def finish(self) -> None:
        """Write what is left of the output."""
        self._opened.output.finish(self._opened.journal)
        self._opened.journal.checkpoint()

    def close(self) -> None:
        """Close everything, whatever is left."""
        self._opened.close()

    def _cost(self, model: str | None, usage: Usage | None) -> float | None:
        return None if self._price is None or usage is None else self._price(model, usage)
