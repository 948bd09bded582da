"""In which order the targets of a model are asked."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from ..config import Strategy
from ..upstreams import Upstream


@dataclass(frozen=True, slots=True)
class Target:
    """One model of one upstream.

    Attributes:
        upstream: Who is asked.
        model: The upstream's own name for the model.
        weight: Its share among the targets of an alias.
        label: ``name:model``, as the header says who served.
    """

    upstream: Upstream
    model: str
    weight: float
    label: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "label", f"{self.upstream.name}:{self.model}")


Can = Callable[[Target], bool]
"""Says whether a target can do all that a request needs."""


def ordered(targets: Sequence[Target], strategy: Strategy, can: Can) -> list[Target]:
    """Return the targets in the order in which they are asked.

    Args:
        targets: As configured.
        strategy: As configured.
        can: Asked by ``capability`` alone.
    """
    if len(targets) == 1 or strategy == "fallback":
        return list(targets)
    if strategy == "weighted":
        # Drawing without putting back: the exponential of each weight gives the same chances, in one sort.
        # Source: Efraimidis and Spirakis, Weighted random sampling with a reservoir, 2006.
        return sorted(targets, key=lambda each: -(random.random() ** (1 / each.weight)))  # noqa: S311 (no secret)
    if strategy == "least_busy":
        return sorted(targets, key=lambda each: (each.upstream.busy / each.weight, -each.weight))
    return sorted(targets, key=lambda each: not can(each))
