"""Any server that speaks one of OpenAI's wires, or Anthropic's, at an address that the caller gives.

``spec`` is what ``backbay.connect("openai-compatible:MODEL", base_url=...)`` finds. The factories make the same backend
without a lookup by name, with a profile of the model.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .declaration import spec as spec

if TYPE_CHECKING:
    from .factories import (
        OpenAICompatibleBackend,
        create_lmstudio_backend,
        create_ollama_backend,
        create_vllm_backend,
    )
    from .profiles import ModelProfile, get_profile, get_profiles_by_provider, list_profiles, register_profile

__all__ = [
    "ModelProfile",
    "OpenAICompatibleBackend",
    "create_lmstudio_backend",
    "create_ollama_backend",
    "create_vllm_backend",
    "get_profile",
    "get_profiles_by_provider",
    "list_profiles",
    "register_profile",
    "spec",
]

_MODULES = {"ModelProfile": "profiles", "get_profile": "profiles", "get_profiles_by_provider": "profiles"}
_MODULES |= {"list_profiles": "profiles", "register_profile": "profiles"}


def __getattr__(name: str) -> object:
    # Reading the spec must not import the driver, so the factories are imported when they are asked for.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f".{_MODULES.get(name, 'factories')}", __name__), name)
