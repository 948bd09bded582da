"""backbay-copilot keeps the contract."""

from __future__ import annotations

import backbay_copilot
from backbay_conformance import BackendConformance


class TestConformance(BackendConformance):
    """Every law."""

    spec = backbay_copilot.spec
