"""backbay-nvidia keeps the contract."""

from __future__ import annotations

import backbay_nvidia
from backbay_conformance import BackendConformance


class TestConformance(BackendConformance):
    """Every law."""

    spec = backbay_nvidia.spec
