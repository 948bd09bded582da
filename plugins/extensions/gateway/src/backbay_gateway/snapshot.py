"""What a configuration makes: upstreams, router and guard. A new one takes the place of the old one as a whole."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from .config import GatewayConfig
from .guard import Guard
from .routing.router import Router
from .upstreams import Upstream


@dataclass(slots=True, eq=False)
class Snapshot:
    """A configuration in force.

    Attributes:
        config: What it says.
        upstreams: The upstreams, by name.
        router: Where models lead.
        guard: What requests must be.
        users: Requests that go by it, and are not answered yet.
        dropped: Upstreams that the configuration after it no longer has.
    """

    config: GatewayConfig
    upstreams: Mapping[str, Upstream]
    router: Router
    guard: Guard
    users: int = 0
    dropped: list[Upstream] = field(default_factory=list)


def build(config: GatewayConfig, before: Snapshot | None = None) -> Snapshot:
    """Return what a configuration makes. Nothing is sent.

    Args:
        config: What to make.
        before: What is in force; upstreams that are the same go on, with their connections and what is known of them.

    Raises:
        BackbayError: An upstream cannot be connected; ``before`` is as it was.
    """
    kept = {} if before is None or before.config.routing != config.routing else before.upstreams
    upstreams = {}
    for table in config.upstreams:
        known = kept.get(table.label)
        same = known is not None and known.config == table and known.key_is_current()
        upstreams[table.label] = known if same and known is not None else Upstream(table, config.routing)
    return Snapshot(config, upstreams, Router(config, upstreams), Guard(config.server, (config.server.host,)))
