"""Recorded requests read back into our types, a module for each wire, to be encoded again and compared."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

JSON = Mapping[str, Any]


@dataclass
class Call:
    """A call that should give a recorded request: the arguments of ``complete`` or ``stream``."""

    messages: list[Any]
    options: dict[str, Any] = field(default_factory=dict)
    stream: bool = False


@dataclass(frozen=True)
class Reader:
    """How requests of a wire are read.

    Attributes:
        read: Returns the call for a request's body, or ``None`` for a request that no call can give. Its second
            argument is the backend's name, under which opaque data of messages stands.
        plain: Returns a body with what two spellings have in common written in one of them, to be compared.
    """

    read: Callable[[JSON, str], Call | None]
    plain: Callable[[JSON], JSON]


READERS: Mapping[str, str] = {
    "cohere_v2": "cohere",
    "mistral_chat": "mistral",
    "ollama_chat": "ollama",
    "openai_chat": "chat",
}
"""Modules beside this one, by wire."""


def reader_of(wire: str) -> Reader | None:
    """Return what reads requests of a wire, or ``None`` if nothing does."""
    if wire not in READERS:
        return None
    found: Reader = import_module(f".{READERS[wire]}", __name__).READER
    return found
