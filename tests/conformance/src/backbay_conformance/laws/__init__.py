"""The laws, in groups. A law is a test whose name is its claim and whose docstring says why it matters.

A law marked ``wire`` is about bytes, and holds for backends that speak HTTP; one marked ``engine`` is for backends in
this process, and for servers that really run. Neither kind is skipped where it does not apply: it is not there.
"""

from __future__ import annotations

from .answers import AnswerLaws
from .arrival import ArrivalLaws
from .base import Laws
from .batches import BatchLaws
from .capabilities import CapabilityLaws
from .connections import ConnectionLaws
from .conversations import ConversationLaws
from .engines import EngineLaws
from .errors import ErrorLaws
from .facets import FacetLaws
from .faults import FaultLaws
from .importing import ImportLaws
from .lifecycle import LifecycleLaws
from .limits import LimitLaws
from .media import MediaLaws
from .raw import RawLaws
from .relaying import RelayLaws
from .requests import RequestLaws
from .secrecy import SecrecyLaws
from .usage import UsageLaws

__all__ = [
    "AnswerLaws",
    "ArrivalLaws",
    "BatchLaws",
    "CapabilityLaws",
    "ConnectionLaws",
    "ConversationLaws",
    "EngineLaws",
    "ErrorLaws",
    "FacetLaws",
    "FaultLaws",
    "ImportLaws",
    "Laws",
    "LifecycleLaws",
    "LimitLaws",
    "MediaLaws",
    "RawLaws",
    "RelayLaws",
    "RequestLaws",
    "SecrecyLaws",
    "UsageLaws",
]
