"""backbay-cloudflare keeps the contract."""

from __future__ import annotations

import backbay_cloudflare
from backbay_conformance import BackendConformance


class TestConformance(BackendConformance):
    """Every law."""

    spec = backbay_cloudflare.spec
