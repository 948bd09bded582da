"""backbay-moonshot keeps the contract."""

from __future__ import annotations

import backbay_moonshot
from backbay_conformance import BackendConformance


class TestConformance(BackendConformance):
    """Every law, on the default wire."""

    spec = backbay_moonshot.spec.on_wire("openai_chat")
