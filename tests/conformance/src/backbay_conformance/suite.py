"""The whole suite, as one class."""

from __future__ import annotations

from .laws import (
    AnswerLaws,
    ArrivalLaws,
    BatchLaws,
    CapabilityLaws,
    ConnectionLaws,
    ConversationLaws,
    EngineLaws,
    ErrorLaws,
    FacetLaws,
    FaultLaws,
    ImportLaws,
    LifecycleLaws,
    LimitLaws,
    MediaLaws,
    RawLaws,
    RelayLaws,
    RequestLaws,
    SecrecyLaws,
    UsageLaws,
)


class BackendConformance(
    AnswerLaws,
    ErrorLaws,
    FaultLaws,
    ArrivalLaws,
    LifecycleLaws,
    LimitLaws,
    RequestLaws,
    ConversationLaws,
    MediaLaws,
    UsageLaws,
    CapabilityLaws,
    FacetLaws,
    RawLaws,
    RelayLaws,
    BatchLaws,
    ConnectionLaws,
    SecrecyLaws,
    ImportLaws,
    EngineLaws,
):
    """Every law. Subclass it in a test module, with ``spec`` set:

    class TestConformance(BackendConformance):
        spec = backbay_acme.spec
    """
