"""backbay-together keeps the contract."""

from __future__ import annotations

import backbay_together
from backbay_conformance import BackendConformance


class TestConformance(BackendConformance):
    """Every law."""

    spec = backbay_together.spec
