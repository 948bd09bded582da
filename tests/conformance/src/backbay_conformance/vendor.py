"""What an emulator of a vendor must know: how to write canonical answers as its bytes, and how to read requests."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from backbay.testing import Received, Reply, Step

from .scenarios import Answer

MODEL = "conformance-1"
"""The model that the suite asks for, and that answers."""

ANSWER_ID = "answer-1"
"""The id of every answer."""


@dataclass(frozen=True, slots=True)
class Turn:
    """One message as it stood on the wire, in the canonical form."""

    role: str
    text: str = ""
    images: int = 0
    calls: tuple[tuple[str, str, object], ...] = ()
    """Tool calls: id, name, decoded arguments."""
    answers: str | None = None
    """The id of the call that a tool's turn answers."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as it stood on the wire, in the canonical form. ``None`` means that the field was not sent."""

    model: str | None
    stream: bool
    turns: tuple[Turn, ...]
    tools: tuple[str, ...] = ()
    tool_choice: str | None = None
    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    seed: int | None = None
    schema: Mapping[str, Any] | None = None
    body: Mapping[str, Any] = field(default_factory=dict)


class Vendor(ABC):
    """Emulates one wire. A plugin with a wire of its own ships a subclass, and names it in its conformance test.

    Attributes:
        wire: The wire's name.
        refuses_in_a_field: Whether a refusal has a field of its own on this wire.
        extra: A field that the vendor alone has, and a value for it; ``extra`` must carry it to the wire.
        owned: A field that the codec writes, and ``extra`` may not name.
    """

    wire: str
    refuses_in_a_field: bool = False
    extra: tuple[str, Any] = ("acme_setting", {"level": 3})
    owned: str = "model"

    @abstractmethod
    def whole(self, answer: Answer) -> bytes:
        """Return the answer as one body."""

    @abstractmethod
    def stream(self, answer: Answer) -> Sequence[bytes]:
        """Return the answer as a streamed body, an event each. Only with all of them is it finished."""

    @abstractmethod
    def error(self, status: int, message: str) -> bytes:
        """Return the vendor's usual body of an error."""

    @abstractmethod
    def error_event(self, message: str) -> bytes:
        """Return the event of an error inside a stream."""

    @abstractmethod
    def models(self, ids: Sequence[str]) -> bytes:
        """Return a model list."""

    @abstractmethod
    def embeddings(self, vectors: Sequence[Sequence[float]]) -> bytes:
        """Return vectors, out of order where the wire has a place for their number."""

    @abstractmethod
    def read(self, request: Received) -> Asked:
        """Return what a request asked; raise ``ValueError`` if it is none of this wire's."""

    @property
    def stream_type(self) -> str:
        """Content type of a streamed body."""
        return "text/event-stream"

    @property
    def events_that_finish(self) -> int:
        """How many events at the end of ``stream`` say that the answer is finished: cut before them, it is not."""
        return 1

    def reply(self, request: Received, answer: Answer) -> Reply:
        """Return the answer in the form that the request asks for."""
        if self.read(request).stream:
            return self.streamed(answer)
        return Reply(headers={"content-type": "application/json"}, steps=[self.whole(answer)])

    def streamed(self, answer: Answer) -> Reply:
        """Return the answer as a stream."""
        steps: list[Step] = list(self.stream(answer))
        return Reply(headers={"content-type": self.stream_type}, steps=steps)
