"""What a wire is to the driver: pure functions between our types and bytes. No I/O, no clock, no environment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from ..errors import BackbayError, ResponseError
from ..events import Event
from ..request import Request
from ..response import Embeddings, JSONObject, ModelInfo
from ..spec import BackendSpec

MAX_BODY = 64 * 2**20
"""Bytes of an answer in one body, asked for or not; a longer one is a ``TooLargeError``."""


@dataclass(frozen=True, slots=True)
class HTTPRequest:
    """An HTTP request. ``path`` is relative to the base URL until the driver makes it absolute in ``url``."""

    method: str
    path: str
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ErrorFacts:
    """What a vendor's error body says.

    Attributes:
        message: The vendor's words, or ``None`` if there are none to be found.
        code: The vendor's code or type, or ``None``.
        kind: The error class that the code means, or ``None`` to go by the HTTP status.
    """

    message: str | None = None
    code: str | None = None
    kind: type[ResponseError] | None = None


@dataclass(frozen=True, slots=True)
class Decoded:
    """A whole answer, decoded: the same events as the streamed form of it would give, and the body as it came."""

    events: Sequence[Event]
    raw: JSONObject | None = None


class StreamDecoder(Protocol):
    """Turns the bytes of one streamed answer into events, at any split of the bytes.

    After each ``feed`` and after ``finish`` look at ``failure``: the events that were returned came before it, and
    nothing comes after it.
    """

    failure: BackbayError | None

    def feed(self, data: bytes) -> Sequence[Event]:
        """Take more bytes; return the events that are complete now."""

    def finish(self) -> Sequence[Event]:
        """Take the end of the body; return the last events.

        Without the vendor's word that it finished, ``failure`` is a ``TruncatedError``.
        """


class Codec(Protocol):
    """One wire. Made once a backend, as ``codec(spec, quirks)``; it must not change after that."""

    def encode(self, request: Request, *, stream: bool) -> HTTPRequest:
        """Return the HTTP request for ``request``, which stays as it is.

        Raises:
            InvalidRequestError: The messages have no place on this wire; names the message's index.
            OptionConflictError: ``extra`` names a field that the codec writes.
            UnsupportedError: The wire has no place for something that was asked for.
        """

    def decode(self, body: bytes) -> Decoded:
        """Return the answer in a body that was not streamed.

        Raises:
            DecodeError: The body is no such answer.
            ResponseError: The body is an error, in spite of its status.
        """

    def decoder(self) -> StreamDecoder:
        """Return a decoder for one streamed answer."""

    def error(self, status: int, headers: Mapping[str, str], body: bytes) -> ErrorFacts:
        """Return what an error response says. Takes any bytes, and never raises."""

    def decode_models(self, body: bytes) -> Sequence[ModelInfo]:
        """Return the models of a model-list body.

        Raises:
            DecodeError: The body is no model list.
        """

    def encode_embeddings(self, model: str, inputs: Sequence[str], extra: Mapping[str, object]) -> HTTPRequest:
        """Return the HTTP request for embeddings of ``inputs``."""

    def decode_embeddings(self, body: bytes, count: int) -> Embeddings:
        """Return ``count`` vectors, in the order of the inputs.

        Raises:
            DecodeError: The body is no such answer.
        """


class CodecClass(Protocol):
    """How the driver makes a codec."""

    def __call__(self, spec: BackendSpec, quirks: Mapping[str, object]) -> Codec:
        """Return a codec for a vendor; ``quirks`` are the spec's, with the caller's configuration over them.

        Raises:
            ConfigurationError: A quirk's value is wrong.
        """
