"""The commands ``backbay serve`` and ``backbay gateway schema``."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import typer


def serve(
    config: Annotated[
        Path | None, typer.Option(help="The configuration, gateway.toml. Without: local models, and keys at hand.")
    ] = None,
    host: Annotated[str | None, typer.Option(help="Address to bind; 127.0.0.1 if nothing says another.")] = None,
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="Port to bind; 8787 if nothing else is said.")
    ] = None,
    workers: Annotated[int | None, typer.Option(min=1, max=128, help="Processes that share the port.")] = None,
    *,
    behind_proxy: Annotated[
        bool | None,
        typer.Option("--behind-proxy", help="A proxy before it keeps TLS, so that other addresses are safe."),
    ] = None,
    database: Annotated[str | None, typer.Option(help="URL of the key store: sqlite:///PATH, postgresql://...")] = None,
    check: Annotated[bool, typer.Option("--check", help="Look at the configuration, and serve nothing.")] = False,
) -> None:
    """Serve every backend to clients that speak the OpenAI or the Anthropic wire."""
    from .serving import configuration
    from .serving import serve as run

    load = partial(
        configuration, config, host=host, port=port, workers=workers, behind_proxy=behind_proxy, database=database
    )
    if check:
        from .snapshot import build

        snapshot = build(load())
        typer.echo(f"The configuration works: {', '.join(snapshot.upstreams)}.")
        return
    code = run(load, config)
    if code:
        raise typer.Exit(code)


def schema() -> None:
    """Print the JSON Schema of gateway.toml."""
    from .schema import schema as text

    typer.echo(text(), nl=False)
