"""Which distribution is known to have a backend, for the line that installs it.

A hint and nothing else: a plugin that is not listed works as well. The table is written by ``scripts/backends.py``,
from the backends of the repository. None is added by hand: only distributions that exist belong here, since somebody
else could publish one under a name that we suggest.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

KNOWN: Mapping[str, str] = MappingProxyType(
    {
        "anthropic": "backbay-anthropic",
        "bedrock": "backbay-bedrock",
        "cohere": "backbay-cohere",
        "google": "backbay-google",
        "llamacpp": "backbay-llamacpp",
        "local": "backbay-local",
        "ollama": "backbay-ollama",
        "openai": "backbay-openai",
        "openai-compatible": "backbay-openai-compatible",
        "vertex": "backbay-google",
    }
)
"""The distribution to install, by backend name."""
