"""backbay-lmstudio keeps the contract."""

from __future__ import annotations

import backbay_lmstudio
from backbay_conformance import BackendConformance


class TestConformance(BackendConformance):
    """Every law."""

    spec = backbay_lmstudio.spec
