"""``route``: a backend that sends each request to one of several, chosen by model, by need, or by a function."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace

from .attempt import Call
from .backend import Backend
from .capabilities import Capabilities, Capability, Support
from .check import apply_capabilities
from .composite import Composite, can_be_probed, joined, unreachable
from .composite_calls import Ask, CompositeCall, T, composite_call
from .errors import ConfigurationError, InvalidRequestError, UnsupportedError
from .jobs import Job
from .limits import Limits, LimitsInput
from .rawtext import for_need
from .request import Request
from .response import Embeddings, Health, ModelInfo, Ranking

Choose = Callable[[Request], str]
"""A caller's own choice: returns one of the mapping's names."""


def route(
    backends: Mapping[str, Backend | str] | Sequence[Backend | str],
    choose: Choose | None = None,
    *,
    limits: LimitsInput = None,
) -> Backend:
    """Return a backend that sends each request to one of these.

    By the model's name: a mapping of beginnings. The longest that fits wins; ``""`` fits all, and no model too.

        backbay.route({"gpt-": "openai", "claude-": "anthropic", "": "ollama:llama3.2"})

    By what is asked: a sequence. The first that can do all that the request needs, by its capabilities.

        backbay.route(["ollama:llama3.2", "openai:gpt-5.4"])

    As a function says: a mapping of names, and ``choose(request)``, which returns one of them.

        backbay.route({"small": one, "large": other}, lambda request: "large" if request.tools else "small")

    The one that is chosen alone is asked; what it raises is raised. For another try elsewhere, route to a ``fallback``.
    ``Response.served_by`` says who answered.

    Args:
        backends: As above: backends, and names for ``connect``. The whole closes those that it connected itself.
        choose: As above; it is called once a request, before anything is sent. What it raises is raised.
        limits: Limits of every call.

    Raises:
        ConfigurationError: There are no backends, something is none, or ``choose`` has no names to choose from.
        BackbayError: As ``connect`` raises, for names.
    """
    return Route(backends, choose, limits=limits)


class Route(Composite):
    """Made by ``route``."""

    def __init__(
        self,
        backends: Mapping[str, Backend | str] | Sequence[Backend | str],
        choose: Choose | None = None,
        *,
        limits: LimitsInput = None,
    ) -> None:
        named = isinstance(backends, Mapping)
        if isinstance(backends, str | Backend) or not isinstance(backends, Mapping | Sequence):
            raise ConfigurationError("route takes a mapping or a list of backends.")
        if choose is not None and not (named and callable(choose)):
            raise ConfigurationError("choose is a function that returns a name; give route a mapping of names.")
        if isinstance(backends, Mapping) and not all(isinstance(name, str) for name in backends):
            raise ConfigurationError("route takes a mapping whose keys are strings.")
        super().__init__(Route, "route", backends.values() if isinstance(backends, Mapping) else backends, limits)
        self._choice = choose
        self._named = dict(zip(backends, self.backends, strict=True)) if isinstance(backends, Mapping) else {}

    def _known(self, model: str | None) -> Capabilities:
        fitting = self._fitting(model) if model is not None else self.backends
        known = joined([member.capabilities(model) for member in fitting])
        if self._choice is None:
            return known
        # There is no request that the function could look at.
        facets = (Capability.EMBEDDINGS, Capability.RERANK, Capability.EXECUTE)
        return known.with_(dict.fromkeys(facets, Support.UNSUPPORTED))

    def _choose(self, call: CompositeCall, need: Capability) -> None:
        request = call.request
        assert request is not None
        if self._choice is not None:
            call.member = self._called(self._choice(request))
        elif self._named:
            call.member = self._by_model(request.model)
        else:
            call.member = next((each for each in self.backends if _can(each, request, need)), self.backends[0])

    def _called(self, name: str) -> Backend:
        member = self._named.get(name)
        if member is None:
            raise ConfigurationError(
                f"choose returned {name!r}, which is no backend of this route.",
                hint=f"There are {', '.join(map(repr, self._named))}.",
            )
        return member

    def _by_model(self, model: str | None) -> Backend:
        fitting = self._fitting(model or "")
        if not fitting:
            listed = ", ".join(map(repr, self._named))
            raise InvalidRequestError(
                f"No backend of this route is for the model {model!r}." if model else "There is no model to route by.",
                hint=f'There are {listed}; a route to "" would take all others.',
            )
        return fitting[0]

    def _fitting(self, model: str | None) -> Sequence[Backend]:
        """Return the one backend for a model, or none; all, where models do not decide."""
        if self._choice is not None or not self._named:
            return self.backends
        fitting = [name for name in self._named if (model or "").lower().startswith(name.lower())]
        return [self._named[max(fitting, key=len)]] if fitting else []

    async def _served(self, call: CompositeCall, ask: Ask[T]) -> T:
        assert call.member is not None
        return await call.ask(call.member, ask)

    def _for_facet(self, call: Call, facet: Capability) -> CompositeCall:
        given = composite_call(call)
        if self._named:
            given.member = self._by_model(call.model)
        else:
            given.member = next(each for each in self.backends if each.capabilities(call.model).allows(facet))
        return given

    def _for_job(self, call: CompositeCall, job: Job) -> CompositeCall:
        if self._named:
            call.member = self._by_model(job.model_id)
        else:
            known = (each for each in self.backends if each.capabilities(job.model_id).allows(Capability.EXECUTE))
            call.member = next((each for each in known if job.wire in each.wires), self.backends[0])
        return call

    async def _vectors(self, call: Call, inputs: Sequence[str], extra: Mapping[str, object]) -> Embeddings:
        def ask(member: Backend, limits: Limits) -> Awaitable[Embeddings]:
            return member.embed(inputs, model=call.model, limits=limits, extra=extra)

        return replace(await self._served(self._for_facet(call, Capability.EMBEDDINGS), ask), attempts=call.attempts)

    async def _ranking(
        self, call: Call, query: str, documents: Sequence[str], top_n: int | None, extra: Mapping[str, object]
    ) -> Ranking:
        def ask(member: Backend, limits: Limits) -> Awaitable[Ranking]:
            return member.rerank(query, documents, top_n=top_n, model=call.model, limits=limits, extra=extra)

        return replace(await self._served(self._for_facet(call, Capability.RERANK), ask), attempts=call.attempts)

    async def _models(self, call: Call) -> Sequence[ModelInfo]:
        """Return the models of all that list theirs, each once; a list that cannot be had is an error."""
        found: dict[str, ModelInfo] = {}
        for member in self.backends:
            if member.capabilities().allows(Capability.LIST_MODELS):
                ask: Ask[Sequence[ModelInfo]] = lambda each, limits: each.list_models(limits=limits)  # noqa: E731
                for model in await composite_call(call).ask(member, ask):
                    found.setdefault(model.id, model)
        return list(found.values())

    async def _probe(self) -> Health:
        """Probe all at once; the whole can be reached if each can, since each has requests that only it gets."""
        found = await asyncio.gather(*(each.health() for each in self.backends if can_be_probed(each)))
        slowest = max((each.latency_ms or 0.0 for each in found), default=None)
        return Health(reachable=True, latency_ms=slowest) if all(found) else unreachable(found)


def _can(member: Backend, request: Request, need: Capability) -> bool:
    known = member.capabilities(request.model)
    try:
        strict = request.model_copy(update={"on_unsupported": "error"})
        apply_capabilities(strict, for_need(known, need), backend=member.id)
    except UnsupportedError:
        return False
    return known.allows(need)
