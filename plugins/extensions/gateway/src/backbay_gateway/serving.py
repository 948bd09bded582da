"""``backbay serve``: from a configuration to a gateway that runs."""

from __future__ import annotations

import secrets
import shutil
import socket
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from .binding import bind, check_address, check_tls, url_of
from .config import GatewayConfig
from .config_file import load_config
from .keys import NewKey, first_key_notice
from .logs import Log


def configuration(
    path: Path | None,
    *,
    host: str | None = None,
    port: int | None = None,
    workers: int | None = None,
    behind_proxy: bool | None = None,
    database: str | None = None,
) -> GatewayConfig:
    """Return what is to be served: the file's configuration, or the default one, with the command's changes.

    Args:
        path: The file; ``None`` for the default configuration.
        host: Address to bind, over the file's.
        port: Port to bind, over the file's.
        workers: How many workers, over the file's.
        behind_proxy: Whether a proxy keeps TLS, over the file's.
        database: URL of the key store, over the file's.

    Raises:
        ConfigurationError: The configuration cannot be, or it would not be safe to serve it.
    """
    if path is not None:
        config = load_config(path)
    else:
        from .defaults import default_config

        config = default_config()
    given = {"host": host, "port": port, "workers": workers, "behind_proxy": behind_proxy}
    changes = {name: value for name, value in given.items() if value is not None}
    server = type(config.server).model_validate({**config.server.model_dump(), **changes})
    keys = config.keys if database is None else type(config.keys)(database=database)
    config = config.model_copy(update={"server": server, "keys": keys})
    check_address(server)
    check_tls(server)
    return config


def serve(load: Callable[[], GatewayConfig], path: Path | None = None) -> int:
    """Serve until a signal ends it; return the exit code.

    Args:
        load: Gives what to serve, and gives it anew when the file has changed.
        path: The file that it is from; ``None`` if there is none.

    Raises:
        BackbayError: The address is taken, an upstream cannot be connected, or the key store cannot be opened.
    """
    from .reload import mark_of
    from .seal import seal_secret
    from .server import Setup, run_worker

    read = mark_of(path)
    config = load()
    sockets = bind(config.server)
    port = int(sockets[0].getsockname()[1])
    many = config.server.workers > 1
    seal = seal_secret(config.keys.database) or secrets.token_bytes(32)
    shared = Path(tempfile.mkdtemp(prefix="backbay-gateway-")) if many else None
    source = str(path) if path is not None else "none: local models, and backends whose key is in the environment"

    def setup(place: int) -> Setup:
        def ready(first: NewKey | None, store: str) -> None:
            if place == 0:
                announce(config, port, first, store)

        return Setup(config, load, path, source, seal, shared, ready, speaks=place == 0, read=read)

    try:
        if not many:
            run_worker(setup(0), sockets)
            return 0
        from .supervisor import Supervisor

        def run(own: socket.socket, place: int) -> None:
            run_worker(setup(place), [own])

        return Supervisor(run, sockets, config.server.drain, Log(config.logging)).serve()
    finally:
        for each in sockets:
            each.close()
        if shared is not None:
            shutil.rmtree(shared, ignore_errors=True)


def announce(config: GatewayConfig, port: int, first: NewKey | None, store: str) -> None:
    """Tell whoever started the gateway where it is, and how a client uses it. It goes to standard output.

    Args:
        config: What is served.
        port: Where.
        first: The key that was just made, to be shown this once; ``None`` if there were keys.
        store: Name of the key store.
    """
    lines: list[str] = list(first_key_notice(first)) if first is not None else []
    url = url_of(config.server, port)
    key = first.text if first is not None else "YOUR_KEY"
    shown = ", ".join(each.label for each in config.upstreams[:12])
    more = len(config.upstreams) - 12
    shown += f" and {more} more" if more > 0 else ""
    lines += (
        f"The gateway listens on {url} and offers {shown}. Keys are in {store}.",
        "A client of OpenAI's uses it like this:",
        f'  OpenAI(base_url="{url}/v1", api_key="{key}").chat.completions.create({_example(config)})',
        f"Status: {url}/status" + (f"#key={first.text}" if first is not None else ""),
    )
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()


def _example(config: GatewayConfig) -> str:
    """Return arguments of a first call."""
    first = config.upstreams[0]
    names = [table.name for table in config.aliases]
    names += [f"{each.label}:{own}" for each in config.upstreams for own in each.models.values()]
    model = names[0] if names else f"{first.label}:MODEL"
    return f'model="{model}", messages=[{{"role": "user", "content": "Hello"}}]'
