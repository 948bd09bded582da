"""What is known of a generation, besides its text."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from backbay.messages import Message
from backbay.response import JSONObject, Response, Usage

from .generation import Timing

if TYPE_CHECKING:
    from .thunks import ModelOutputThunk
    from .tools import ModelTool


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationNotes:
    """What was decided before a generation.

    Attributes:
        provider: The backend's id.
        model: The model that was asked, or ``None``.
        options: The options of the call, by core's names.
        dropped: What was left out, and why: ``"tools: format was given"``. Empty if nothing was.
        conflicts: Options that were given in two spellings, and which one counted.
        strategy: How ``format`` is reached: ``"schema"``, ``"tool"``, ``"json"``, ``"prompt"``; ``None`` without one.
        streaming: Whether the answer was asked for as a stream.
        raw: Whether the prompt went out as it is, with no template.
        soft: Whether a failure leaves the thunk computed, with an ``error`` beside what came.
        tools: The tools that the model was offered, by name.
        read: Reads the result; raises ``ComponentParseError``.
    """

    provider: str | None = None
    model: str | None = None
    options: Mapping[str, object] = field(default_factory=dict)
    dropped: tuple[str, ...] = ()
    conflicts: tuple[str, ...] = ()
    strategy: str | None = None
    streaming: bool = True
    raw: bool = False
    soft: bool = False
    tools: Mapping[str, ModelTool] = field(default_factory=dict)
    read: Callable[[ModelOutputThunk], object] = str

    def kept(self) -> GenerationNotes:
        """Return these without the tools, whose functions need not be such as can be pickled."""
        return replace(self, tools={})


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationMetadata:
    """Figures of a generation; ``None`` for what is not known (yet).

    Attributes:
        usage: Tokens, as the vendor reported them.
        model: The model that was asked.
        response_model: The model that answered, as the vendor names it.
        provider: The backend's id, or that of the one that served where several could.
        waited_ms: Milliseconds from the start until the request could be sent.
        ttfb_ms: Milliseconds from the start to the first event.
        duration_ms: Milliseconds from the start to the outcome.
        streaming: Whether the answer was asked for as a stream.
        finish_reasons: Why the answer ended: core's word, then the vendor's.
        response_id: The vendor's id of the answer.
        attempts: How many times the request was sent; 0 if there is no answer.
    """

    usage: Usage | None = None
    model: str | None = None
    response_model: str | None = None
    provider: str | None = None
    waited_ms: float | None = None
    ttfb_ms: float | None = None
    duration_ms: float | None = None
    streaming: bool = True
    finish_reasons: tuple[str, ...] = ()
    response_id: str | None = None
    attempts: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerateLog:
    """One record of a generation, for a program's own log.

    Attributes:
        date: When the record was made, in UTC.
        prompt: The messages that were sent, where the composer records them; else empty.
        backend: The backend's id.
        model_options: The options of the call.
        model_output: The vendor's body where it was not streamed, else ``None``.
        action: What it was generated for.
        result: The text; ``None`` if there is none.
        error: Why there is none.
    """

    date: dt.datetime
    prompt: Sequence[Message]
    backend: str | None
    model_options: Mapping[str, object]
    model_output: JSONObject | None
    action: object
    result: str | None
    error: BaseException | None


def log_of(thunk: ModelOutputThunk) -> GenerateLog:
    """Return the record of a thunk."""
    return GenerateLog(
        date=dt.datetime.now(dt.UTC),
        prompt=thunk.prompt,
        backend=thunk.notes.provider,
        model_options=thunk.notes.options,
        model_output=None if thunk.response is None else thunk.response.raw,
        action=thunk.action,
        result=thunk.value,
        error=thunk.error,
    )


def metadata_of(response: Response | None, timing: Timing, notes: GenerationNotes) -> GenerationMetadata:
    """Return the figures of a generation."""
    known = GenerationMetadata(
        model=notes.model,
        provider=notes.provider,
        streaming=notes.streaming,
        waited_ms=_between(timing.asked_at, timing.sent_at),
        ttfb_ms=_between(timing.asked_at, timing.first_at),
        duration_ms=_between(timing.asked_at, timing.ended_at),
    )
    if response is None:
        return known
    words = (response.finish.value if response.finish else None, response.raw_finish)
    return replace(
        known,
        usage=response.usage,
        response_model=response.model,
        provider=response.served_by or notes.provider,
        finish_reasons=tuple(word for word in words if word),
        response_id=response.id,
        attempts=response.attempts,
    )


def _between(first: float | None, last: float | None) -> float | None:
    return None if first is None or last is None else 1000 * (last - first)
