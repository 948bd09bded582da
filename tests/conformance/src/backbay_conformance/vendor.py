"""What an emulator of a vendor must know: how to write canonical answers as its bytes, and how to read requests."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from backbay import Finish
from backbay.testing import Received, Reply, Step

from .batchdesk import BatchDesk
from .fuzzing.framing import TEXT, Framing
from .problems import EmulatorError
from .scenarios import Answer

MODEL = "conformance-1"
"""The model that the suite asks for, and that answers."""

ANSWER_ID = "answer-1"
"""The id of every answer."""

COUNTS = frozenset({"input", "output", "cached", "reasoning"})
"""The token counts of an answer."""

FINISHES = frozenset({Finish.STOP, Finish.LENGTH, Finish.TOOL_CALLS, Finish.CONTENT_FILTER})
"""The ends that an answer of the suite may have."""


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
    signatures: tuple[str, ...] = field(default=(), compare=False)
    """Signatures that the vendor made of its own turns, sent back: each as it stood on the wire, in order."""
    thinking: str | None = field(default=None, compare=False)
    """The thinking that was sent back beside them; ``None`` where the wire sends none. It is never part of ``text``."""


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


@dataclass(frozen=True, slots=True)
class RawAsked:
    """A request to continue a text, as it stood on the wire. ``None`` means that the field was not sent.

    Attributes:
        prompt: The text, as the vendor gets it.
        schema: The JSON Schema that the answer is to fit.
        body: The whole body.
    """

    model: str | None
    prompt: str | None
    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    seed: int | None = None
    schema: Mapping[str, Any] | None = None
    body: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Dialect:
    """One way of a wire to tell of usage.

    Attributes:
        name: What ``Answer.dialect`` names.
        tells: The counts that it has a place for. An answer in it has ``None`` for each other count.
    """

    name: str
    tells: frozenset[str] = COUNTS

    def __str__(self) -> str:
        return self.name


class Vendor(ABC):
    """Emulates one wire. A plugin with a wire of its own ships a subclass, and names it in its conformance test.

    Attributes:
        wire: The wire's name.
        refuses_in_a_field: Whether a refusal has a field of its own on this wire.
        extra: A field that the vendor alone has, and a value for it; ``extra`` must carry it to the wire.
        owned: A field that the codec writes, and ``extra`` may not name.
        resends_thinking: Whether the vendor signs what its model thought, and wants it back unchanged with the next
            request. Then ``whole`` and ``stream`` write ``Answer.signature`` where the vendor has it (beside the
            thinking, or on a call), and ``read`` gives it back in ``Turn.signatures``, and in ``Turn.thinking`` what
            was sent back of the thinking. ``False``: the emulator ignores ``Answer.signature``, and nothing of what a
            ``ThinkingPart`` keeps for a vendor may stand in a request.
        system_turns: What the wire does with system messages. ``"anywhere"``: each keeps its place. ``"first"``: they
            stand before the conversation, each by itself, and one within it is refused before any I/O.
            ``"joined"``: likewise, and several are one, with an empty line between.
        image_urls: Whether the vendor takes the URL of an image. Where not, one is refused before any I/O.
        names_model: Whether an answer names the model that gave it. Where not, ``Response.model`` is ``None``.
        names_answer: Whether an answer has an id. Where not, ``Response.id`` is ``None``.
        finishes: The ends that the wire has a word for. An answer with another end is written as one that just stops.
        tells: The counts that the wire has a place for; answers have ``None`` for the others.
        dialects: The ways in which vendors of this wire tell of usage. An answer names the one that it is written in.
    """

    wire: str
    refuses_in_a_field: bool = False
    extra: tuple[str, Any] = ("acme_setting", {"level": 3})
    owned: str = "model"
    resends_thinking: bool = False
    system_turns: Literal["anywhere", "first", "joined"] = "anywhere"
    image_urls: bool = True
    names_model: bool = True
    names_answer: bool = True
    finishes: frozenset[Finish] = FINISHES
    tells: frozenset[str] = COUNTS
    dialects: tuple[Dialect, ...] = ()

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

    def raw(self, answer: Answer) -> bytes:
        """Return the answer as the body of what follows a raw text. Wanted where the spec declares ``complete_raw``."""
        raise self._no_raw()

    def read_raw(self, request: Received) -> RawAsked:
        """Return what a request to continue a text asked; raise ``ValueError`` if it is none of this wire's."""
        raise self._no_raw()

    def _no_raw(self) -> EmulatorError:
        return EmulatorError(
            f"The spec declares complete_raw, and the emulator {type(self).__qualname__} of the wire {self.wire!r} "
            "emulates none. Write the methods raw and read_raw in a subclass of Vendor."
        )

    def batches(self) -> BatchDesk:
        """Return what takes batches on this wire, a new one each time. Wanted where the spec declares ``batches``."""
        raise EmulatorError(
            f"The spec declares batches, and the emulator {type(self).__qualname__} of the wire {self.wire!r} takes "
            "none. Write the method batches in a subclass of Vendor."
        )

    @property
    def stream_type(self) -> str:
        """Content type of a streamed body."""
        return "text/event-stream"

    @property
    def framing(self) -> Framing:
        """How the fuzzers change the JSON of an event; a binary stream says here how lengths and checksums go along."""
        return TEXT

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
