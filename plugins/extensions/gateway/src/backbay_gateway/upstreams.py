"""The backends behind the gateway: each connected once, counted, watched, and closed when its last request is done."""

from __future__ import annotations

import asyncio
import hashlib
import os
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from backbay.backend import Backend
from backbay.capabilities import Capability
from backbay.connecting import build
from backbay.errors import BackbayError, ConfigurationError, LimitExceededError, MissingCredentialError, TransportError
from backbay.limits import Limits
from backbay.registry import resolve
from backbay.response import ModelInfo

from .config import Routing
from .config import Upstream as UpstreamConfig
from .dialects.scrubbing import scrub
from .routing.breaker import Breaker, is_failure

TRANSPORT = "direct"
"""What moves bytes to upstreams, whatever ``BACKBAY_TRANSPORT`` says: of the transports that core has, the one that
costs the least for a request, and for each piece of a streamed answer."""

RECENT = 20
"""Failures that are kept for the status page, of each upstream."""


@dataclass(frozen=True, slots=True)
class Failure:
    """One failure of an upstream, for the status page.

    Attributes:
        at: Unix time, in seconds.
        kind: Class of the error.
        message: What happened; see ``kind_of``.
        count: How many of the same came one after the other.
    """

    at: float
    kind: str
    message: str
    count: int = 1


class Upstream:
    """A backend, and what is known of how it does.

    Attributes:
        config: As configured.
        name: What clients write before the colon.
        backend: The connected backend.
        wires: Wires in which a client's bytes can be relayed to it.
        breaker: Leaves it out while it fails.
        busy: Requests that it works on now, for this gateway's worker.
        last_used: Monotonic time, in seconds, of its last answer; 0.0 if there was none.
        latency_ms: Milliseconds of the last health check; ``None`` before there was one, or where it failed.
        reachable: What the last health check said, or the last request; ``None`` before either.
        failures: The most recent ones.
    """

    def __init__(self, config: UpstreamConfig, routing: Routing) -> None:
        self.config = config
        self.name = config.label
        self.backend = connect(config, routing)
        # Whoever names a wire says that there is this one: a server that is only like the vendor may lack the others.
        self.wires = frozenset(each for each in self.backend.wires if config.wire in (None, each))
        self.breaker = Breaker(routing)
        self.busy = 0
        self.last_used = 0.0
        self.latency_ms: float | None = None
        self.reachable: bool | None = None
        self.failures: deque[Failure] = deque(maxlen=RECENT)
        self._routing = routing
        self._counter: Backend | None = None
        self._models: tuple[float, Sequence[ModelInfo]] | None = None
        self._asking: asyncio.Lock = asyncio.Lock()
        self._key = key_mark(config)
        self._interval = routing.models_interval

    def key_is_current(self) -> bool:
        """Whether the environment still has the key that it was connected with."""
        return self._key == key_mark(self.config)

    def begin(self) -> None:
        """Say that a request is sent to it."""
        self.busy += 1
        self.breaker.begin()

    def end(self, error: BackbayError | None, *, answered: bool = True) -> None:
        """Say how a request ended.

        Args:
            error: What it failed with, or ``None``.
            answered: Whether it showed anything about the upstream; a client that left shows nothing.
        """
        self.busy -= 1
        if error is not None and is_failure(error):
            self.breaker.failed(error)
            self.note(error)
            self.reachable = self.breaker.state == "closed"
        elif answered:
            self.breaker.succeeded()
            self.reachable = True
            self.last_used = time.monotonic()
            if error is not None:
                self.note(error)
        else:
            self.breaker.gave_up()

    def note(self, error: BackbayError) -> None:
        """Keep a failure for the status page."""
        self._keep(type(error).__name__, kind_of(error))

    def _keep(self, kind: str, message: str) -> None:
        last = self.failures[-1] if self.failures else None
        same = last is not None and (last.kind, last.message) == (kind, message)
        if last is not None and same:
            self.failures.pop()
        self.failures.append(Failure(time.time(), kind, message, last.count + 1 if last is not None and same else 1))

    async def check(self) -> bool:
        """Probe it; return whether it can be reached. A backend without a probe counts as reachable."""
        if not self.backend.capabilities().allows(Capability.HEALTH):
            return True
        found = await self.backend.health()
        self.reachable, self.latency_ms = found.reachable, found.latency_ms
        if found.reachable and self.breaker.silent and self.breaker.state != "closed":
            self.breaker.succeeded()
        elif found.last_error:
            # Up to the facts that follow a message in brackets.
            self._keep("HealthCheck", scrub(found.last_error.partition(" [")[0])[:200])
        return found.reachable

    @property
    def counter(self) -> Backend:
        """The backend on the first of its wires that counts tokens, its own if it can be; its own if none does."""
        if self._counter is None:
            self._counter = self.backend
            others = [] if _counts(self.backend) else [each for each in self.backend.wires if each in self.wires]
            for wire in others:
                # An option may be of the backend's own wire alone; then it cannot be connected on another one.
                with suppress(BackbayError):
                    other = connect(self.config.model_copy(update={"wire": wire}), self._routing)
                    if _counts(other):
                        self._counter = other
                        break
        return self._counter

    async def aclose(self) -> None:
        """Close its connections."""
        await self.backend.aclose()
        if self._counter is not None and self._counter is not self.backend:
            await self._counter.aclose()

    async def models(self) -> Sequence[ModelInfo]:
        """Return the models that it offers, as of a while ago; none if it lists none, or cannot be reached."""
        if not self.backend.capabilities().allows(Capability.LIST_MODELS):
            return ()
        async with self._asking:
            if self._models is None or time.monotonic() - self._models[0] > self._interval:
                try:
                    found = await self.backend.list_models(limits=Limits(total=5.0))
                except BackbayError as error:
                    self.note(error)
                    # Asked again soon, but not by each client that wants the list.
                    self._models = (time.monotonic() - self._interval + 5.0, ())
                else:
                    self._models = (time.monotonic(), found)
            return self._models[1]

    @property
    def listed(self) -> Sequence[ModelInfo]:
        """The models that it listed last; none before it was asked."""
        return () if self._models is None else self._models[1]


