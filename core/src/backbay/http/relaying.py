"""Carries jobs over HTTP: the caller's body up as it is, the vendor's down as it is, on every wire of one address."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import fields, replace
from typing import Self

from ..attempt import Call
from ..backend import Backend
from ..capabilities import Capability
from ..errors import ConfigurationError, InvalidRequestError, UnsupportedError
from ..jobs import Job
from ..relay import Source, is_generator
from ..settings import Settings
from ..spec import BackendSpec
from .codec import Codec, HTTPRequest
from .sealing import seal
from .setup import OURS
from .transport import Transport, TransportResponse

_SAME = ("default_base_url", "base_url_env", "host_env", "base_path", "url_parts", "credential_env", "authorizer")
"""What two wires of a vendor must have alike, so that one address and one key serve both."""

_CREDENTIALS = frozenset("authorization proxy-authorization cookie x-api-key api-key x-goog-api-key".split())


class Relaying(Backend):
    """The part of a backend over HTTP that carries jobs."""

    base_url: str
    _codec: Codec
    _auth_header: str
    _transport: list[Transport]

    def __init__(self, spec: BackendSpec, model: str | None = None, settings: Settings | None = None) -> None:
        super().__init__(spec, model, settings)
        # This backend on the vendor's other wires, made when first needed; shared by the views of with_options.
        self._others: dict[str, Self] = {}
        self._found: Mapping[str, BackendSpec] | None = None

    async def _send(self, request: HTTPRequest, call: Call) -> TransportResponse:
        raise NotImplementedError

    @property
    def wires(self) -> Sequence[str]:
        """The wires that jobs can be in: the backend's own, and the vendor's others at the same address and key."""
        return tuple(self._specs())

    def _carry(self, job: Job) -> Callable[[Call], Awaitable[Source]]:
        wire = job.wire
        if wire == self.spec.wires[0]:
            return self._sender(job)
        if wire not in self._specs():
            raise UnsupportedError(
                f"A job in the format {job.format!r} cannot be carried: this backend's wires are "
                f"{', '.join(self.wires)}, and nothing is translated.",
                code="wire",
                hint=f"Connect with wire={wire!r}."
                if wire in self._declared().wires
                else "Make the call with complete() or stream().",
            )
        return self._on(wire)._sender(job)  # noqa: SLF001 (an object of this class)

    def _sender(self, job: Job) -> Callable[[Call], Awaitable[Source]]:
        model, body = job.model_id or self.model, job.body()
        named = body.get("model")
        if named is not None and not isinstance(named, str):
            raise InvalidRequestError("The request's model must be text.")
        if named is not None and model is not None and named != model:
            raise InvalidRequestError(
                f"The request names the model {named!r}, and the job {model!r}.",
                hint="jobs.with_model(request, model) names another one.",
            )
        if named is None and model is None:
            raise ConfigurationError("There is no model to ask.", hint="Give model_id to the job.")
        stream = job.stream if job.stream is not None else body.get("stream") is True
        request = self._codec.encode_relay(model or named or "", body, stream=stream)
        given = _headers(job.headers, self._auth_header)
        if given or request.headers:
            request = replace(request, headers={**request.headers, **given}, overrides=bool(given))

        async def send(call: Call) -> Source:
            return Body(await self._send(request, call))

        return send

    def _declared(self) -> BackendSpec:
        return self.settings.declared or self.spec

    def _specs(self) -> Mapping[str, BackendSpec]:
        """Return the spec on each wire that jobs can be in, the backend's own first."""
        if self._found is None:
            self._found = self._find()
        return self._found

    def _find(self) -> Mapping[str, BackendSpec]:
        own, declared = self.spec, self._declared()
        found = {own.wires[0]: own}
        if declared.per_wire or len(declared.wires) > 1:
            home = declared.on_wire(own.wires[0])
            others = (declared.on_wire(wire) for wire in declared.wires if wire != own.wires[0])
            found |= {each.wires[0]: each for each in others if _at_one_address(home, each)}
        changes = self.settings.capabilities
        return {
            wire: spec
            for wire, spec in found.items()
            if spec.capabilities_of(self.model).with_(changes).allows(Capability.EXECUTE)
        }

    def _on(self, wire: str) -> Self:
        """Return this backend on another wire; both share their connections, and are closed together."""
        other = self._others.get(wire)
        if other is None:
            other = type(self)(self._specs()[wire], self.model, self.settings)
            other._transport, other._closed = self._transport, self._closed  # noqa: SLF001 (an object of this class)
            self._others[wire] = other
        return other


class Body(AsyncIterator[bytes]):
    """The body of a response that is a success."""

    def __init__(self, response: TransportResponse) -> None:
        self._response = response
        self._chunks: AsyncIterator[bytes] | None = None
        self.status: int = response.status
        self.content_type: str = response.headers.get("content-type", "")

    def chunks(self) -> Self:
        """Return the body as it comes. May be called once."""
        self._chunks = self._response.chunks()
        return self

    async def __anext__(self) -> bytes:
        if self._chunks is None:
            raise StopAsyncIteration
        try:
            # What comes may have the key in it: it is in no variable here.
            return await self._chunks.__anext__()
        except StopAsyncIteration:
            raise
        except Exception as failure:
            seal(failure)
            raise

    async def aclose(self) -> None:
        """Let go of it. May be called again."""
        chunks, self._chunks = self._chunks, None
        try:
            if is_generator(chunks, self._response):
                await chunks.aclose()
        finally:
            await self._response.aclose()


def _headers(given: Mapping[str, str], auth_header: str) -> dict[str, str]:
    """Return a job's headers by lower-case name.

    Raises:
        InvalidRequestError: One is the backend's to write, or has characters that no header may have.
    """
    found = {}
    for name, value in given.items():
        if not isinstance(name, str) or not isinstance(value, str):
            raise InvalidRequestError("A job's headers must be text.")
        lower = name.lower()
        if lower in OURS or lower in _CREDENTIALS or lower == auth_header.lower():
            raise InvalidRequestError(f"A job may not have the header {name}; Backbay writes it.")
        if not name or not name.isascii() or not value.isascii() or any(c in "\r\n\0 :" for c in name):
            raise InvalidRequestError(f"A job's header {name!r} has characters that no header may have.")
        if any(c in "\r\n\0" for c in value):
            raise InvalidRequestError(f"A job's header {name!r} has characters that no header may have.")
        found[lower] = value
    return found


def _at_one_address(one: BackendSpec, other: BackendSpec) -> bool:
    known = {each.name for each in fields(BackendSpec)}
    return all(getattr(one, name) == getattr(other, name) for name in (*_SAME, "backend") if name in known)
