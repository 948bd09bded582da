"""backbay-llamacpp keeps the contract."""

from __future__ import annotations

import backbay_llamacpp
from backbay_conformance import BackendConformance


class TestConformance(BackendConformance):
    """Every law."""

    spec = backbay_llamacpp.spec
