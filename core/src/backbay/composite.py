"""What ``fallback`` and ``route`` have in common: a backend that asks other backends, by their public methods.

So each backend inside keeps all that is its own: model, defaults, limits, retries, budget, checks and hooks. Hooks run
for the backend that is asked, once for each that is, and not for the whole as well: whoever counts calls counts those
that were made. Limits of the whole run over everything that the backends inside do.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from .attempt import Call
from .backend import Backend
from .capabilities import Capabilities, Capability, Support
from .check import check_messages
from .composite_calls import Ask, CompositeCall, composite_call
from .connecting import connect
from .errors import BackbayError, ConfigurationError
from .events import Event
from .jobs import Job
from .limits import Limits, LimitsInput, as_limits
from .messages import MessagesInput
from .rawtext import check_raw_call, raw_prompt
from .relay import Relay, Source
from .request import Request, build_request
from .response import Health, Response
from .retry import RetryPolicy
from .settings import Settings
from .spec import BackendSpec
from .stream import EventStream, Listener

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class CompositeSpec(BackendSpec):
    """The declaration of a backend made of backends.

    Attributes:
        known: Gives the capabilities of the whole for a model, or for none.
    """

    known: Callable[[str | None], Capabilities]

    def capabilities_of(self, model: str | None) -> Capabilities:
        """Return what the whole can do with ``model``."""
        return self.known(model)


class Composite(Backend):
    """A backend made of backends."""

    def __init__(
        self,
        kind: type[Composite],
        name: str,
        backends: Iterable[Backend | str],
        limits: LimitsInput,
    ) -> None:
        given = list(backends)
        if not given:
            raise ConfigurationError(f"{name} has no backends; give one at least.")
        self.backends, self._owned = _connected(name, given)
        spec = CompositeSpec(
            name=name,
            label=name.capitalize(),
            requires_credential=False,
            backend=f"{kind.__module__}:{kind.__qualname__}",
            known=self._known,
        )
        # A retry of the whole would be a second one of each backend inside.
        super().__init__(spec, None, Settings(limits=as_limits(limits), retry=RetryPolicy(retries=0, budget=None)))

    _has_whole = True

    @property
    def id(self) -> str:
        """The names of all backends inside."""
        return f"{self.spec.name}({', '.join(member.id for member in self.backends)})"

    # What fallback and route write.

    def _known(self, model: str | None) -> Capabilities:
        raise NotImplementedError

    def _choose(self, call: CompositeCall, need: Capability) -> None:
        """Choose before anything is asked, where the request says enough."""

    async def _served(self, call: CompositeCall, ask: Ask[T]) -> T:
        raise NotImplementedError

    # How the whole answers.

    def _stream(self, request: Request) -> AsyncIterator[Event]:
        options = {name: getattr(request, name) for name in request.model_fields_set if name != "messages"}
        return self._events(self._prepare(request.messages, options, Capability.STREAMING))

    async def _events(self, call: Call) -> AsyncIterator[Event]:
        given = composite_call(call)

        async def begin(member: Backend, limits: Limits) -> tuple[EventStream, Event]:
            stream = member.stream(given.messages, **{**given.options, "limits": limits})
            try:
                return stream, await anext(stream)
            except BaseException:
                await stream.aclose()
                raise

        stream, event = await self._served(given, begin)
        try:
            yield event
            async for event in stream:
                yield event
        finally:
            await stream.aclose()

    async def _whole(self, call: Call) -> Response:
        given = composite_call(call)

        def ask(member: Backend, limits: Limits) -> Awaitable[Response]:
            return member.complete(given.messages, **{**given.options, "limits": limits})

        return replace(await self._served(given, ask), served_by=call.served_by)

    async def _continued(self, call: Call) -> Response:
        given = composite_call(call)
        assert call.request is not None
        prompt = raw_prompt(call.request)

        def ask(member: Backend, limits: Limits) -> Awaitable[Response]:
            return member.complete_raw(prompt, **{**given.options, "limits": limits})

        return replace(await self._served(given, ask), served_by=call.served_by)

    async def _count(self, call: Call) -> int:
        given = composite_call(call)

        def ask(member: Backend, limits: Limits) -> Awaitable[int]:
            return member.count_tokens(given.messages, **{**given.options, "limits": limits})

        return await given.ask(given.member or self.backends[0], ask)

    @property
    def wires(self) -> Sequence[str]:
        """The wires of all backends inside."""
        return tuple(dict.fromkeys(wire for member in self.backends for wire in member.wires))

    def _carry(self, job: Job) -> Callable[[Call], Awaitable[Source]]:
        async def begin(member: Backend, limits: Limits) -> Relay:
            relay = member.relay(job, limits=limits)
            await relay.begin()
            return relay

        async def send(call: Call) -> Source:
            return await self._served(self._for_job(composite_call(call), job), begin)

        return send

    def _for_job(self, call: CompositeCall, job: Job) -> CompositeCall:
        """Choose for a job, where that is done before anything is asked."""
        return call

    def _call(self, model: str | None, limits: Limits) -> Call:
        return CompositeCall(self.id, model, limits)

    async def _aclose(self) -> None:
        for member in self._owned:
            await member.aclose()

    def _prepare(self, messages: MessagesInput, options: Mapping[str, Any], need: Capability) -> CompositeCall:
        self._check_open()
        try:
            given = {**self._defaults, **{name: value for name, value in options.items() if value is not None}}
            if need is Capability.COMPLETE_RAW:
                check_raw_call(messages, given)
            request = build_request(messages, given, limits=self.settings.limits, model=None)
            check_messages(request.messages)
            call = CompositeCall(self.id, request.model, request.limits, request=request)
            call.messages = request.messages[1:] if "system" in given else request.messages
            call.options = {
                name: given[name] if name == "system" else getattr(request, name) for name in given if name != "limits"
            }
            self._choose(call, need)
            self.capabilities(request.model).require(need, backend=self.id, model=request.model)
        except BackbayError as error:
            error.backend = error.backend or self.id
            error.phase = error.phase or "prepare"
            raise
        return call

    # Hooks see what the backends inside do.

    def _listener(self, call: Call, operation: Capability) -> Listener:
        return Listener()

    def _observed(self, operation: Capability, model: str | None) -> None:
        return None


def joined(known: Sequence[Capabilities]) -> Capabilities:
    """Return what a whole can do whose backends can do ``known``.

    What all say alike, it says too. What some can and others cannot is ``VERSIONED``: it is found out at the call.
    """
    found = Capabilities({capability: _joined(capability, known) for capability in Capability})
    # A batch is one vendor's: nobody could tell later whose.
    return found.with_({Capability.BATCHES: Support.UNSUPPORTED})


def _joined(capability: Capability, known: Sequence[Capabilities]) -> Support:
    said = {each[capability] for each in known} or {Support.UNSUPPORTED}
    if len(said) == 1:
        return said.pop()
    can = {each[capability] for each in known if each.allows(capability)}
    if not can:
        return Support.NOT_IMPLEMENTED if Support.NOT_IMPLEMENTED in said else Support.UNSUPPORTED
    return Support.UNKNOWN if can == {Support.UNKNOWN} else Support.VERSIONED


def can_be_probed(member: Backend) -> bool:
    """Whether a backend declares a health probe."""
    return member.capabilities().allows(Capability.HEALTH)


def unreachable(found: Sequence[Health]) -> Health:
    """Return the health of a whole that cannot be reached, from what its backends said."""
    said = "; ".join(each.last_error for each in found if each.last_error)
    return Health(
        reachable=False, last_error=said or None, status=next((each.status for each in found if each.status), None)
    )


def _connected(name: str, given: Sequence[Backend | str]) -> tuple[tuple[Backend, ...], tuple[Backend, ...]]:
    """Return all backends, and those that were made here."""
    for item in given:
        if not isinstance(item, Backend | str):
            raise ConfigurationError(
                f"{name} takes backends, and names for connect(); this is a {type(item).__name__}.",
                hint="For a blocking whole give asynchronous backends, and wrap it: backbay.SyncBackend(...).",
            )
    made = {number: connect(item) for number, item in enumerate(given) if isinstance(item, str)}
    return tuple(made.get(number) or _backend(item) for number, item in enumerate(given)), tuple(made.values())


def _backend(item: Backend | str) -> Backend:
    assert isinstance(item, Backend)
    return item
