"""backbay-huggingface keeps the contract."""

from __future__ import annotations

import backbay_huggingface
from backbay_conformance import BackendConformance


class TestConformance(BackendConformance):
    """Every law."""

    spec = backbay_huggingface.spec