def _counts(backend: Backend) -> bool:
    return backend.capabilities().allows(Capability.COUNT_TOKENS)


def kind_of(error: BackbayError) -> str:
    """Return what is kept of an error: not an upstream's own words, which may repeat a prompt."""
    if isinstance(error, TransportError | LimitExceededError) or not error.attempts:
        return scrub(error.message)[:200]
    said = [f"status {error.status}"] if error.status else [error.phase] if error.phase else []
    said += [error.code] if error.code and len(error.code) <= 64 else []
    return ", ".join(said) or "no more is known"


def key_mark(config: UpstreamConfig) -> bytes:
    """Return what tells one set of an upstream's environment variables from another, without their values."""
    spec = resolve(config.vendor)
    names = (config.key_env or "", *spec.credential_env, *spec.base_url_env, *spec.host_env, *spec.header_env.values())
    values = "\0".join(os.environ.get(name, "") for name in names)
    return hashlib.sha256(values.encode("utf-8", "surrogateescape")).digest()


def connect(config: UpstreamConfig, routing: Routing) -> Backend:
    """Return the backend that a table of the configuration describes. Nothing is sent.

    Raises:
        ConfigurationError: The variable that should have the key is not set.
        BackbayError: As ``backbay.connect`` raises; the message names the upstream.
    """
    key: str | None = None
    try:
        if config.key_env is not None:
            key = os.environ.get(config.key_env, "").strip() or None
            if key is None:
                raise MissingCredentialError(f"The variable {config.key_env}, which key_env names, has no key.")
        spec = resolve(config.vendor)
        limits = Limits(**config.limits.model_dump())
        options = dict(config.options)
        if spec.speaks_http:
            options["transport"] = TRANSPORT
        return build(
            spec,
            api_key=key,
            base_url=config.base_url,
            wire=config.wire,
            limits=limits,
            retries=routing.retries,
            **options,  # type: ignore[arg-type]
        )
    except MissingCredentialError as error:
        # Of its own hints some are about arguments of calls, and of commands.
        names = config.key_env or " or ".join(resolve(config.vendor).credential_env)
        raise ConfigurationError(
            f"Upstream {config.label!r}: {error.message}",
            backend=error.backend,
            hint=f"Set {names}, or let key_env name the variable that has the key, in the upstream's table.",
        ) from None
    except BackbayError as error:
        error.message = f"Upstream {config.label!r}: {error.message}"
        error.args = (error.message,)
        raise
    finally:
        del key
