"""backbay-fireworks keeps the contract."""

from __future__ import annotations

import backbay_fireworks
from backbay_conformance import BackendConformance


class TestConformance(BackendConformance):
    """Every law."""

    spec = backbay_fireworks.spec
