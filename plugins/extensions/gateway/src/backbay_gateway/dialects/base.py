"""What a client's dialect is: pure functions between a client's JSON and Backbay's own types. No I/O."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from backbay.errors import BackbayError
from backbay.events import Event
from backbay.messages import Message
from backbay.response import JSONObject, Response


@dataclass(frozen=True, slots=True)
class Ask:
    """What a client asks for, in Backbay's own types.

    Attributes:
        model: The model's name as the client wrote it: ``vendor:model``, or an alias.
        messages: The conversation, the system prompt included.
        options: Keyword arguments of ``Backend.stream`` and ``Backend.complete``, without ``model`` and ``limits``.
        stream: Whether the client wants the answer as it comes.
        usage: Whether a streamed answer tells its token counts.
        raw: The client's JSON, as it came.
    """

    model: str
    messages: tuple[Message, ...]
    options: Mapping[str, object] = field(default_factory=dict)
    stream: bool = False
    usage: bool = True
    raw: JSONObject = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Refusal:
    """An error as a client's own library understands it.

    Attributes:
        status: HTTP status.
        body: JSON, in the dialect's own form.
        headers: Headers beside it, such as ``retry-after`` (seconds).
    """

    status: int
    body: JSONObject
    headers: Mapping[str, str] = field(default_factory=dict)


class Writer(ABC):
    """Writes one streamed answer. Bytes are whole server-sent events; ``b""`` where there is nothing to say yet."""

    content_type: ClassVar[str] = "text/event-stream; charset=utf-8"

    @abstractmethod
    def feed(self, event: Event) -> bytes:
        """Return what the client must be told of an event. With ``Ended`` comes all that ends the answer."""

    @abstractmethod
    def fail(self, error: BackbayError) -> bytes:
        """Return the error as an event of the dialect. The connection is then dropped, and nothing ends the answer."""

    def ping(self) -> bytes:
        """Return what shows life while the backend is silent; a comment, which every reader passes over."""
        return b": ping\n\n"


class Dialect(ABC):
    """How clients of one kind speak.

    Attributes:
        name: Such as ``openai_chat``.
        wire: The wire of core that a backend must speak for the client's bytes to be relayed; ``None`` if none does.
    """

    name: ClassVar[str]
    wire: ClassVar[str | None]

    @abstractmethod
    def read(self, body: JSONObject) -> Ask:
        """Return what a request asks for.

        Raises:
            InvalidRequestError: A field is missing, unknown, of a wrong type, or out of range; the message names it.
            UnsupportedError: A field is right, and nothing of Backbay's can carry it.
        """

    @abstractmethod
    def write(self, response: Response, ask: Ask) -> JSONObject:
        """Return a whole answer in the dialect."""

    @abstractmethod
    def writer(self, ask: Ask) -> Writer:
        """Return what writes one streamed answer."""

    @abstractmethod
    def refuse(self, error: BackbayError, request_id: str) -> Refusal:
        """Return an error in the dialect, so that the client's library raises its own class for it.

        Nothing of an upstream's host, key or stack is in it.
        """
