"""backbay-local keeps the contract."""

from __future__ import annotations

import backbay_local
from backbay_conformance import BackendConformance, Engine

WEATHER = "What is the weather in Zagreb?"


class TestConformance(BackendConformance):
    """Every law."""

    spec = backbay_local.spec
    engine = Engine(
        model="tiny",
        prompts={
            "plain": "Say pong.",
            "one_tool": WEATHER,
            "forced_tool": WEATHER,
            "structured_output": "Anna is 31 years old.",
        },
        long_prompt=("Tell me a long story.", {"max_tokens": 1500, "extra": {"ignore_eos": True}}),
    )
