"""Rows and documents on standard output, with nothing in them that a terminal would obey."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence

_GAP = "  "


def show(headings: Sequence[str], rows: Sequence[Sequence[object]], *, right: Sequence[str] = ()) -> None:
    """Print a table in plain columns; ``None`` and ``""`` are shown as ``-``. ``right`` names columns of numbers."""
    cells = [[_cell(value) for value in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(headings, *cells, strict=True)]
    for line in (list(headings), *cells):
        padded = (
            cell.rjust(width) if heading in right else cell.ljust(width)
            for cell, width, heading in zip(line, widths, headings, strict=True)
        )
        put(_GAP.join(padded).rstrip())


def document(value: object) -> None:
    """Print one JSON document, in ASCII."""
    put(json.dumps(value, indent=2, allow_nan=False).replace("\x7f", "\\u007f"))


def put(line: str) -> None:
    """Print a line of the result."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def note(line: str) -> None:
    """Say something beside the result, on standard error."""
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


def plain(text: str) -> str:
    """Return text without any character that is not printed; names of models come from clients."""
    return "".join(character if character.isprintable() else "\ufffd" for character in text)


def _cell(value: object) -> str:
    return "-" if value is None or value == "" else plain(str(value))
