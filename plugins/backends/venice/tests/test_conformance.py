"""backbay-venice keeps the contract."""

from __future__ import annotations

import backbay_venice
from backbay_conformance import BackendConformance


class TestConformance(BackendConformance):
    """Every law."""

    spec = backbay_venice.spec
