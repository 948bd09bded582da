"""backbay-cerebras keeps the contract."""

from __future__ import annotations

import backbay_cerebras
from backbay_conformance import BackendConformance


class TestConformance(BackendConformance):
    """Every law."""

    spec = backbay_cerebras.spec
