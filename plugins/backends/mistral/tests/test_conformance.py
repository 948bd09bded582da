"""backbay-mistral keeps the contract."""

from __future__ import annotations

from backbay_mistral.conformance import Conformance


class TestMistral(Conformance):
    """Every law."""
