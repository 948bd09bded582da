"""Saboteurs: backends that are wrong in one way each, so that the suite can be seen to fail.

Each is caught by the law that is meant for it; ``tests/test_saboteurs.py`` holds that. ``HONEST`` and ``HONEST_ENGINE``
are their twins without a defect, which keep every law.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import ModuleType

from backbay.backend import Backend
from backbay.capabilities import Capabilities, Capability, Support
from backbay.spec import BackendSpec

from ..vendor import Vendor
from . import answers, batches, drivers, engines, leaks, monotone, raw, relays, requests, signing, transports
from .wire import Sabotaged

_HTTP = Capabilities(dict.fromkeys(Capability, Support.FULL)).with_(
    dict.fromkeys(("hosted_tools", "cache_control", "rerank", "count_tokens"), "unsupported")
)
_ENGINE = Capabilities.of(
    full="generate streaming system_prompt tools structured_output max_tokens stop usage list_models health "
    "temperature complete_raw",
    unsupported="parallel_tool_calls forced_tool_choice streamed_tool_calls json_mode image_input audio_input "
    "file_input hosted_tools cache_control reasoning top_p seed embeddings rerank count_tokens execute",
)


_LITTLE = Capabilities(dict.fromkeys(Capability, Support.UNSUPPORTED)).with_(
    dict.fromkeys(("generate", "streaming", "usage"), "full")
)


def _http(*, codec: str | None = None, backend: str | None = None, capabilities: Capabilities = _HTTP) -> BackendSpec:
    return BackendSpec(
        name="saboteur",
        label="Saboteur",
        wires=("openai_chat",),
        default_base_url="http://127.0.0.1:9/v1",
        requires_credential=False,
        capabilities=capabilities,
        codec=codec,
        backend=backend,
    )


def _engine(item: type[object], capabilities: Capabilities = _ENGINE) -> BackendSpec:
    return BackendSpec(
        name="saboteur",
        label="Saboteur",
        requires_credential=False,
        native=True,
        capabilities=capabilities,
        backend=f"{item.__module__}:{item.__name__}",
    )


HONEST = _http(codec=f"{Sabotaged.__module__}:Sabotaged")
"""The twin of the saboteurs over HTTP."""

MODEST = _http(codec=f"{Sabotaged.__module__}:Sabotaged", capabilities=_LITTLE)
"""A twin that can do next to nothing, and says so: every law holds by refusal."""

SIGNER = _http(codec=f"{signing.__name__}:HonestSigner")
"""A twin on a wire whose vendor signs thinking."""

HONEST_ENGINE = _engine(engines.HonestEngine)
"""The twin of the saboteurs in this process."""


@dataclass(frozen=True, slots=True)
class Saboteur:
    """A wrong backend.

    Attributes:
        name: The name of its class.
        defect: What is wrong with it, in a sentence.
        spec: Its spec.
        vendor: The emulator of its vendor, where that is not core's.
    """

    name: str
    defect: str
    spec: BackendSpec
    vendor: type[Vendor] | None = None


def _classes(module: ModuleType, kind: type[object]) -> list[type[object]]:
    found = [item for item in vars(module).values() if isinstance(item, type) and issubclass(item, kind)]
    return [item for item in found if item.__module__ == module.__name__]


def _vendor(item: type[object]) -> type[Vendor] | None:
    return signing.SigningVendor if issubclass(item, signing.HonestSigner) else None


def _all() -> dict[str, Saboteur]:
    specs = {
        item: _http(codec=f"{module.__name__}:{item.__name__}")
        for module in (answers, raw, requests, signing)
        for item in _classes(module, Sabotaged)
        if item is not signing.HonestSigner
    }
    specs |= {
        item: _http(backend=f"{module.__name__}:{item.__name__}")
        for module in (batches, drivers, leaks, raw, relays, transports)
        for item in _classes(module, Backend)
        if not item.__name__.startswith("_")
    }
    specs |= {item: _engine(item) for item in _classes(engines, Backend) if item is not engines.HonestEngine}
    specs[monotone.SameWords] = _engine(monotone.SameWords, _HTTP)
    specs[monotone.SameWordsOverHTTP] = _http(backend=f"{monotone.__name__}:SameWordsOverHTTP")
    return {
        item.__name__: Saboteur(item.__name__, (item.__doc__ or "").splitlines()[0], spec, _vendor(item))
        for item, spec in specs.items()
    }


SABOTEURS = _all()
"""Every saboteur, by name."""
