"""backbay-cohere keeps the contract."""

from __future__ import annotations

from backbay_cohere.conformance import Conformance


class TestConformance(Conformance):
    """Every law."""
