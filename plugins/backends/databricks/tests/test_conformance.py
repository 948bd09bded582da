"""backbay-databricks keeps the contract."""

from __future__ import annotations

import backbay_databricks
from backbay_conformance import BackendConformance


class TestConformance(BackendConformance):
    """Every law."""

    spec = backbay_databricks.spec
