"""The surfaces of wires: of core's own, and of those that plugins ship a conformance test with an emulator for."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib import import_module
from importlib.metadata import entry_points
from types import ModuleType

from backbay.http import setup
from backbay.http.codec import Codec
from backbay.settings import Settings
from backbay.spec import BackendSpec

from ..installed import GROUP
from ..suite import BackendConformance
from ..vendor import Vendor
from ..vendors import VENDORS
from .surface import Surface, wire_surfaces

Seeds = Callable[[Codec], tuple[Sequence[bytes], Sequence[bytes]]]
"""Finds further seeds for a codec: streamed bodies, and whole answers."""


def none(_: Codec) -> tuple[Sequence[bytes], Sequence[bytes]]:
    """Return no further seeds: what the emulators say is enough."""
    return (), ()


def core_surfaces(seeds: Seeds = none) -> list[Surface]:
    """Return the surfaces of the wires that core has."""
    found: list[Surface] = []
    for wire, vendor in sorted(VENDORS.items()):
        codec = _codec(BackendSpec(name="example", wires=(wire,)))
        streams, bodies = seeds(codec)
        found += wire_surfaces(wire, codec, vendor(), streams=streams, bodies=bodies)
    return found


def surfaces_of(name: str, seeds: Seeds = none) -> list[Surface]:
    """Return the surfaces of a backend's own wires, and those in ``surfaces()`` of its conformance module."""
    found: list[Surface] = []
    done: set[type[Codec]] = set()
    for module in dict.fromkeys(_modules(name)):
        for kind in _classes(module):
            assert kind.vendor is not None
            codec = _codec(kind.spec, kind.config)
            if type(codec).__module__.startswith("backbay.wires."):
                continue  # core's own
            label = kind.vendor.__name__.removesuffix("Vendor").lower()
            label = name if label == name else f"{name}.{label}"
            streams, bodies = seeds(codec)
            wire = wire_surfaces(label, codec, kind.vendor(), streams=streams, bodies=bodies)
            # Another emulator of the same codec has other streams, and nothing else.
            found += [surface for surface in wire if type(codec) not in done or surface.name.endswith(".stream")]
            done.add(type(codec))
        found += getattr(module, "surfaces", list)()
    return found


def shippers() -> list[str]:
    """Return the names of the installed backends that have a wire of their own, one for each conformance module."""
    named = sorted((entry.module, entry.name) for entry in entry_points(group=GROUP) if ":" not in entry.name)
    first = dict(reversed(named))
    return sorted(name for name in first.values() if surfaces_of(name))


def _modules(name: str) -> Iterator[ModuleType]:
    for entry in entry_points(group=GROUP):
        if entry.name.partition(":")[0] == name:
            yield import_module(entry.module)


def _classes(module: ModuleType) -> list[type[BackendConformance]]:
    """Return a class for each emulator that a module has of its own."""
    found: dict[type[Vendor], type[BackendConformance]] = {}
    for _, kind in inspect.getmembers(module, inspect.isclass):
        if issubclass(kind, BackendConformance) and kind.vendor is not None and kind.__module__ == module.__name__:
            found.setdefault(kind.vendor, kind)
    return [kind for vendor, kind in found.items() if vendor not in VENDORS.values()]


def _codec(spec: BackendSpec, config: Mapping[str, object] | None = None) -> Codec:
    return setup.codec(spec, Settings(config=config or {}), at_home=True)
