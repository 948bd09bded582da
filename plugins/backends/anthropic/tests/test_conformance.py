"""backbay-anthropic keeps the contract."""

from __future__ import annotations

from typing import ClassVar

import backbay_anthropic
from backbay_conformance import BackendConformance


class TestConformance(BackendConformance):
    """Every law."""

    spec = backbay_anthropic.spec


class TestNewerVersion(BackendConformance):
    """Every law, in the version of the API that has no sampling parameters, and that takes the key as a bearer's."""

    spec = backbay_anthropic.newer_spec
    config: ClassVar = {"api_version": "2026-10-21"}
