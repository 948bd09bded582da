"""From the name of a model to those who are asked for it."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from backbay.errors import ModelNotFoundError, OverloadedError

from ..config import AliasTable, GatewayConfig, Strategy
from ..upstreams import Upstream
from .strategies import Can, Target, ordered

_MOST_KEPT = 1000
"""Names of models that are kept with where they lead."""


@dataclass(frozen=True, slots=True)
class Route:
    """Where a model's name leads.

    Attributes:
        name: The name.
        strategy: How one of the targets is chosen.
        targets: Who may be asked.
    """

    name: str
    strategy: Strategy
    targets: tuple[Target, ...]


class Router:
    """Knows each alias, and takes ``name:model`` apart.

    Args:
        config: The configuration.
        upstreams: The upstreams, by name.
    """

    def __init__(self, config: GatewayConfig, upstreams: Mapping[str, Upstream]) -> None:
        self.upstreams = upstreams
        self.aliases: dict[str, Route] = {}
        self._asked: dict[str, Route] = {}
        for upstream in upstreams.values():
            for alias, model in upstream.config.models.items():
                target = Target(upstream, model, upstream.config.weight)
                self.aliases[alias] = Route(alias, "fallback", (target,))
        for table in config.aliases:
            self.aliases[table.name] = self._route(table)

    def _route(self, table: AliasTable) -> Route:
        targets = []
        for item in table.all_targets:
            label, _, model = item.model.partition(":")
            upstream = self.upstreams[label]
            targets.append(Target(upstream, model, item.weight or upstream.config.weight))
        return Route(table.name, table.strategy, tuple(targets))

    def route(self, model: str) -> Route:
        """Return where a name leads.

        Raises:
            ModelNotFoundError: No alias and no upstream has the name; the message has the nearest ones. No I/O.
        """
        found = self.aliases.get(model) or self._asked.get(model)
        if found is not None:
            return found
        name, colon, own = model.partition(":")
        upstream = self.upstreams.get(name)
        if upstream is None or not own:
            raise self._unknown(model, name if colon else "")
        if len(self._asked) >= _MOST_KEPT:
            self._asked.clear()  # Clients choose the names, and may choose many.
        route = self._asked[model] = Route(model, "fallback", (Target(upstream, own, upstream.config.weight),))
        return route

    def _unknown(self, model: str, name: str) -> ModelNotFoundError:
        near = difflib.get_close_matches(model[:100], list(self.aliases), n=3)
        if not near:
            # What was listed is known already; nobody is asked because of a wrong name.
            names = list(self._known_names())
            near = difflib.get_close_matches(model[:100], names, n=3) or [
                each for each in names if each.partition(":")[2] == model
            ]
        if not near and name:
            near = [f"{each}:..." for each in difflib.get_close_matches(name[:64], list(self.upstreams), n=2)]
        hint = f"Did you mean {', '.join(near)}?" if near else "GET /v1/models lists those that there are."
        return ModelNotFoundError(
            f"There is no model {model[:100]!r} here. {hint}", status=404, code="model_not_found", model=model[:100]
        )

    def _known_names(self) -> Iterator[str]:
        for upstream in self.upstreams.values():
            for info in upstream.listed:
                yield f"{upstream.name}:{info.id}"

    def candidates(self, route: Route, can: Can) -> Sequence[Target]:
        """Return who is asked, in order; those that are left out for a while are not among them.

        Raises:
            OverloadedError: All are left out; ``retry_after`` says when one is tried again. No I/O.
        """
        targets = [each for each in route.targets if each.upstream.breaker.lets_through]
        if not targets:
            wait = min(each.upstream.breaker.remaining for each in route.targets)
            raise OverloadedError(
                f"No upstream for {route.name!r} can be reached at the moment.",
                status=503,
                code="upstream_unavailable",
                retryable=True,
                retry_after=max(1.0, wait),
                model=route.name,
            )
        return ordered(targets, route.strategy, can)
