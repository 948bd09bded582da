"""The ASGI application: each request from its head to its line in the log. Uvicorn runs it; see ``server``."""

from __future__ import annotations

import asyncio
import time
import traceback
from collections import deque
from typing import TYPE_CHECKING

from backbay.errors import BackbayError, ClosedError, OverloadedError
from backbay.jsonbytes import JSONBody

from . import prices
from .accounting import facts_of, outcome, used
from .answering import Answering
from .endpoints import ENDPOINTS, dialect_for
from .estimate import estimate
from .exchange import CLIENT_LEFT, Exchange, Receive, Scope, Send
from .guard import MAX_KEY, Head, model_of, parse, refusal
from .keys import refusals
from .logs import Log
from .metrics import Metrics
from .routing.router import Route
from .snapshot import Snapshot
from .upstreams import kind_of

if TYPE_CHECKING:
    from .keys import Keys
    from .pages.app import Pages

EARLY = 64 * 1024
"""Bytes of a body above which the key is looked at before the body is read."""

_OWN_STATUSES = frozenset({405, 408, 413, 415, 431, 503})
_ENDED = ClosedError("The gateway stops.", status=503, retryable=True, retry_after=1.0)


class Gateway:
    """Answers requests.

    Args:
        snapshot: The configuration in force; ``reload`` puts another in its place.
        keys: The key store.
        log: Where lines go.

    Attributes:
        snapshot: As given.
        keys: As given.
        log: As given.
        metrics: What is counted.
        live: The requests that are being answered.
        pages: What answers everything but questions to a model; ``None`` until ``server`` sets it.
    """

    def __init__(self, snapshot: Snapshot, keys: Keys, log: Log) -> None:
        self.snapshot = snapshot
        self.keys = keys
        self.log = log
        self.metrics = Metrics()
        self.live: set[Exchange] = set()
        self.pages: Pages | None = None
        self._old: deque[Snapshot] = deque()
        self._closing: set[asyncio.Task[None]] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            raise RuntimeError(f"This is a server for HTTP, not for {scope['type']}.")
        exchange = Exchange(scope, receive, send)
        self.live.add(exchange)
        self.metrics.begin()
        try:
            await self._answer(exchange)
        except BackbayError as error:
            exchange.error = error
            await self._refuse(exchange, error)
        except asyncio.CancelledError:
            if not (exchange.gone or exchange.cut):
                raise
            if exchange.cut and not exchange.gone:
                exchange.error = _ended()
                await self._refuse(exchange, exchange.error)
            else:
                exchange.status = exchange.status or CLIENT_LEFT
        except Exception as failure:  # noqa: BLE001 (a defect ends one request, and not the gateway)
            # The frames alone: a message of an exception may have some of the prompt in it.
            frames = traceback.format_list(traceback.extract_tb(failure.__traceback__))
            kind = type(failure).__name__
            self.log.say("error", "defect", request_id=exchange.request_id, kind=kind, frames=frames[-8:])
            exchange.error = BackbayError("The gateway failed.", status=500, code="internal_error")
            await self._refuse(exchange, exchange.error)
        finally:
            self.live.discard(exchange)
            self._account(exchange)
            # Both lead back to the exchange, by the scope and by a traceback: without them it is freed at once.
            scope.pop("backbay.leave", None)
            exchange.error = None

    async def _answer(self, exchange: Exchange) -> None:
        scope, snapshot = exchange.scope, self.snapshot
        head = snapshot.guard.head(scope["headers"], scope["raw_path"])
        endpoint = ENDPOINTS.get(scope["path"])
        if endpoint is None:
            assert self.pages is not None
            await self.pages.answer(exchange, head)
            return
        exchange.endpoint = endpoint
        if scope["method"] != "POST":
            raise refusal(405, f"Ask {scope['path']} by POST.", "method_not_allowed")
        snapshot.guard.body_headers(head)
        if not head.key or len(head.key) > MAX_KEY:
            raise refusals.no_key() if not head.key else refusals.bad_key()
        if len(self.live) > snapshot.config.server.max_streams:
            raise OverloadedError(
                "The gateway answers as many requests as it can.",
                status=503,
                code="busy",
                retryable=True,
                retry_after=1.0,
            )
        if head.length is None or head.length > EARLY:
            await self.keys.authenticate(head.key)
        dialect = endpoint.spoken(head.version)
        body = parse(await exchange.body(snapshot.guard))
        exchange.stream = body.parsed.get("stream") is True and endpoint.kind == "generate"
        snapshot.users += 1
        try:
            route = await self._admit(exchange, head, snapshot, body)
            answering = Answering(self, snapshot, exchange, head=head, dialect=dialect, body=body)
            await answering.run(route)
        finally:
            snapshot.users -= 1
            if self._old and not snapshot.users:
                self._let_go()

    def replace(self, snapshot: Snapshot) -> None:
        """Put another configuration in force. What the one before had alone is closed when nobody uses it."""
        before, self.snapshot = self.snapshot, snapshot
        before.dropped += [each for name, each in before.upstreams.items() if snapshot.upstreams.get(name) is not each]
        self._old.append(before)
        self._let_go()

    def _let_go(self) -> None:
        # In order: what one dropped may still be in use by requests that go by an earlier one.
        while self._old and not self._old[0].users:
            for upstream in self._old.popleft().dropped:
                task = asyncio.get_running_loop().create_task(upstream.aclose())
                self._closing.add(task)
                task.add_done_callback(self._closing.discard)

    async def aclose(self) -> None:
        """Close the upstreams and the key store. No request may be running."""
        snapshots = [*self._old, self.snapshot]
        upstreams = {each for snapshot in snapshots for each in (*snapshot.upstreams.values(), *snapshot.dropped)}
        await asyncio.gather(*(each.aclose() for each in upstreams), *self._closing, return_exceptions=True)
        await self.keys.aclose()
        self.log.flush()

    async def _admit(self, exchange: Exchange, head: Head, snapshot: Snapshot, body: JSONBody) -> Route:
        """Ask for the leave of the client's key; return where the model's name leads. Raises what says no."""
        model = model_of(body.parsed)
        assert exchange.endpoint is not None
        prompt, answer = estimate(len(body.data), body.parsed, answers=exchange.endpoint.kind == "generate")
        try:
            route = snapshot.router.route(model)
            most = prices.most(route.targets, prompt, answer)
        except BackbayError:
            # Whoever has no key does not learn which models there are.
            await self.keys.authenticate(head.key)
            raise
        exchange.grant = await self.keys.admit(
            head.key, model=model, estimated_tokens=prompt + answer, estimated_cost=most
        )
        exchange.model = route.name
        return route

    async def _refuse(self, exchange: Exchange, error: BackbayError) -> None:
        """Tell the client of an error; where its answer has begun, in the answer itself, which then breaks off."""
        path = exchange.scope["path"]
        try:
            version = dict(exchange.scope["headers"]).get(b"anthropic-version")
            dialect = dialect_for(path, anthropic=version is not None)
            if exchange.started:
                if exchange.gone:
                    return
                if exchange.stream:
                    from .dialects.base import Ask

                    writer = exchange.writer or dialect.writer(Ask(model=exchange.model, messages=(), stream=True))
                    await exchange.write(writer.fail(error))
                exchange.abort()
                return
            said = dialect.refuse(error, exchange.request_id)
            own = error.backend is None and error.status in _OWN_STATUSES
            status = error.status if own and error.status is not None else said.status
            await exchange.refuse(status, said.body, said.headers)
        except asyncio.CancelledError:
            if not (exchange.gone or exchange.cut):
                raise

    def _account(self, exchange: Exchange) -> None:
        """Settle, count and log: once for each request, however it ended. Nothing here waits."""
        seconds = time.perf_counter() - exchange.start
        grant, error = exchange.grant, exchange.error
        if grant is not None:
            if used(exchange):
                target = exchange.target
                cost = None if target is None else prices.cost(target, exchange.usage)
                grant.settle_now(exchange.usage, cost, served_by=exchange.served_by or None, status=outcome(exchange))
            else:
                grant.release_now()
        self.metrics.end(exchange, seconds)
        if error is not None and (exchange.attempts or exchange.status >= 500):
            self._note(exchange, error)
        if self.log.requests:
            self.log.request(facts_of(exchange, seconds))

    def _note(self, exchange: Exchange, error: BackbayError) -> None:
        self.metrics.failures.append(
            {
                "at": time.time(),
                "request_id": exchange.request_id,
                "model": exchange.model,
                "served_by": exchange.served_by,
                "status": exchange.status,
                "kind": type(error).__name__,
                "message": kind_of(error),
            }
        )


def _ended() -> ClosedError:
    return ClosedError(_ENDED.message, status=503, retryable=True, retry_after=1.0)
