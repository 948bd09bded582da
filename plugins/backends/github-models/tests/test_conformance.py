"""backbay-github-models keeps the contract."""

from __future__ import annotations

import backbay_github_models
from backbay_conformance import BackendConformance


class TestConformance(BackendConformance):
    """Every law."""

    spec = backbay_github_models.spec
