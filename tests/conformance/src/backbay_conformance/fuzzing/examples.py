"""A surface under hypothesis, which makes what it finds as small as it can."""

from __future__ import annotations

import os
from random import Random

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from .surface import Surface

EXAMPLES = 200
"""Inputs a surface, unless ``BACKBAY_FUZZ_EXAMPLES`` says otherwise."""


def hold(surface: Surface, examples: int | None = None) -> None:
    """Check a surface's seeds, and inputs that hypothesis makes; raises what the first finding raises.

    Args:
        surface: The surface.
        examples: How many inputs; ``None`` for ``EXAMPLES``.
    """
    for seed in surface.seeds:
        surface.check(seed)
    count = examples or int(os.environ.get("BACKBAY_FUZZ_EXAMPLES", EXAMPLES))

    @settings(max_examples=count, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.randoms(use_true_random=False))
    def check(rng: Random) -> None:
        surface.check(surface.make(rng))

    check()
