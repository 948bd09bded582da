"""backbay-local keeps the contract."""

from __future__ import annotations

from backbay_local.conformance import Conformance


class TestConformance(Conformance):
    """Every law."""
