"""The backend: one verb to write, and the public methods that core owns.

A subclass implements ``_stream``, and what it declares of ``facets``. The public methods are final, so that checks,
limits, retries and hooks cannot be forgotten.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import replace
from types import TracebackType
from typing import Any, Self, TypeVar, Unpack, final

from . import hooks
from .attempt import Call
from .batchfacet import BatchFacet
from .capabilities import Capability
from .check import OPTION_NEEDS, apply_capabilities, check_messages
from .errors import BackbayError, ConfigurationError
from .events import Event
from .facets import Facets
from .jobfacet import JobFacet
from .messages import MessagesInput
from .rawtext import NO_PLACE, check_raw_call, check_raw_request, for_need
from .request import Options, Request, build_request, check_names
from .response import Response
from .settings import Settings
from .spec import BackendSpec
from .stream import EventStream, Listener

T = TypeVar("T")


class Backend(Facets, JobFacet, BatchFacet):
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
        check_names(spec.defaults)
        self._defaults: dict[str, Any] = dict(self.settings.defaults)
        check_names(self._defaults)
        self._closed = [False]

    # What a plugin writes.

    @abstractmethod
    def _stream(self, request: Request) -> AsyncIterator[Event]:
        """Yield the events of the answer (write it as an async generator). When closed, stop the work at once."""

    async def _complete_raw(self, request: Request) -> Response:
        """Continue a text, which ``backbay.rawtext.raw_prompt(request)`` gives, as it is: no template, no roles."""
        raise NotImplementedError(f"{self.spec.name} declares complete_raw and does not implement it")

    async def _aclose(self) -> None:
        """Let go of what the backend holds on the running loop."""

    # What core's own driver overrides, to see the call's limits and to take the cheaper unstreamed way.

    def _events(self, call: Call) -> AsyncIterator[Event]:
        assert call.request is not None
        return self._stream(call.request)

    async def _whole(self, call: Call) -> Response:
        raise NotImplementedError

    async def _continued(self, call: Call) -> Response:
        assert call.request is not None
        return await self._complete_raw(call.request)

    _has_whole = False

    # What callers use.

    @final
    def with_options(self, **options: Unpack[Options]) -> Self:
        """Return this backend with other default options. Both share connections, and are closed together."""
        check_names(options)
        view = self._view()
        view._defaults = {**self._defaults, **options}  # noqa: SLF001 (an object of this class)
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
        listener = self._listener(call, Capability.GENERATE)
        return EventStream(call, lambda: self._events(call), self.settings.retry, listener)

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
        need = Capability.GENERATE
        return await self._answered(self._prepare(messages, options, need), self._whole, need)

    @final
    async def complete_raw(self, prompt: str, **options: Unpack[Options]) -> Response:
        """Return what follows a text: the model continues it as it is, without a chat template and a conversation.

        Args:
            prompt: The text, sent byte for byte; it may be empty where the vendor takes that. One a call.
            options: As in ``Options``, but for those of a conversation: ``tools``, ``tool_choice``,
                ``parallel_tool_calls``, ``system``, ``reasoning``.

        Raises:
            ClosedError: The backend is closed.
            UnsupportedError: The backend continues no text, or not with such an option; no I/O has happened.
            InvalidRequestError: The prompt is no string, or an option is one of a conversation; no I/O has happened.
            BackbayError: As ``complete`` raises.
        """
        need = Capability.COMPLETE_RAW
        return await self._answered(self._prepare(prompt, options, need), self._continued, need)

    async def _answered(
        self, call: Call, once: Callable[[Call], Awaitable[Response]], operation: Capability
    ) -> Response:
        """Return the answer that ``once`` gives, within the call's limits and retries; let hooks see how it ends."""
        listener = self._listener(call, operation)
        try:
            answer = await call.attempt(lambda: once(call), self.settings.retry)
        except BackbayError as error:
            if listener.on_error is not None:
                listener.on_error(error)
            raise
        except BaseException:
            if listener.on_close is not None:
                listener.on_close()
            raise
        finally:
            call.close()
        if call.attempts > 1 or call.dropped:
            answer = replace(answer, attempts=call.attempts, dropped=call.dropped)
        if listener.on_response is not None:
            listener.on_response(answer)
        return answer

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

    def _view(self) -> Self:
        """Return another object of this backend, which shares all that it holds."""
        view = object.__new__(type(self))
        view.__dict__.update(self.__dict__)
        return view

    def __reduce__(self) -> tuple[Any, ...]:
        raise TypeError(
            "A backend cannot be pickled or copied: it has a key and connections. Connect again, by name, where it is "
            "needed; with_options() gives one with other defaults."
        )

    def __repr__(self) -> str:
        return f"<Backend {self.id} model={self.model!r}>"

    # How the public methods do it.

    def _prepare(self, messages: MessagesInput, options: Mapping[str, Any], need: Capability) -> Call:
        self._check_open()
        try:
            merged = {**self._defaults, **{name: value for name, value in options.items() if value is not None}}
            raw = need is Capability.COMPLETE_RAW
            if raw:
                check_raw_call(messages, merged)
            if self.spec.defaults:
                merged = {**self._spec_defaults(merged.get("model") or self.model, raw=raw), **merged}
            request = build_request(messages, merged, limits=self.settings.limits, model=self.model)
            request = hooks.before_request(self, request)
            check_messages(request.messages)
            if raw:
                check_raw_request(request)
            capabilities = self.capabilities(request.model)
            capabilities.require(need, backend=self.id, model=request.model)
            if request.model is None:
                raise ConfigurationError(
                    "There is no model to ask.", hint=f"Connect to {self.spec.name}:MODEL, or give model= to the call."
                )
            request, dropped = apply_capabilities(request, for_need(capabilities, need), backend=self.id)
        except BackbayError as error:
            error.backend = error.backend or self.id
            error.model = error.model or self.model
            error.phase = error.phase or "prepare"
            raise
        return Call(self.id, request.model, request.limits, request=request, dropped=dropped, closed=self._closed)

    def _spec_defaults(self, model: str | None, *, raw: bool) -> Mapping[str, Any]:
        """Return the spec's own defaults, without those that the model, the caller, or a raw text says it lacks."""
        known = self.capabilities(model)
        lacked = [option for option, capability in OPTION_NEEDS.items() if not known.allows(capability)]
        lacked += NO_PLACE if raw else ()
        return {name: value for name, value in self.spec.defaults.items() if name not in lacked}

    def _listener(self, call: Call, operation: Capability) -> Listener:
        if not hooks.anybody():
            return Listener()
        request = call.request
        assert request is not None
        return hooks.listener(self, request, operation, call)
