"""What a wire is to the driver: pure functions between our types and bytes. No I/O, no clock, no environment."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Protocol

from ..errors import BackbayError, ResponseError, UnsupportedError
from ..events import Event
from ..jsonbytes import JSONBody
from ..request import Request
from ..response import Embeddings, JSONObject, ModelInfo, Ranking
from ..spec import BackendSpec

if TYPE_CHECKING:
    from .batchwire import BatchWire

MAX_BODY = 64 * 2**20
"""Bytes of an answer in one body, asked for or not; a longer one is a ``TooLargeError``."""


@dataclass(frozen=True, slots=True)
class HTTPRequest:
    """An HTTP request. ``path`` is relative to the base URL until the driver makes it absolute in ``url``.

    Attributes:
        overrides: Whether ``headers`` take the place of the backend's own of the same names, and do not stand beside
            them.
    """

    method: str
    path: str
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    overrides: bool = False


@dataclass(frozen=True, slots=True)
class ErrorFacts:
    """What a vendor's error body says.

    Attributes:
        message: The vendor's words, or ``None`` if there are none to be found.
        code: The vendor's code or type, or ``None``.
        kind: The error class that the code means, or ``None`` to go by the HTTP status.
        retry_after: Seconds that the body, and no header, asks to wait; ``None`` if it does not.
        request_id: The vendor's id of the request, where the body, and no header, has it.
    """

    message: str | None = None
    code: str | None = None
    kind: type[ResponseError] | None = None
    retry_after: float | None = None
    request_id: str | None = None


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


class Codec(ABC):
    """One wire. Made once a backend, as ``codec(spec, quirks)``; it must not change after that.

    ``encode``, ``decode``, ``decoder`` and ``error`` are what every wire has; a codec overrides the others for what its
    wire has too.

    Args:
        spec: The backend's declaration.
        quirks: The spec's, with the caller's configuration over them.

    Attributes:
        headers: Headers of every request, the model list's too, such as an API version.
        auth_header: The header that the key goes into, where the wire and not the vendor decides that; ``None`` leaves
            it to the spec.

    Raises:
        ConfigurationError: A quirk is unknown, or its value is wrong.
    """

    headers: Mapping[str, str] = MappingProxyType({})
    auth_header: str | None = None

    @abstractmethod
    def __init__(self, spec: BackendSpec, quirks: Mapping[str, object]) -> None: ...

    @abstractmethod
    def encode(self, request: Request, *, stream: bool) -> HTTPRequest:
        """Return the HTTP request for ``request``, which stays as it is.

        Raises:
            InvalidRequestError: The messages have no place on this wire; names the message's index.
            OptionConflictError: ``extra`` names a field that the codec writes.
            UnsupportedError: The wire has no place for something that was asked for.
        """

    @abstractmethod
    def decode(self, body: bytes) -> Decoded:
        """Return the answer in a body that was not streamed.

        Raises:
            DecodeError: The body is no such answer.
            ResponseError: The body is an error, in spite of its status.
        """

    @abstractmethod
    def decoder(self) -> StreamDecoder:
        """Return a decoder for one streamed answer."""

    @abstractmethod
    def error(self, status: int, headers: Mapping[str, str], body: bytes) -> ErrorFacts:
        """Return what an error response says. Takes any bytes, and never raises."""

    def encode_relay(self, model: str, body: JSONBody, *, stream: bool) -> HTTPRequest:
        """Return the HTTP request that carries a caller's own body of this wire. No byte of it changes but the model's.

        Args:
            model: The model to ask; the body names no other.
            body: The body.
            stream: Whether a streamed answer is wanted, for a wire whose address says so.
        """
        raise self._lacks("relay")

    def decode_models(self, body: bytes) -> Sequence[ModelInfo]:
        """Return the models of a model-list body.

        Raises:
            DecodeError: The body is no model list.
        """
        raise self._lacks("model list")

    def next_page(self, body: bytes) -> str | None:
        """Return the query (``"after_id=x"``) that gets the model list's next page; ``None`` if ``body`` was the last.

        Called only with a body that ``decode_models`` took.
        """
        return None

    def encode_embeddings(self, model: str, inputs: Sequence[str], extra: Mapping[str, object]) -> HTTPRequest:
        """Return the HTTP request for embeddings of ``inputs``."""
        raise self._lacks("embeddings")

    def decode_embeddings(self, body: bytes, count: int) -> Embeddings:
        """Return ``count`` vectors, in the order of the inputs.

        Raises:
            DecodeError: The body is no such answer.
        """
        raise self._lacks("embeddings")

    def encode_rerank(
        self, model: str, query: str, documents: Sequence[str], top_n: int | None, extra: Mapping[str, object]
    ) -> HTTPRequest:
        """Return the HTTP request that ranks ``documents`` by how well they answer ``query``."""
        raise self._lacks("rerank call")

    def decode_rerank(self, body: bytes, count: int) -> Ranking:
        """Return the ranking of ``count`` documents, the best first.

        Raises:
            DecodeError: The body is no such answer.
        """
        raise self._lacks("rerank call")

    def encode_raw(self, request: Request) -> HTTPRequest:
        """Return the HTTP request that continues a text as it is; ``backbay.rawtext.raw_prompt(request)`` gives it.

        Raises as ``encode`` does.
        """
        raise self._lacks("way to continue a text as it is")

    def decode_raw(self, body: bytes) -> Decoded:
        """Return what follows the text, in the answer to that. Raises as ``decode`` does."""
        raise self._lacks("way to continue a text as it is")

    def encode_count(self, request: Request) -> HTTPRequest:
        """Return the HTTP request that counts the tokens of ``request``'s prompt. Raises as ``encode`` does."""
        raise self._lacks("token counting")

    def decode_count(self, body: bytes) -> int:
        """Return the number of tokens.

        Raises:
            DecodeError: The body is no such answer.
        """
        raise self._lacks("token counting")

    def batches(self) -> BatchWire:
        """Return what the wire has for batches. Called often; cheap."""
        raise self._lacks("batches")

    def _lacks(self, what: str) -> UnsupportedError:
        return UnsupportedError(f"This wire has no {what}.")


class Authorizer(Protocol):
    """Signs requests where a key in a header is not enough: a signature, or a token that runs out."""

    async def headers(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> Mapping[str, str]:
        """Return the headers that authorise one request, just before it is sent.

        Raises:
            AuthenticationError: There is no credential any more, or it cannot be refreshed.
        """

    def secrets(self) -> Sequence[str]:
        """Return what must not be seen in any error: tokens and keys."""


class AuthorizerClass(Protocol):
    """How the driver makes an authorizer."""

    def __call__(self, spec: BackendSpec, config: Mapping[str, object]) -> Authorizer:
        """Return what signs requests; no I/O.

        Raises:
            MissingCredentialError: There is nothing to sign with.
            ConfigurationError: A setting is wrong.
        """


class CodecClass(Protocol):
    """How the driver makes a codec."""

    def __call__(self, spec: BackendSpec, quirks: Mapping[str, object]) -> Codec:
        """Return a codec for a vendor; ``quirks`` are the spec's, with the caller's configuration over them.

        Raises:
            ConfigurationError: A quirk's value is wrong.
        """
