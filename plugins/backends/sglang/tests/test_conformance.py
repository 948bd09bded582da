"""backbay-sglang keeps the contract."""

from __future__ import annotations

import backbay_sglang
from backbay_conformance import BackendConformance


class TestConformance(BackendConformance):
    """Every law, on the default wire."""

    spec = backbay_sglang.spec.on_wire("openai_chat")
