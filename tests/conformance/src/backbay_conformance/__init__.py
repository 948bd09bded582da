"""Whether a Backbay backend keeps the contract, and exactly where not: offline, on real sockets.

from backbay_conformance import BackendConformance
import backbay_acme

class TestConformance(BackendConformance):
    spec = backbay_acme.spec

Names are loaded when first used: a program that only has the suite installed does not pay for it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .problems import SetUpError as SetUpError
    from .scenarios import Answer as Answer
    from .scenarios import Call as Call
    from .scenarios import Scenario as Scenario
    from .subject import Engine as Engine
    from .suite import BackendConformance as BackendConformance
    from .vendor import Asked as Asked
    from .vendor import RawAsked as RawAsked
    from .vendor import Turn as Turn
    from .vendor import Vendor as Vendor

_HOME = {
    "problems": "SetUpError",
    "scenarios": "Answer Call Scenario",
    "subject": "Engine",
    "suite": "BackendConformance",
    "vendor": "Asked RawAsked Turn Vendor",
}
_MODULE_OF = {name: module for module, listed in _HOME.items() for name in listed.split()}

__all__ = sorted(_MODULE_OF)  # noqa: PLE0605 (sorted gives a list)


def __getattr__(name: str) -> object:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(f".{_MODULE_OF[name]}", __name__), name)
    globals()[name] = value
    return value
