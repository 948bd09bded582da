"""A call of a backend made of backends: whom it asked, what those failed with, and the limits that hold over all."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from .attempt import ASKING, Call
from .errors import BackbayError, LimitExceededError
from .folding import Fold
from .limits import Limits
from .messages import Message
from .request import Request
from .retry import RetryPolicy

if TYPE_CHECKING:
    from .backend import Backend

T = TypeVar("T")
Ask = Callable[["Backend", Limits], Awaitable[T]]
"""Asks one backend, within limits."""

_LATER = 0.05
# Seconds by which the limit ``total`` of a backend inside outlasts the whole's. It knows of the whole's so that it does
# not begin a pause that goes beyond it; that it ran out is for the whole to say.
_EARLY = 0.01
# Seconds by which a timer may be early.


class CompositeCall(Call):
    """A call of the whole. Its attempts are those of the backends inside.

    Attributes:
        wanted: The limits of the whole. ``total`` is kept here; ``first_event`` and ``idle`` by the backend that is
            asked, which sees the bytes.
        messages: The prompt, but for a ``system`` option.
        options: The caller's options, for the backend that is asked; its own fill in the rest.
        member: The backend that was chosen when the call was prepared, if one was.
        failures: What backends that were asked failed with, before the next one was.
        over: Whether a limit of the whole ran out.
    """

    __slots__ = ("_since", "failures", "member", "messages", "options", "over", "wanted")

    def __init__(self, backend: str, model: str | None, wanted: Limits, *, request: Request | None = None) -> None:
        super().__init__(backend, model, Limits(total=wanted.total), request=request)
        self.wanted = wanted
        self.messages: tuple[Message, ...] = ()
        self.options: Mapping[str, Any] = {}
        self.member: Backend | None = None
        self.failures: list[BackbayError] = []
        self.over = False
        self._since: float | None = None

    async def attempt(self, once: Callable[[], Awaitable[T]], retry: RetryPolicy) -> T:
        """Await ``once()``, within the limits. The backends inside retry, the whole does not."""
        try:
            return await self.watch.wait(once())
        except Exception as failure:
            error = self.explain(failure)
            if error is failure:
                raise
            raise error from failure

    def explain(self, failure: Exception, fold: Fold | None = None) -> BackbayError:
        """Return ``failure`` as an error that also says what other backends failed with."""
        error = super().explain(failure, fold)
        error.errors = error.errors or tuple(earlier for earlier in self.failures if earlier is not error)
        return error

    async def ask(self, member: Backend, ask: Ask[T]) -> T:
        """Ask one backend, within what is left of the limits.

        Raises:
            LimitExceededError: The whole's own limit ran out; any other is the backend's own.
            BackbayError: What the backend raised.
        """
        if self._since is None:
            self._since = asyncio.get_running_loop().time()
        self._check_first()
        above = ASKING.set(self)
        try:
            result = await ask(member, self._limits_for(member))
        except LimitExceededError as failure:
            if failure.limit == "first_event":
                self._check_first(failure)
            raise
        finally:
            ASKING.reset(above)
        if self.asked is not None:
            self.dropped = self.asked.dropped
        return result

    def _gone(self) -> float:
        return asyncio.get_running_loop().time() - (self._since or 0.0)

    def _limits_for(self, member: Backend) -> Limits:
        own, wanted, gone = member.settings.limits, self.wanted, self._gone()
        return Limits(
            total=_least(own.total, None if wanted.total is None else max(wanted.total - gone, 0.0) + _LATER),
            first_event=_least(own.first_event, None if wanted.first_event is None else wanted.first_event - gone),
            idle=_least(own.idle, wanted.idle),
        )

    def _check_first(self, cause: Exception | None = None) -> None:
        first = self.wanted.first_event
        if first is not None and self._gone() >= first - _EARLY:
            self.over = True
            said = f"The limit first_event of {first:g} s ran out."
            error = LimitExceededError(said, limit="first_event", seconds=first)
            error.retryable = True
            raise error from cause


def composite_call(call: Call) -> CompositeCall:
    """Return ``call``, which the whole itself made, as what it is."""
    assert isinstance(call, CompositeCall)
    return call


def _least(one: float | None, other: float | None) -> float | None:
    return other if one is None else one if other is None else min(one, other)
