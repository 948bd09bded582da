"""How the conformance suite asks this backend: ``backbay conform local`` needs nothing else.

It needs the extra ``conformance``; nothing in this package imports it.
"""

from __future__ import annotations

from backbay_conformance import BackendConformance, Engine

from . import spec as _spec

_WEATHER = "What is the weather in Zagreb?"


class Conformance(BackendConformance):
    """Every law, with prompts that a model of a few megabytes understands."""

    spec = _spec
    engine = Engine(
        model="tiny",
        prompts={
            "plain": "Say pong.",
            "one_tool": _WEATHER,
            "forced_tool": _WEATHER,
            "structured_output": "Anna is 31 years old.",
        },
        long_prompt=("Tell me a long story.", {"max_tokens": 1500, "extra": {"ignore_eos": True}}),
    )
