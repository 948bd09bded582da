"""The whole suite, as one class."""

from __future__ import annotations

from .laws import (
    AnswerLaws,
    CapabilityLaws,
    EngineLaws,
    ErrorLaws,
    FacetLaws,
    FaultLaws,
    ImportLaws,
    LifecycleLaws,
    LimitLaws,
    RequestLaws,
    SecrecyLaws,
)


class BackendConformance(
    AnswerLaws,
    ErrorLaws,
    FaultLaws,
    LifecycleLaws,
    LimitLaws,
    RequestLaws,
    CapabilityLaws,
    FacetLaws,
    SecrecyLaws,
    ImportLaws,
    EngineLaws,
):
    """Every law. Subclass it in a test module, with ``spec`` set:

    class TestConformance(BackendConformance):
        spec = backbay_acme.spec
    """
