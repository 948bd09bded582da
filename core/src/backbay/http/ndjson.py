"""Newline-delimited JSON, split into lines in linear time."""

from __future__ import annotations

from ..errors import TooLargeError

MAX_LINE_BYTES = 16 * 1024 * 1024

_BLANKS = b" \t\r"


class NDJSONDecoder:
    """Turns the bytes of one stream into lines: the same ones at any split of the bytes.

    Lines end with LF. White space around a line, which covers the CR of a CRLF, is taken off; blank lines are skipped.

    Args:
        max_line_bytes: The most bytes of one line, without its LF.
    """

    __slots__ = ("_failure", "_limit", "_pending")

    def __init__(self, max_line_bytes: int = MAX_LINE_BYTES) -> None:
        self._limit = max_line_bytes
        self._pending = bytearray()
        self._failure: TooLargeError | None = None

    def feed(self, data: bytes) -> list[bytes]:
        """Take more bytes; return the lines that are complete now.

        Raises:
            TooLargeError: A line is longer than ``max_line_bytes``. If whole lines came before it in ``data``, they are
                returned, and the next call raises.
        """
        if self._failure is not None:
            raise self._failure
        end = data.rfind(b"\n") + 1
        self._pending += data[:end] if end else data
        if not end:
            return self._checked([])
        lines = self._lines(bytes(self._pending))
        self._pending.clear()
        self._pending += data[end:]
        return self._checked(lines)

    def finish(self) -> list[bytes]:
        """Take the end of the stream; return the last line, if it has no LF. It may have been cut.

        Raises:
            TooLargeError: The line is longer than ``max_line_bytes``.
        """
        if self._failure is not None:
            raise self._failure
        lines = self._lines(bytes(self._pending))
        self._pending.clear()
        return lines

    def _lines(self, data: bytes) -> list[bytes]:
        lines = []
        for line in data.split(b"\n"):
            if len(line) > self._limit:
                self._failed()
                break
            stripped = line.strip(_BLANKS)
            if stripped:
                lines.append(stripped)
        return lines

    def _checked(self, lines: list[bytes]) -> list[bytes]:
        if self._failure is None and len(self._pending) > self._limit:
            self._failed()
        if self._failure is not None:
            self._pending.clear()
            if not lines:
                raise self._failure
        return lines

    def _failed(self) -> None:
        self._failure = TooLargeError(f"A line of the stream is longer than {self._limit} bytes.")
