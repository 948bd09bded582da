"""From an admitted request to its answer: who is asked, in which way, and what happens when one of them fails.

Retries at one upstream are core's; here only the next upstream is asked, and only while the client has not got a byte.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from backbay.capabilities import Capability
from backbay.check import apply_capabilities
from backbay.errors import (
    AuthenticationError,
    BackbayError,
    PermissionDeniedError,
    QuotaExceededError,
    UnsupportedError,
)
from backbay.fallbacks import moves_on
from backbay.jsonbytes import JSONBody
from backbay.limits import NO_LIMITS
from backbay.request import build_request

from .dialects.base import Ask, Dialect
from .exchange import Exchange
from .guard import Head
from .relay import has_sealed, relay, speaks
from .routing.router import Route
from .routing.strategies import Target
from .transcode import count, transcode

if TYPE_CHECKING:
    from .app import Gateway
    from .snapshot import Snapshot


class Answering:
    """One request on its way through the upstreams.

    Args:
        gateway: What counts.
        snapshot: The configuration that was in force when the request came.
        exchange: The request.
        head: Its headers.
        dialect: How its client speaks.
        body: Its body.
    """

    __slots__ = ("_ask", "_body", "_dialect", "_exchange", "_gateway", "_head", "_sealed", "_snapshot", "failures")

    def __init__(
        self,
        gateway: Gateway,
        snapshot: Snapshot,
        exchange: Exchange,
        *,
        head: Head,
        dialect: Dialect,
        body: JSONBody,
    ) -> None:
        self._gateway = gateway
        self._snapshot = snapshot
        self._exchange = exchange
        self._head = head
        self._dialect = dialect
        self._body = body
        self._ask: Ask | None = None
        self._sealed: bool | None = None
        self.failures: list[BackbayError] = []

    async def run(self, route: Route) -> None:
        """Answer.

        Args:
            route: Where the model's name leads.

        Raises:
            BackbayError: Nobody could; or the answer broke off, and then ``exchange.started`` is true.
        """
        may = self._exchange.grant.may if self._exchange.grant is not None else None
        targets = [
            each for each in self._snapshot.router.candidates(route, self._can) if may is None or may(each.label)
        ]
        if not targets:
            raise PermissionDeniedError(
                "The key may not use this model.",
                status=403,
                code="model_not_allowed",
                model=route.name,
                phase="prepare",
            )
        for number, target in enumerate(targets, start=1):
            try:
                await self._ask_one(target)
            except BackbayError as error:
                if self._exchange.started or number == len(targets) or not _next(error):
                    error.errors = tuple(self.failures)
                    raise self._last(error) from error.__cause__
                self.failures.append(error)
            else:
                return

    async def _ask_one(self, target: Target) -> None:
        upstream, exchange = target.upstream, self._exchange
        exchange.served_by = target.label
        exchange.target = target
        upstream.begin()
        self._gateway.metrics.asked(target.label)
        failure: BackbayError | None = None
        answered = False
        try:
            await self._served(target)
            answered = True
        except BackbayError as error:
            failure = error
            # What was refused before anything was sent shows nothing of the upstream.
            answered = error.attempts > 0
            exchange.attempts = max(exchange.attempts, error.attempts)
            self._gateway.metrics.failed(target.label, type(error).__name__)
            if error.backend is None and error.attempts:
                error.backend = target.label
            raise
        finally:
            upstream.end(failure, answered=answered)

    async def _served(self, target: Target) -> None:
        exchange, dialect = self._exchange, self._dialect
        endpoint = exchange.endpoint
        assert endpoint is not None
        if endpoint.kind == "generate" and self._can_relay(target):
            assert dialect.wire is not None
            exchange.mode = "relay"
            await relay(exchange, target, dialect.wire, self._body, self._head)
            return
        exchange.mode = "transcode"
        if endpoint.kind == "generate":
            await transcode(exchange, target, dialect, self.ask, self._snapshot.config.server.ping)
        elif endpoint.kind == "count":
            await count(exchange, target, self._body.parsed, self._head.version or "2023-06-01")
        else:
            from .embedding import embed

            await embed(exchange, target, self._body.parsed)

    @property
    def ask(self) -> Ask:
        """What the client asks for, in Backbay's types; read when first needed. Raises as ``Dialect.read`` does."""
        if self._ask is None:
            self._ask = self._dialect.read(self._body.parsed)
        return self._ask

    def _can(self, target: Target) -> bool:
        """Whether a target can do all that the request needs, by what its backend declares."""
        kind = self._exchange.endpoint.kind if self._exchange.endpoint is not None else "generate"
        backend = target.upstream.counter if kind == "count" else target.upstream.backend
        if kind != "generate":
            need = Capability.EMBEDDINGS if kind == "embed" else Capability.COUNT_TOKENS
            return backend.capabilities(target.model).allows(need)
        if self._can_relay(target) and not self._readable():
            return True
        ask = self.ask
        known = backend.capabilities(target.model)
        try:
            options = {name: value for name, value in ask.options.items() if name != "on_unsupported"}
            request = build_request(ask.messages, options, limits=NO_LIMITS, model=target.model)
            apply_capabilities(request, known, backend=backend.id)
        except UnsupportedError:
            return False
        return True

    def _can_relay(self, target: Target) -> bool:
        if not speaks(target, self._dialect.wire):
            return False
        if self._sealed is None:
            self._sealed = has_sealed(self._body.data)
        return not self._sealed

    def _readable(self) -> bool:
        try:
            return self.ask is not None
        except BackbayError:
            return False

    def _last(self, error: BackbayError) -> BackbayError:
        """Return the error that the client gets: of those that all had, one that says something about its request."""
        others = [each for each in (*self.failures, error) if not isinstance(each, UnsupportedError)]
        found = others[-1] if others and not self._exchange.started else error
        found.retryable = any(each.retryable for each in (*self.failures, error)) if self.failures else found.retryable
        return found


def _next(error: BackbayError) -> bool:
    """Whether another upstream may do better: a key that a vendor refuses is the gateway's trouble, no client's."""
    own = isinstance(error, AuthenticationError | PermissionDeniedError | QuotaExceededError)
    return moves_on(error) or (own and error.backend is not None)
