"""backbay-openai keeps the contract."""

from __future__ import annotations

import backbay_openai
from backbay_conformance import BackendConformance


class TestConformance(BackendConformance):
    """Every law."""

    spec = backbay_openai.spec
