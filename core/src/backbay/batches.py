"""Batches that a vendor works through by itself, most often at half the price and within a day. Pure data."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from .errors import BackbayError, ConnectError, OverloadedError, ResponseError
from .response import JSONObject, Response, Usage

MAYBE = "The batch may have been made all the same: look at list_batches() before you create it again."
"""The hint of an error that leaves open whether the vendor has the batch."""

TOO_LARGE = "batch_too_large"
"""The code of the error of a batch with more requests, or more bytes, than the vendor takes."""


class BatchStatus(enum.StrEnum):
    """How a batch stands. The vendor's own word stands beside it as ``raw_status``."""

    QUEUED = "queued"
    """The vendor has it, and is looking at it, or has not begun."""
    RUNNING = "running"
    CANCELLING = "cancelling"
    """Its cancelling was asked for; what is under way may still be answered."""
    COMPLETED = "completed"
    """It was worked through. Requests of it may have failed all the same."""
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    """The vendor's time for it ran out. What was answered until then has results."""
    FAILED = "failed"
    """The vendor refused it as a whole; ``Batch.error`` says why."""
    OTHER = "other"
    """A word that is not known here. It does not count as ended."""


_ENDED = frozenset({BatchStatus.COMPLETED, BatchStatus.CANCELLED, BatchStatus.EXPIRED, BatchStatus.FAILED})


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchLimits:
    """What a vendor takes in one batch.

    Attributes:
        max_requests: Requests at most.
        max_bytes: Bytes of all requests together at most, as they are sent.
        id_pattern: A regular expression that a custom id must match as a whole; ``None`` for any text but ``""``.
        one_model: Whether all requests must ask one model.
        labels: Whether a batch keeps the label that it is created with.
    """

    max_requests: int
    max_bytes: int
    id_pattern: str | None = None
    one_model: bool = False
    labels: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchRequest:
    """One request of a batch, checked, and written as the vendor takes it. Made by ``Backend.batch_request``.

    Attributes:
        custom_id: The caller's name of it, each once in a batch.
        model: The model that is asked.
        path: Path of the call that it would be by itself, such as ``"chat/completions"``.
        data: What goes into the batch for it: JSON, without an end of line.
        headers: Headers that the batch must be sent with for its sake.
        dropped: Options that were left out because the backend lacks them, by the caller's leave.
    """

    custom_id: str
    model: str
    path: str
    data: bytes = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict)
    dropped: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """Bytes that it takes of ``BatchLimits.max_bytes``."""
        return len(self.data) + 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """A batch as the vendor described it last. Times are in Unix seconds, ``None`` where the vendor gives none.

    Attributes:
        id: The vendor's id of it.
        status: How it stands.
        raw_status: The vendor's own word for that.
        total: Requests in it; ``None`` if the vendor does not say, or has not counted them yet.
        completed: Requests that were answered; likewise. Some vendors say 0 until the batch has ended.
        failed: Requests that have no answer, and will have none; likewise.
        created_at: When it was made.
        ended_at: When it ended, in whatever way.
        expires_at: When the vendor's time for it runs out.
        error: Why it failed as a whole, in the vendor's words, or ``None``.
        label: What it was created with as ``label``; ``None`` if that was nothing, or the vendor keeps none.
        model: The model that is asked; ``None`` if the vendor does not say.
        raw: The vendor's own record.
    """

    id: str
    status: BatchStatus
    raw_status: str
    total: int | None = None
    completed: int | None = None
    failed: int | None = None
    created_at: float | None = None
    ended_at: float | None = None
    expires_at: float | None = None
    error: str | None = None
    label: str | None = None
    model: str | None = None
    raw: JSONObject = field(default_factory=dict, compare=False, repr=False)

    @property
    def ended(self) -> bool:
        """Whether nothing more will come of it, and its results can be read."""
        return self.status in _ENDED


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchResult:
    """How one request of a batch came out: it has a response or an error.

    Attributes:
        custom_id: The request's.
        response: The answer, as ``complete`` would have returned it; ``None`` if there is none.
        error: Why there is none. Requests that were not begun in time have the code ``"batch_expired"``, and those of a
            cancelled batch ``"batch_cancelled"``; both may be asked again.
    """

    custom_id: str
    response: Response | None = None
    error: BackbayError | None = None

    @property
    def usage(self) -> Usage | None:
        """Token counts, or ``None`` if the vendor gave none."""
        return None if self.response is None else self.response.usage

    def answer(self) -> Response:
        """Return the answer.

        Raises:
            BackbayError: The request has none; this is ``error``.
        """
        if self.response is not None:
            return self.response
        assert self.error is not None
        raise self.error


def may_have_been_made(error: BackbayError) -> bool:
    """Whether, for all that an error of ``create_batch`` says, the vendor may have the batch.

    It cannot where nothing was sent, no connection was made, or the vendor refused: any 3xx and 4xx, 503 and 529.
    """
    if error.attempts == 0 or isinstance(error, ConnectError | OverloadedError):
        return False
    refused = isinstance(error, ResponseError) and error.status is not None and 300 <= error.status < 500
    return not refused


def problem_of(given: Sequence[BatchRequest], known: BatchLimits, label: str | None) -> tuple[str, str | None]:
    """Return why a batch cannot work, in a sentence, and its code; an empty one if it can.

    Args:
        given: Its requests.
        known: What the vendor takes.
        label: Its label.
    """
    if not given or not all(isinstance(each, BatchRequest) for each in given):
        return "A batch takes one request or more, each made by batch_request().", None
    if len(given) > known.max_requests:
        return f"The batch has {len(given):,} requests; the vendor takes {known.max_requests:,}.", TOO_LARGE
    size = sum(each.size for each in given)
    if size > known.max_bytes:
        return f"The batch has {size:,} bytes; the vendor takes {known.max_bytes:,}.", TOO_LARGE
    seen: set[str] = set()
    for each in given:
        if each.custom_id in seen:
            return f"Two requests of the batch have the custom_id {each.custom_id[:100]!r}.", None
        seen.add(each.custom_id)
    models = {each.model for each in given}
    if known.one_model and len(models) > 1:
        return f"The batch asks {', '.join(sorted(models)[:5])}; the vendor takes one model in each batch.", None
    if len({each.path for each in given}) > 1 or any(each.headers != given[0].headers for each in given):
        return (
            "The requests of the batch are for several calls of the API, or need other headers than one another.",
            None,
        )
    if label is not None and (not isinstance(label, str) or not 0 < len(label) <= 512):
        return "A batch's label is text of 1 to 512 characters, or None.", None
    return "", None
