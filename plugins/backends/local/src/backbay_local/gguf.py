"""The head of a GGUF file, read without the engine: enough to know what the file is.

Source: the GGUF specification, docs/gguf.md in the ggml repository (read 2026-11-21).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from backbay.errors import ConfigurationError

MAGIC = b"GGUF"

_STRING, _ARRAY = 8, 9
# Types of single values by their number, as struct writes them.
_SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_LONGEST_STRING = 1 << 26
_MOST_VALUES = 1 << 16


@dataclass(frozen=True, slots=True)
class Head:
    """What a GGUF file says of its model.

    Attributes:
        architecture: The kind of model, such as ``"llama"``; ``None`` if the file does not say.
        name: Its name, or ``None``.
        context: Tokens that it was trained on, or ``None``.
    """

    architecture: str | None = None
    name: str | None = None
    context: int | None = None


def read_head(path: Path) -> Head:
    """Return what the file says of its model.

    Raises:
        ConfigurationError: It is no GGUF file, of an edition before 2, or cut short.
        OSError: It cannot be read.
    """
    with path.open("rb") as file:
        if file.read(4) != MAGIC:
            raise ConfigurationError(
                f"{path} is no GGUF file: it does not begin with {MAGIC.decode()}.",
                hint="Give a file that ends with .gguf; a model in another format must be converted first.",
            )
        try:
            return _read_values(file)
        except (ValueError, OverflowError, RecursionError, struct.error) as failure:
            raise ConfigurationError(
                f"{path} is no whole GGUF file: {failure}.", hint="Download or copy it again."
            ) from failure


def _read_values(file: BinaryIO) -> Head:
    edition, _tensors, values = struct.unpack("<IQQ", _exactly(file, 20))
    if not 2 <= edition <= 100:
        raise ValueError(f"its edition is {edition}")
    if values > _MOST_VALUES:
        raise ValueError(f"it claims {values} values")
    found: dict[str, object] = {}
    for _ in range(values):
        key = _string(file)
        (kind,) = struct.unpack("<I", _exactly(file, 4))
        if kind == _ARRAY:
            _skip_array(file)
            continue
        found[key] = _string(file) if kind == _STRING else _scalar(file, kind)
        architecture = found.get("general.architecture")
        if f"{architecture}.context_length" in found and "general.name" in found:
            # The tokenizer, by far the largest part, comes later.
            break
    architecture, name = found.get("general.architecture"), found.get("general.name")
    context = found.get(f"{architecture}.context_length")
    return Head(
        architecture if isinstance(architecture, str) else None,
        name if isinstance(name, str) else None,
        context if isinstance(context, int) and context > 0 else None,
    )


def _exactly(file: BinaryIO, size: int) -> bytes:
    data = file.read(size)
    if len(data) < size:
        raise ValueError("it is cut short")
    return data


def _string(file: BinaryIO) -> str:
    (size,) = struct.unpack("<Q", _exactly(file, 8))
    if size > _LONGEST_STRING:
        raise ValueError(f"it claims a string of {size} bytes")
    return _exactly(file, size).decode("utf-8", "replace")


def _scalar(file: BinaryIO, kind: int) -> object:
    form = "<" + _form(kind)
    return struct.unpack(form, _exactly(file, struct.calcsize(form)))[0]


def _form(kind: int) -> str:
    if kind not in _SCALARS:
        raise ValueError(f"a value has the unknown type {kind}")
    return _SCALARS[kind]


def _skip_array(file: BinaryIO) -> None:
    kind, count = struct.unpack("<IQ", _exactly(file, 12))
    if kind == _STRING:
        for _ in range(count):
            _string(file)
    elif kind == _ARRAY:
        for _ in range(count):
            _skip_array(file)
    else:
        file.seek(count * struct.calcsize("<" + _form(kind)), 1)
