"""One worker: the application on uvicorn, from its start to the last answer of its drain."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import signal
import socket
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import uvicorn

from .app import Gateway
from .config import GatewayConfig
from .dialects.envelopes import ENVELOPES
from .exchange import Receive, Scope, Send
from .health import HealthChecks
from .keys import Keys, NewKey
from .logs import Log
from .pages.app import Pages
from .pages.figures import EVERY, Figures
from .protocol import configured
from .reload import Mark, Reloader
from .snapshot import build

_LAST_WORDS = 2.0
"""Seconds in which answers that are cut at the end of the drain say so."""


@dataclass(frozen=True, slots=True)
class Setup:
    """What a worker starts from.

    Attributes:
        config: The configuration.
        load: Reads the configuration again; ``None`` if that cannot be.
        path: The file that it is from, which is watched; ``None`` if there is none.
        source: Where it is from, for people.
        seal: The secret of envelopes; ``None`` for one of this process alone.
        shared: Folder for the figures of several workers; ``None`` if there is one.
        ready: Called when requests are accepted, with the first key if one was just made, and the key store's name.
        speaks: Whether this worker makes the first key and tells of it, among several.
        read: ``reload.mark_of`` the file from before ``config`` was read; ``None`` if it is as it was then.
    """

    config: GatewayConfig
    load: Callable[[], GatewayConfig] | None = None
    path: Path | None = None
    source: str = "defaults"
    seal: bytes | None = None
    shared: Path | None = None
    ready: Callable[[NewKey | None, str], None] | None = None
    speaks: bool = True
    read: Mark | None = None


class GatewayServer(uvicorn.Server):
    """Uvicorn with a drain that tells clients whose answers it cuts, and with reloads.

    Args:
        setup: What to start from.

    Attributes:
        gateway: The application, once it has started.
        reloader: Reads the configuration again.
        alone: Whether the process serves and does nothing else, so that its garbage collector is the server's to tune.
    """

    alone = False

    def __init__(self, setup: Setup) -> None:
        server = setup.config.server
        super().__init__(
            uvicorn.Config(
                self._app,
                http=configured(server),
                loop="auto" if sys.platform == "win32" else "uvloop",
                ws="none",
                lifespan="off",
                log_config=None,
                log_level="critical",
                access_log=False,
                server_header=False,
                proxy_headers=False,
                timeout_keep_alive=max(1, round(server.keep_alive)),
                ssl_certfile=server.tls_certificate,
                ssl_keyfile=server.tls_key,
            )
        )
        self._setup = setup
        self.gateway: Gateway
        self.reloader: Reloader
        self._tasks: list[asyncio.Task[None]] = []

    async def _app(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.gateway(scope, receive, send)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Open what is needed, then accept connections."""
        setup = self._setup
        if setup.seal is not None:
            ENVELOPES.use(setup.seal)
        log = Log(setup.config.logging, aside=True)
        keys = Keys.open(setup.config.keys.database)
        try:
            self.gateway = gateway = Gateway(build(setup.config), keys, log)
            first = await keys.first_key() if setup.speaks else None
        except BaseException:
            await keys.aclose()
            raise
        self.config.loaded_app = gateway  # One call fewer for each request.
        self.figures = Figures(gateway, setup.shared, setup.source)
        gateway.pages = Pages(gateway, self.figures)
        self.reloader = Reloader(gateway, self.figures, setup.load, setup.path, setup.read)
        self.reloader.catch_up()
        self.health = HealthChecks(lambda: gateway.snapshot, log)
        await super().startup(sockets)
        self.health.start()
        loop = asyncio.get_running_loop()
        self._tasks = [loop.create_task(self._share())]
        if setup.path is not None:
            self._tasks.append(loop.create_task(self.reloader.watch()))
        if hasattr(signal, "SIGHUP") and threading.current_thread() is threading.main_thread():
            loop.add_signal_handler(signal.SIGHUP, self.reloader.reload)
        log.say("info", "started", upstreams=sorted(gateway.snapshot.upstreams), keys=keys.name)
        if self.alone:
            _collect_rarely()
        if setup.ready is not None:
            setup.ready(first, keys.name)

    async def _share(self) -> None:
        while True:
            # A folder that is full, or gone, costs the figures of one moment.
            with contextlib.suppress(OSError):
                self.figures.share()
            await asyncio.sleep(EVERY)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Accept nothing more, let answers end, then cut those that are left, and tell their clients."""
        gateway = self.gateway
        assert gateway.pages is not None
        gateway.pages.stopping = True
        drain = gateway.snapshot.config.server.drain
        gateway.log.say("info", "stopping", live=len(gateway.live), drain=drain)
        for server in self.servers:
            server.close()
        for each in sockets or ():
            each.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        await self._until_idle(drain)
        for exchange in list(gateway.live):
            exchange.end()
        await self._until_idle(_LAST_WORDS)
        for connection in list(self.server_state.connections):
            connection.transport.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.health.stop()
        await gateway.aclose()
        gateway.log.say("info", "stopped")
        gateway.log.flush()

    async def _until_idle(self, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        ends = loop.time() + seconds
        while self.gateway.live and loop.time() < ends and not self.force_exit:  # noqa: ASYNC110 (a signal may end it)
            await asyncio.sleep(0.02)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop; when told so twice, without waiting."""
        if self.should_exit:
            self.force_exit = True
        self.should_exit = True


def _collect_rarely() -> None:
    """Look for cycles seldom, and never among what was loaded at the start: that was a quarter of a request's CPU.

    Requests leave hardly any cycles behind: what they used is freed as they end. What clients that leave do leave is
    up to ``gc.get_threshold`` objects, which were 10 MiB at four times as many.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(5_000, 10, 10)


def run_worker(setup: Setup, sockets: Sequence[socket.socket]) -> None:
    """Serve until a signal ends it.

    Raises:
        BackbayError: The key store cannot be opened, or an upstream cannot be connected.
    """
    server = GatewayServer(setup)
    server.alone = True
    try:
        server.run(list(sockets))
    except KeyboardInterrupt:
        server.force_exit = True
