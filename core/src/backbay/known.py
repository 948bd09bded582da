"""Which distribution is known to have a backend, for the line that installs it.

A hint and nothing else: a plugin that is not listed works as well. Only distributions that exist belong here, since
somebody else could publish one under a name that we suggest.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

KNOWN: Mapping[str, str] = MappingProxyType(
    {
        "llamacpp": "backbay-llamacpp",
        "local": "backbay-local",
        "openai": "backbay-openai",
    }
)
"""The distribution to install, by backend name."""
