"""The backend: one verb to write, and the public methods that core owns.

A subclass implements ``_stream`` and, for the facets that its spec declares, ``_list_models``, ``_probe`` and
``_embed``. The public methods are final, so that checks, limits, retries and hooks cannot be forgotten.
"""

from __future__ import annotations

import copy
import time
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from types import TracebackType
from typing import Any, Self, TypeVar, Unpack, final

from . import hooks
from .attempt import Call
from .capabilities import Capabilities, Capability
from .check import apply_capabilities, check_messages
from .errors import BackbayError, ClosedError, ConfigurationError
from .events import Event
from .limits import Limits, LimitsInput, as_limits
from .messages import MessagesInput
from .request import Options, Request, build_request, check_names
from .response import Embeddings, Health, ModelInfo, Response
from .settings import Settings
from .spec import BackendSpec
from .stream import EventStream, Listener

T = TypeVar("T")

HEALTH_LIMIT = 5.0
"""Seconds that a health probe may take where the caller sets no limit."""


class Backend(ABC):
    """An inference vendor, or an engine in this process, that turns a request into events.

    Args:
        spec: The backend's declaration.
        model: The model to ask where a call names none, or ``None``.
        settings: How this object is set up.

    Attributes:
        spec: The backend's declaration.
        model: As given.
        settings: As given.
    """

    def __init__(self, spec: BackendSpec, model: str | None = None, settings: Settings | None = None) -> None:
        self.spec = spec
        self.model = model
        self.settings = settings or Settings()
        self._defaults: dict[str, Any] = {**spec.defaults, **self.settings.defaults}
        check_names(self._defaults)
        self._closed = [False]

    # What a plugin writes.

    @abstractmethod
    def _stream(self, request: Request) -> AsyncIterator[Event]:
        """Yield the events of the answer (write it as an async generator). When closed, stop the work at once."""

    async def _list_models(self) -> Sequence[ModelInfo]:
        raise NotImplementedError(f"{self.spec.name} declares list_models and does not implement it")

    async def _probe(self) -> Health:
        return Health(reachable=True)

    async def _embed(self, model: str | None, inputs: Sequence[str], extra: Mapping[str, object]) -> Embeddings:
        raise NotImplementedError(f"{self.spec.name} declares embeddings and does not implement it")

    async def _aclose(self) -> None:  # noqa: B027 (most backends hold nothing)
        """Let go of what the backend holds on the running loop."""

    # What core's own driver overrides, to see the call's limits and to take the cheaper unstreamed way.

    def _events(self, call: Call) -> AsyncIterator[Event]:
        assert call.request is not None
        return self._stream(call.request)

    async def _whole(self, call: Call) -> Response:
        raise NotImplementedError

    async def _models(self, call: Call) -> Sequence[ModelInfo]:
        return await self._list_models()

    async def _vectors(self, call: Call, inputs: Sequence[str], extra: Mapping[str, object]) -> Embeddings:
        return await self._embed(call.model, inputs, extra)

    _has_whole = False

    # What callers use.

    @property
    def id(self) -> str:
        """A stable name of this use of the backend, without any secret."""
        return self.spec.name

    @final
    def capabilities(self, model: str | None = None) -> Capabilities:
        """Return what the backend can do with ``model`` (``None``: with its own)."""
        known = self.spec.capabilities_of(model or self.model)
        return known.with_(self.settings.capabilities) if self.settings.capabilities else known

    @final
    def with_options(self, **options: Unpack[Options]) -> Self:
        """Return this backend with other default options. Both share connections, and are closed together."""
        check_names(options)
        view = copy.copy(self)
        view._defaults = {**self._defaults, **options}  # noqa: SLF001 (a copy of this class)
        return view

    @final
    def stream(self, messages: MessagesInput, **options: Unpack[Options]) -> EventStream:
        """Return the stream of an answer. Nothing is sent before the first event is asked for.

        Args:
            messages: A prompt, a message, or several; dicts follow the OpenAI convention.
            options: As in ``Options``.

        Raises:
            ClosedError: The backend is closed.
            ConfigurationError: There is no model.
            RequestError: The request cannot work; no I/O has happened.
        """
        call = self._prepare(messages, options, Capability.STREAMING)
        return EventStream(call, lambda: self._events(call), self.settings.retry, self._listener(call))

    @final
    async def complete(self, messages: MessagesInput, **options: Unpack[Options]) -> Response:
        """Return a whole answer: the fold of what ``stream`` gives.

        Args:
            messages: As in ``stream``.
            options: As in ``Options``.

        Raises:
            BackbayError: As ``stream`` and its events raise.
        """
        if not self._has_whole:
            return await self.stream(messages, **options).collect()
        call = self._prepare(messages, options, Capability.GENERATE)
        listener = self._listener(call)
        try:
            answer = await call.attempt(lambda: self._whole(call), self.settings.retry)
        except BackbayError as error:
            if listener.on_error is not None:
                listener.on_error(error)
            raise
        finally:
            call.close()
        if call.attempts > 1 or call.dropped:
            answer = replace(answer, attempts=call.attempts, dropped=call.dropped)
        if listener.on_response is not None:
            listener.on_response(answer)
        return answer

    @final
    async def list_models(self, *, limits: LimitsInput = None) -> Sequence[ModelInfo]:
        """Return the models that the backend offers now.

        Raises:
            UnsupportedError: The backend has no model list; no I/O has happened.
            BackbayError: The list could not be had.
        """
        self._require(Capability.LIST_MODELS)
        return await self._simple(self._models, as_limits(limits))

    @final
    async def health(self, *, limits: LimitsInput = None) -> Health:
        """Probe the backend once, for ``HEALTH_LIMIT`` seconds at most by default. Never raises for what it finds.

        Raises:
            ClosedError: The backend is closed.
            UnsupportedError: The backend declares no health probe; no I/O has happened.
        """
        self._require(Capability.HEALTH)
        call = Call(self.id, None, as_limits(limits).over(Limits(total=HEALTH_LIMIT)))
        call.attempts = 1
        start = time.perf_counter()
        try:
            found = await call.watch.wait(self._probe())
        except Exception as failure:  # noqa: BLE001 (whatever is wrong, is the answer)
            error = call.explain(failure)
            return Health(reachable=False, last_error=str(error), status=error.status)
        finally:
            call.close()
        if found.reachable and found.latency_ms is None:
            return replace(found, latency_ms=1000 * (time.perf_counter() - start))
        return found

    @final
    async def embed(
        self,
        inputs: str | Sequence[str],
        *,
        model: str | None = None,
        limits: LimitsInput = None,
        extra: Mapping[str, object] | None = None,
    ) -> Embeddings:
        """Return one vector for each input, in order.

        Raises:
            UnsupportedError: The backend does not embed; no I/O has happened.
            BackbayError: The vectors could not be had.
        """
        self._require(Capability.EMBEDDINGS, model)
        texts = [inputs] if isinstance(inputs, str) else list(inputs)
        if not texts:
            return Embeddings(vectors=[], attempts=0)
        wanted = model or self.model
        return await self._simple(lambda call: self._vectors(call, texts, extra or {}), as_limits(limits), wanted)

    @final
    async def aclose(self) -> None:
        """Close the backend. May be called again; any other call afterwards raises ``ClosedError``."""
        if not self._closed[0]:
            self._closed[0] = True
            await self._aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        return f"<Backend {self.id} model={self.model!r}>"

    # How the public methods do it.

    def _check_open(self) -> None:
        if self._closed[0]:
            raise ClosedError("The backend is closed; connect again.", backend=self.id)

    def _require(self, capability: Capability, model: str | None = None) -> None:
        self._check_open()
        self.capabilities(model).require(capability, backend=self.id, model=model or self.model)

    def _prepare(self, messages: MessagesInput, options: Mapping[str, Any], need: Capability) -> Call:
        self._check_open()
        try:
            merged = {**self._defaults, **{name: value for name, value in options.items() if value is not None}}
            request = build_request(messages, merged, limits=self.settings.limits, model=self.model)
            request = hooks.before_request(self, request)
            check_messages(request.messages)
            capabilities = self.capabilities(request.model)
            capabilities.require(need, backend=self.id, model=request.model)
            if request.model is None:
                raise ConfigurationError(
                    "There is no model to ask.", hint=f"Connect to {self.spec.name}:MODEL, or give model= to the call."
                )
            request, dropped = apply_capabilities(request, capabilities, backend=self.id)
        except BackbayError as error:
            error.backend = error.backend or self.id
            error.model = error.model or self.model
            error.phase = error.phase or "prepare"
            raise
        return Call(self.id, request.model, request.limits, request=request, dropped=dropped)

    def _listener(self, call: Call) -> Listener:
        if not hooks.anybody():
            return Listener()
        request = call.request
        assert request is not None
        return hooks.listener(self, request)

    async def _simple(self, once: Callable[[Call], Awaitable[T]], limits: Limits, model: str | None = None) -> T:
        call = Call(self.id, model, limits.over(self.settings.limits))
        try:
            return await call.attempt(lambda: once(call), self.settings.retry)
        finally:
            call.close()
