"""A surface in the tests: ten thousand inputs of the mutator, and some by hypothesis, which makes them small."""

from __future__ import annotations

import os
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from .running import run
from .surface import Surface

INPUTS = 10_000
"""Inputs a surface by the mutator alone, the same in every run, unless ``BACKBAY_FUZZ_INPUTS`` says otherwise."""

EXAMPLES = 50
"""Inputs a surface by hypothesis, new in every run, unless ``BACKBAY_FUZZ_EXAMPLES`` says otherwise.

They cost ten times as much as others.
"""


def hold(surface: Surface, *, inputs: int | None = None, examples: int | None = None) -> None:
    """Check a surface's seeds, inputs of the mutator, and inputs that hypothesis makes; fails with what was found.

    Args:
        surface: The surface.
        inputs: How many inputs of the mutator; ``None`` for ``INPUTS``.
        examples: How many inputs by hypothesis; ``None`` for ``EXAMPLES``.
    """
    done = run(surface, inputs or int(os.environ.get("BACKBAY_FUZZ_INPUTS", INPUTS)))
    if done.findings:
        said = [
            f"{found.words}\n    by {found.times} inputs, such as {found.data!r}" for found in done.findings.values()
        ]
        pytest.fail(f"{surface}: {len(said)} findings\n" + "\n".join(said), pytrace=False)
    count = examples or int(os.environ.get("BACKBAY_FUZZ_EXAMPLES", EXAMPLES))

    @settings(max_examples=count, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.randoms(use_true_random=False))
    def check(rng: Random) -> None:
        surface.check(surface.make(rng))

    check()
