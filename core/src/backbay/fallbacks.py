"""``fallback``: a backend that asks the next one where the one before it cannot answer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Iterable, Mapping, Sequence
from dataclasses import replace

from .attempt import Call
from .backend import Backend
from .capabilities import Capabilities, Capability, Support
from .composite import Composite, can_be_probed, joined, unreachable
from .composite_calls import Ask, CompositeCall, T, composite_call
from .errors import (
    BackbayError,
    ConfigurationError,
    ConnectError,
    LimitExceededError,
    ModelNotFoundError,
    OverloadedError,
    ProtocolError,
    RateLimitError,
    ResponseError,
    ServerError,
    TransportError,
    UnsupportedError,
)
from .limits import Limits, LimitsInput
from .response import Embeddings, Health, ModelInfo, Ranking

_now = time.monotonic

MOVES_ON = (
    UnsupportedError,
    TransportError,
    LimitExceededError,
    ProtocolError,
    ModelNotFoundError,
    RateLimitError,
    OverloadedError,
    ServerError,
)
"""What the next backend is asked after, and any other error that a vendor answered with and that is ``retryable``.

Not after the caller's own mistakes (a wrong request, a wrong key, a prompt that is too long), not after a refusal of
the content, and not after a cancellation."""


def fallback(*backends: Backend | str, limits: LimitsInput = None, rest: float = 30.0) -> Backend:
    """Return a backend that asks these in order, until one answers.

        backend = backbay.fallback("openai:gpt-5.4", "anthropic:claude-opus-4.5", limits={"total": 60})

    The next one is asked when one cannot be reached, is overloaded, limits the rate, has no quota left, fails, does not
    know the model, lacks what the request needs, exceeds the limits that it was connected with, or answers with what is
    no answer; never once an event reached the caller. Each is first asked as often as its own ``retries`` say.

    ``Response.served_by`` says who answered; ``attempts`` counts those of all. When all fail, the error is the last one
    of a backend that was asked (a mere refusal hides no failure), and its ``errors`` are the others.

    Args:
        backends: Backends, and names for ``connect``. The whole closes those that it connected itself.
        limits: Limits of every call, over all backends together.
        rest: Seconds for which one that could not be reached, or was silent too long, is asked last; 0 for none.

    Raises:
        ConfigurationError: There are no backends, or something is none.
        BackbayError: As ``connect`` raises, for names.
    """
    return Fallback(backends, limits=limits, rest=rest)


class Fallback(Composite):
    """Made by ``fallback``."""

    def __init__(self, backends: Iterable[Backend | str], *, limits: LimitsInput = None, rest: float = 30.0) -> None:
        if isinstance(rest, bool) or not isinstance(rest, int | float) or not 0 <= rest < float("inf"):
            raise ConfigurationError(f"rest is {rest!r}; give seconds, 0 or more.")
        super().__init__(Fallback, "fallback", backends, limits)
        self._rest = rest
        # Until when each that did not answer is asked last, by its place. Views share it.
        self._resting: dict[int, float] = {}

    def _known(self, model: str | None) -> Capabilities:
        known = joined([member.capabilities(model) for member in self.backends])
        # What one vendor counts is nothing to another one.
        counts = self.backends[0].capabilities(model)[Capability.COUNT_TOKENS]
        embeds = known[Capability.EMBEDDINGS] if self._embeds_alike(model) else Support.UNSUPPORTED
        return known.with_({Capability.COUNT_TOKENS: counts, Capability.EMBEDDINGS: embeds})

    async def _served(self, call: CompositeCall, ask: Ask[T]) -> T:
        for number in self._order():
            try:
                result = await call.ask(self.backends[number], ask)
            except BackbayError as error:
                if call.over or not moves_on(error):
                    raise
                if isinstance(error, ConnectError | LimitExceededError):
                    self._resting[number] = _now() + self._rest
                call.failures.append(error)
            else:
                self._resting.pop(number, None)
                return result
        raise _last(call.failures)

    def _order(self) -> list[int]:
        now = _now()
        # Those that rest are asked all the same, if nobody else answers. (Sorting keeps the order of equals.)
        return sorted(range(len(self.backends)), key=lambda number: self._resting.get(number, 0.0) > now)

    def _embeds_alike(self, model: str | None) -> bool:
        embed = [each for each in self.backends if each.capabilities(model).allows(Capability.EMBEDDINGS)]
        return len({model or each.model for each in embed}) <= 1

    async def _models(self, call: Call) -> Sequence[ModelInfo]:
        return await self._served(composite_call(call), lambda member, limits: member.list_models(limits=limits))

    async def _vectors(self, call: Call, inputs: Sequence[str], extra: Mapping[str, object]) -> Embeddings:
        def ask(member: Backend, limits: Limits) -> Awaitable[Embeddings]:
            return member.embed(inputs, model=call.model, limits=limits, extra=extra)

        return replace(await self._served(composite_call(call), ask), attempts=call.attempts)

    async def _ranking(
        self, call: Call, query: str, documents: Sequence[str], top_n: int | None, extra: Mapping[str, object]
    ) -> Ranking:
        def ask(member: Backend, limits: Limits) -> Awaitable[Ranking]:
            return member.rerank(query, documents, top_n=top_n, model=call.model, limits=limits, extra=extra)

        return replace(await self._served(composite_call(call), ask), attempts=call.attempts)

    async def _probe(self) -> Health:
        """Probe all at once; the whole can be reached as soon as one can."""
        found = []
        probes = [asyncio.create_task(each.health()) for each in self.backends if can_be_probed(each)]
        try:
            for probe in asyncio.as_completed(probes):
                found.append(await probe)
                if found[-1].reachable:
                    return found[-1]
        finally:
            for left in probes:
                left.cancel()
            await asyncio.gather(*probes, return_exceptions=True)
        return unreachable(found)


def moves_on(error: BackbayError) -> bool:
    """Whether the next backend is asked after ``error``."""
    return isinstance(error, MOVES_ON) or (isinstance(error, ResponseError) and error.retryable)


def _last(failures: Sequence[BackbayError]) -> BackbayError:
    """Return the error of a call that no backend answered."""
    asked = [error for error in failures if not isinstance(error, UnsupportedError)]
    error = (asked or failures)[-1]
    error.retryable = any(each.retryable for each in failures)
    return error
