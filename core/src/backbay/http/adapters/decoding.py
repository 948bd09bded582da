"""Bodies that a server compressed although none was asked for: gzip and deflate, bounded, and known when cut."""

from __future__ import annotations

import zlib
from collections import deque
from collections.abc import AsyncIterator, Iterator, Mapping

from ...errors import DecodeError, TooLargeError

_PIECE = 2**16
_FREE = 2**20
_RATIO = 200
# Real text shrinks to a tenth; what grows two hundred times is made to fill the memory.


def decoded(chunks: AsyncIterator[bytes], headers: Mapping[str, str]) -> AsyncIterator[bytes]:
    """Return the body as it was before it was compressed; as it is, if it was not.

    Args:
        chunks: The body as it comes.
        headers: The response's, by lower-case name.

    Raises:
        DecodeError: It is compressed twice over, or in a way that nobody asked for.
    """
    named = headers.get("content-encoding")
    if named is None:
        return chunks
    encodings = [name for name in (part.strip().lower() for part in named.split(",")) if name not in ("", "identity")]
    if not encodings:
        return chunks
    if len(encodings) > 1 or encodings[0] not in ("gzip", "x-gzip", "deflate"):
        raise DecodeError(
            f"The body is encoded as {named[:80]!r}; only gzip and deflate, once, are understood.",
            hint="Something between here and the vendor encodes what it was asked not to.",
        )
    return _Unpacked(chunks, zlib.MAX_WBITS | 32)


class _Unpacked:
    """The unpacked body, a piece at a time."""

    def __init__(self, chunks: AsyncIterator[bytes], window: int) -> None:
        self._chunks = chunks
        self._window = window
        self._unpack = zlib.decompressobj(window)
        self._ready: deque[bytes] = deque()
        self._packed: Iterator[bytes] = iter(())
        self._taken = self._given = 0

    def __aiter__(self) -> _Unpacked:
        return self

    async def __anext__(self) -> bytes:
        while True:
            for piece in self._packed:
                return piece
            try:
                data = await anext(self._chunks)
            except StopAsyncIteration:
                if not self._unpack.eof and self._taken:
                    raise DecodeError("The compressed body is cut off.", retryable=True) from None
                raise
            self._taken += len(data)
            self._packed = self._pieces(data)

    async def aclose(self) -> None:
        """Read no more."""
        if (close := getattr(self._chunks, "aclose", None)) is not None:
            await close()

    def _pieces(self, data: bytes) -> Iterator[bytes]:
        try:
            while data:
                if self._unpack.eof:  # gzip may be several, one behind the other.
                    self._unpack = zlib.decompressobj(self._window)
                piece = self._unpack.decompress(data, _PIECE)
                data = self._unpack.unconsumed_tail or self._unpack.unused_data
                self._given += len(piece)
                if self._given > _FREE and self._given > _RATIO * self._taken:
                    raise TooLargeError(f"The compressed body grows more than {_RATIO} times.")
                if piece:
                    yield piece
        except zlib.error as failure:
            raise DecodeError(f"The body cannot be decompressed: {failure}.", retryable=True) from None
