"""What comes back from a backend: answers, usage, models, health."""

from __future__ import annotations

import enum
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from .messages import Message, TextPart, ThinkingPart, ToolCall

JSONObject = Mapping[str, object]
"""A decoded JSON object."""

ParsedT_co = TypeVar("ParsedT_co", covariant=True)


class Validates(Protocol[ParsedT_co]):
    """A class that reads itself from JSON text, such as a pydantic model."""

    def model_validate_json(self, json_data: str) -> ParsedT_co:
        """Return an instance, or raise."""


class Finish(enum.StrEnum):
    """Why an answer ended. The vendor's own word stands beside it as ``raw_finish``."""

    STOP = "stop"
    TOOL_CALLS = "tool_calls"
    LENGTH = "length"
    CONTENT_FILTER = "content_filter"
    CANCELLED = "cancelled"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Usage:
    """Token counts as the vendor reported them; ``None`` is unknown, never zero.

    ``input`` and ``output`` include cached and reasoning tokens, which also stand apart.

    Attributes:
        input: Prompt tokens, cached ones included.
        output: Completion tokens, reasoning included.
        cached: Prompt tokens read from a cache.
        cache_written: Prompt tokens written to a cache.
        reasoning: Completion tokens spent on thinking.
        raw: The vendor's own usage object.
    """

    input: int | None = None
    output: int | None = None
    cached: int | None = None
    cache_written: int | None = None
    reasoning: int | None = None
    raw: JSONObject | None = None

    @property
    def total(self) -> int | None:
        """Input and output together, or ``None`` if either is unknown."""
        return None if self.input is None or self.output is None else self.input + self.output

    def merged(self, later: Usage) -> Usage:
        """Return the newest figure of each field; usage in a stream is cumulative."""

        def newest(new: int | None, old: int | None) -> int | None:
            return old if new is None else new

        return Usage(
            newest(later.input, self.input),
            newest(later.output, self.output),
            newest(later.cached, self.cached),
            newest(later.cache_written, self.cache_written),
            newest(later.reasoning, self.reasoning),
            {**(self.raw or {}), **(later.raw or {})} or None,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """One whole answer (or, on an error, as much as had come).

    Attributes:
        text: The answer; ``""`` if the model said nothing. Never stripped.
        thinking: What it thought, or ``None``.
        tool_calls: The calls it wants made, in order; malformed ones too, each with its ``error``.
        parts: Text, thinking and calls in the order in which they came.
        finish: Why it ended; ``None`` only on a partial answer.
        raw_finish: The vendor's own word for that, or ``None``.
        usage: Token counts, or ``None`` if the vendor gave none.
        model: The model that answered, as the vendor names it, or ``None``.
        id: The vendor's id of the answer, or ``None``.
        refusal: The vendor's words where it refused in a field of their own, else ``None``.
        details: What has no field here: log probabilities, citations, audio. By the vendor's names.
        attempts: How many times the request was sent; 1 if the first attempt worked.
        dropped: What was left out of the request because the backend lacks it, by the caller's leave.
        served_by: Id of the backend that answered, where ``fallback`` or ``route`` chose one; else ``None``.
        raw: The vendor's whole body, where the answer was not streamed; else ``None``.
    """

    text: str = ""
    thinking: str | None = None
    tool_calls: tuple[ToolCall, ...] = ()
    parts: tuple[TextPart | ThinkingPart | ToolCall, ...] = ()
    finish: Finish | None = None
    raw_finish: str | None = None
    usage: Usage | None = None
    model: str | None = None
    id: str | None = None
    refusal: str | None = None
    details: JSONObject = field(default_factory=dict)
    attempts: int = 1
    dropped: tuple[str, ...] = ()
    served_by: str | None = None
    raw: JSONObject | None = field(default=None, compare=False, repr=False)

    @property
    def message(self) -> Message:
        """The answer as an assistant's turn, ready to be sent back with the next prompt."""
        from .messages import Message, TextPart, ThinkingPart

        said = tuple(part for part in self.parts if isinstance(part, TextPart | ThinkingPart))
        plain = all(isinstance(part, TextPart) for part in said)
        content = (self.text or None) if plain else said
        return Message(role="assistant", content=content, tool_calls=self.tool_calls or None)

    def json(self) -> object:
        """Return the text decoded as JSON.

        Raises:
            ValueError: The text is not JSON.
        """
        return json.loads(self.text)

    def parse(self, model: Validates[ParsedT_co]) -> ParsedT_co:
        """Return the text as an instance of a pydantic class; raises what the class raises."""
        return model.model_validate_json(self.text)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelInfo:
    """A model that a backend offers.

    Attributes:
        id: What to ask for.
        label: A name for people, or ``None``.
        context_window: Tokens of prompt and answer together; ``None`` if the vendor does not say.
        max_output_tokens: Tokens of one answer at most; ``None`` if the vendor does not say.
        owned_by: Who made it, as the vendor says, or ``None``.
        native: Whether the model runs on a local engine, not at a hosted vendor.
        raw: The vendor's own record.
    """

    id: str
    label: str | None = None
    context_window: int | None = None
    max_output_tokens: int | None = None
    owned_by: str | None = None
    native: bool = False
    raw: JSONObject = field(default_factory=dict, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """Whether a backend can be reached. True in a boolean context iff reachable.

    Attributes:
        reachable: Whether a server answered as this vendor does. A refused key counts as reachable.
        latency_ms: Milliseconds of the probe; ``None`` if not reachable.
        last_error: What went wrong, or ``None``.
        status: HTTP status of the probe, or ``None`` if there was none.
    """

    reachable: bool
    latency_ms: float | None = None
    last_error: str | None = None
    status: int | None = None

    def __bool__(self) -> bool:
        return self.reachable


@dataclass(frozen=True, slots=True, kw_only=True)
class Embeddings:
    """Vectors of the inputs, in order: shape (n_inputs, n_dimensions).

    Attributes:
        vectors: One list of floats an input.
        model: The model that made them, or ``None``.
        usage: Token counts, or ``None``.
        attempts: How many times the request was sent.
    """

    vectors: Sequence[Sequence[float]]
    model: str | None = None
    usage: Usage | None = None
    attempts: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranked:
    """One document of a ranking.

    Attributes:
        index: Its place among the documents that were given, from 0.
        score: How well it answers the query; higher is better. The scale is the vendor's.
    """

    index: int
    score: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranking:
    """Documents by how well they answer a query, the best first.

    Attributes:
        results: One entry a document; fewer if ``top_n`` was given.
        model: The model that ranked them, or ``None``.
        usage: Token counts, or ``None``.
        attempts: How many times the request was sent.
    """

    results: Sequence[Ranked]
    model: str | None = None
    usage: Usage | None = None
    attempts: int = 1
