"""A gateway in a thread of this process, so that backends of the tests can be among its upstreams."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from backbay_gateway.config import GatewayConfig
from backbay_gateway.server import GatewayServer, Setup


@dataclass(frozen=True)
class Inside:
    """A gateway that runs in this process.

    Attributes:
        port: Where it listens, on the loopback.
        key: A key of it.
    """

    port: int
    key: str

    @property
    def url(self) -> str:
        """Its address, without ``/v1``."""
        return f"http://127.0.0.1:{self.port}"


@contextlib.contextmanager
def inside(tables: Mapping[str, Any]) -> Iterator[Inside]:
    """Give a gateway while it runs; ``tables`` are those of ``gateway.toml``.

    Raises:
        RuntimeError: It was not there, or not gone, in ten seconds.
    """
    ready = threading.Event()
    keys: list[str] = []

    def tell(first: Any, store: str) -> None:
        keys.append(first.text)
        ready.set()

    server = GatewayServer(Setup(GatewayConfig.model_validate(tables), ready=tell))
    sock = socket.create_server(("127.0.0.1", 0))
    port = sock.getsockname()[1]
    thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[sock])), name="gateway", daemon=True)
    thread.start()
    if not ready.wait(10):
        raise RuntimeError("the gateway did not start")
    try:
        yield Inside(port, keys[0])
    finally:
        server.force_exit = server.should_exit = True
        thread.join(10)
        if thread.is_alive():
            raise RuntimeError("the gateway did not stop")
