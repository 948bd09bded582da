"""The facet of batches: many requests handed to a vendor at once, which it answers when it has the time."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Sequence
from typing import TypeVar, Unpack, final

from .attempt import Call
from .batches import MAYBE, Batch, BatchLimits, BatchRequest, BatchResult, may_have_been_made, problem_of
from .capabilities import Capability
from .errors import BackbayError, ConnectError, InvalidRequestError, OverloadedError, RateLimitError
from .facetbase import FacetBase
from .limits import Limits, LimitsInput, as_limits
from .messages import MessagesInput
from .request import Options
from .retry import RetryPolicy

T = TypeVar("T")


class BatchFacet(FacetBase):
    """Hands over batches. A plugin without HTTP that declares them writes the methods with an underscore."""

    # What a plugin writes.

    def _batch_limits(self) -> BatchLimits:
        raise self._no_batches()

    def _batch_request(self, call: Call, custom_id: str) -> BatchRequest:
        """Return a call's request as a batch takes it. No I/O."""
        raise self._no_batches()

    async def _upload_batch(self, call: Call, requests: Sequence[BatchRequest]) -> str | None:
        """Send ahead what a batch needs, and return its name; ``None`` where it needs nothing. May be repeated."""
        return None

    async def _create_batch(
        self, call: Call, requests: Sequence[BatchRequest], upload: str | None, label: str | None
    ) -> Batch:
        """Make the batch, in one request, which is not repeated unless the vendor certainly did not take it."""
        raise self._no_batches()

    async def _get_batch(self, call: Call, batch_id: str) -> Batch:
        raise self._no_batches()

    async def _cancel_batch(self, call: Call, batch_id: str) -> Batch:
        raise self._no_batches()

    async def _list_batches(self, call: Call, count: int) -> Sequence[Batch]:
        raise self._no_batches()

    def _batch_results(self, batch: Batch | str, limits: Limits) -> AsyncGenerator[BatchResult]:
        raise self._no_batches()

    def _no_batches(self) -> NotImplementedError:
        return NotImplementedError(f"{self.spec.name} declares batches and does not implement them")

    # What callers use.

    @property
    def batch_limits(self) -> BatchLimits:
        """What the vendor takes in one batch.

        Raises:
            UnsupportedError: The backend has no batches.
        """
        self._require(Capability.BATCHES)
        return self._batch_limits()

    @final
    def batch_request(self, custom_id: str, messages: MessagesInput, **options: Unpack[Options]) -> BatchRequest:
        """Return one request as ``create_batch`` takes it, checked as ``complete`` checks its own. No I/O.

        Hooks see it as they see a request of ``complete``, and do not see its answer.

        Args:
            custom_id: The caller's name of it, which its result has too; each once in a batch.
            messages: As in ``complete``.
            options: As in ``complete``; ``limits`` mean nothing here.

        Raises:
            UnsupportedError: The backend has no batches, or lacks something that the request asks for.
            InvalidRequestError: The vendor takes no such id, or a value is wrong.
            BackbayError: As ``complete`` raises before any I/O.
        """
        model = options.get("model")
        self._require(Capability.BATCHES, model)
        pattern = self._batch_limits().id_pattern
        if not _is_text(custom_id):
            raise InvalidRequestError("custom_id must be text, and not empty.", backend=self.id, model=model)
        if pattern is not None and not re.fullmatch(pattern, custom_id):
            raise InvalidRequestError(
                f"The vendor takes no custom_id {custom_id[:100]!r}: it must match {pattern}.",
                backend=self.id,
                model=model,
            )
        call = self._prepare(messages, options, Capability.BATCHES)
        try:
            return self._batch_request(call, custom_id)
        except BackbayError as error:
            error.backend, error.model = error.backend or self.id, error.model or call.model
            error.phase = error.phase or "prepare"
            raise
        finally:
            call.close()

    @final
    async def create_batch(
        self, requests: Iterable[BatchRequest], *, label: str | None = None, limits: LimitsInput = None
    ) -> Batch:
        """Hand a batch to the vendor.

        No vendor has a way to make a creation idempotent. So one whose answer was lost is not repeated, whatever the
        backend's retries: the error says that the batch may have been made, and so does ``may_have_been_made``.

        Args:
            requests: What ``batch_request`` of this backend returned.
            label: Up to 512 characters that the batch keeps, where ``batch_limits.labels`` says that it does, to know
                it again; left out elsewhere.
            limits: Limits on each of the requests that this takes; one uploads everything.

        Raises:
            UnsupportedError: The backend has no batches; no I/O has happened.
            InvalidRequestError: Two requests have one id, there are none, or the vendor takes no such batch: too many
                requests or bytes (the code is ``"batch_too_large"``), several models; no I/O has happened.
            BackbayError: There is no batch; or its making is not certain, as above.
        """
        self._require(Capability.BATCHES)
        given = list(requests)
        self._check_batch(given, label)
        model, wanted = given[0].model, as_limits(limits)
        upload = await self._step(lambda call: self._upload_batch(call, given), wanted, model, self.settings.retry)
        try:
            return await self._step(
                lambda call: self._create_batch(call, given, upload, label),
                wanted,
                model,
                _NeverTwice.of(self.settings.retry),
            )
        except BackbayError as error:
            if may_have_been_made(error):
                error.retryable = False
                error.hint = f"{error.hint} {MAYBE}" if error.hint else MAYBE
            raise

    @final
    async def get_batch(self, batch_id: str, *, limits: LimitsInput = None) -> Batch:
        """Return how a batch stands now.

        Raises:
            UnsupportedError: The backend has no batches; no I/O has happened.
            NotFoundError: The vendor does not know it.
            BackbayError: It could not be had.
        """
        self._require(Capability.BATCHES)
        self._check_id(batch_id)
        return await self._simple(lambda call: self._get_batch(call, batch_id), as_limits(limits))

    @final
    async def cancel_batch(self, batch_id: str, *, limits: LimitsInput = None) -> Batch:
        """Ask the vendor to end a batch; return how it stands. What was answered before has results, and is billed.

        Raises:
            UnsupportedError: The backend has no batches; no I/O has happened.
            BackbayError: The vendor does not know it, or says that it has ended.
        """
        self._require(Capability.BATCHES)
        self._check_id(batch_id)
        return await self._simple(lambda call: self._cancel_batch(call, batch_id), as_limits(limits))

    @final
    async def list_batches(self, *, count: int = 100, limits: LimitsInput = None) -> Sequence[Batch]:
        """Return batches of the account, as the vendor orders them, which is the newest first.

        Args:
            count: How many at most.
            limits: Limits on the whole.

        Raises:
            UnsupportedError: The backend has no batches; no I/O has happened.
            InvalidRequestError: ``count`` is less than 1.
            BackbayError: The list could not be had.
        """
        self._require(Capability.BATCHES)
        if count < 1:
            raise InvalidRequestError(f"count is {count}; it must be 1 or more.", backend=self.id)
        return await self._simple(lambda call: self._list_batches(call, count), as_limits(limits))

    @final
    def batch_results(self, batch: Batch | str, *, limits: LimitsInput = None) -> AsyncGenerator[BatchResult]:
        """Return the results of a batch that has ended, each as soon as its line has come, in the vendor's order.

            async for result in backend.batch_results(batch):
                print(result.custom_id, result.response.text if result.response else result.error)

        Each id comes once. Nothing is kept but the ids. When the reading breaks off, read again from the beginning.

        Args:
            batch: The batch, or its id.
            limits: Limits on the reading; ``total`` is for each file that the vendor keeps results in.

        Raises:
            UnsupportedError: The backend has no batches; no I/O has happened.
            ResponseError: The batch has not ended (the code is ``"batch_not_ended"``).
            TruncatedError: The batch is completed, and fewer results came than it has requests.
            BackbayError: The results could not be had. What is wrong with one request is its result's ``error``.
        """
        self._require(Capability.BATCHES)
        self._check_id(batch.id if isinstance(batch, Batch) else batch)
        return self._batch_results(batch, as_limits(limits).over(self.settings.limits))

    async def _step(
        self, once: Callable[[Call], Awaitable[T]], limits: Limits, model: str | None, retry: RetryPolicy
    ) -> T:
        call = self._call(model, limits.over(self.settings.limits))
        try:
            return await call.attempt(lambda: once(call), retry)
        finally:
            call.close()

    def _check_id(self, batch_id: str) -> None:
        if not _is_text(batch_id) or batch_id in (".", ".."):
            raise InvalidRequestError("A batch's id must be text, and not empty; this is none.", backend=self.id)

    def _check_batch(self, given: Sequence[BatchRequest], label: str | None) -> None:
        """Refuse what the vendor would refuse, or would answer so that nobody could tell the answers apart."""
        problem, code = problem_of(given, self._batch_limits(), label)
        if problem:
            raise InvalidRequestError(problem, backend=self.id, code=code, phase="prepare")


def _is_text(value: object) -> bool:
    """Whether a value is text that can be sent: not empty, and without half of a surrogate pair."""
    return isinstance(value, str) and value != "" and value.encode("utf-8", "ignore").decode() == value


class _NeverTwice(RetryPolicy):
    """A backend's own policy, for a request that must not be made twice: again only where it surely had no effect."""

    __slots__ = ()

    def pause(self, error: BackbayError, attempt: int, remaining: float | None) -> float | None:
        if isinstance(error, ConnectError | RateLimitError | OverloadedError):
            return RetryPolicy.pause(self, error, attempt, remaining)
        return None
