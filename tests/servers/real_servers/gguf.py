"""The whole of a GGUF file: what it says of its model, and its weights as floats.

backbay-local reads only the head of one, and needs no more. Source: the GGUF specification, docs/gguf.md in the ggml
repository, and the layout of Q8_0 in ggml's ggml-common.h (both read 2026-11-21).
"""

from __future__ import annotations

import math
import struct
from array import array
from dataclasses import dataclass
from pathlib import Path

_STRING, _ARRAY = 8, 9
_SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_F32, _Q8_0 = 0, 8
_BLOCK = 32  # weights that share a scale in Q8_0


@dataclass(frozen=True)
class Tensor:
    """Weights: ``rows`` times ``columns`` floats of 32 bits, row by row. A vector has one row."""

    rows: int
    columns: int
    data: array[float]


class GGUF:
    """A GGUF file of 32-bit floats and Q8_0 blocks.

    Attributes:
        values: What the file says, by key.
        tensors: Its weights, by name.

    Raises:
        ValueError: It is no GGUF file, or has weights in another form.
    """

    def __init__(self, path: Path) -> None:
        self._bytes = path.read_bytes()
        self._at = 4
        if self._bytes[:4] != b"GGUF":
            raise ValueError(f"{path} is no GGUF file")
        _edition, tensors, values = self._read("<IQQ")
        self.values = {self._string(): self._value(self._read("<I")[0]) for _ in range(values)}
        infos = [self._info() for _ in range(tensors)]
        step = int(str(self.values.get("general.alignment", 32)))
        start = -(-self._at // step) * step
        self.tensors = {name: self._tensor(shape, kind, start + offset) for name, shape, kind, offset in infos}

    def _read(self, form: str) -> tuple[int, ...]:
        found = struct.unpack_from(form, self._bytes, self._at)
        self._at += struct.calcsize(form)
        return found

    def _string(self) -> str:
        (size,) = self._read("<Q")
        self._at += size
        return self._bytes[self._at - size : self._at].decode()

    def _value(self, kind: int) -> object:
        if kind == _STRING:
            return self._string()
        if kind == _ARRAY:
            inner, count = self._read("<IQ")
            return [self._value(inner) for _ in range(count)]
        return self._read("<" + _SCALARS[kind])[0]

    def _info(self) -> tuple[str, tuple[int, ...], int, int]:
        name = self._string()
        (dimensions,) = self._read("<I")
        shape = self._read(f"<{dimensions}Q")
        kind, offset = self._read("<IQ")
        return name, shape, kind, offset

    def _tensor(self, shape: tuple[int, ...], kind: int, start: int) -> Tensor:
        count = math.prod(shape)
        if kind == _F32:
            data = array("f", self._bytes[start : start + 4 * count])
        elif kind == _Q8_0:
            data = array("f")
            for scale, *weights in struct.iter_unpack(
                f"<e{_BLOCK}b", self._bytes[start : start + count // _BLOCK * (2 + _BLOCK)]
            ):
                data.extend(scale * weight for weight in weights)
        else:
            raise ValueError(f"weights of the ggml type {kind} are not read here; F32 and Q8_0 are")
        # ggml counts the dimensions from the innermost one.
        return Tensor(rows=count // shape[0], columns=shape[0], data=data)
