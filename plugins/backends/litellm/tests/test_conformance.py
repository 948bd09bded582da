"""backbay-litellm keeps the contract."""

from __future__ import annotations

import backbay_litellm
from backbay_conformance import BackendConformance


class TestConformance(BackendConformance):
    """Every law, on the default wire."""

    spec = backbay_litellm.spec.on_wire("openai_chat")
