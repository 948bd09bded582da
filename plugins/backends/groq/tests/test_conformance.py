"""backbay-groq keeps the contract."""

from __future__ import annotations

import backbay_groq
from backbay_conformance import BackendConformance


class TestConformance(BackendConformance):
    """Every law."""

    spec = backbay_groq.spec
