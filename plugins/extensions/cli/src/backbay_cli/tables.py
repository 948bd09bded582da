"""Rows for people: a table where it fits, one block a row on a narrow terminal, plain columns in a pipe."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from .safe_text import one_line
from .terminal import is_terminal

if TYPE_CHECKING:
    from rich.console import Console

_GAP = "  "
_LAST_COLUMN_NEEDS = 24

STATE_STYLES = {
    "ok": "green",
    "yes": "green",
    "set": "green",
    "broken": "bold red",
    "no": "bold red",
    "incompatible": "yellow",
    "shadowed": "yellow",
    "disabled": "yellow",
}
"""How the words that say a state are coloured; the word says it too, so colour is never the only sign."""


def show(headings: Sequence[str], rows: Sequence[Sequence[object]], *, right: Sequence[str] = ()) -> None:
    """Print rows on standard output. The last column is the one that folds where the terminal is too narrow.

    Args:
        headings: The columns' names.
        rows: As many cells as headings in each; ``None`` is shown as ``-``.
        right: Headings of the columns of numbers.
    """
    cells = [["-" if cell is None or cell == "" else one_line(cell) for cell in row] for row in rows]
    if not is_terminal(sys.stdout):
        _show_plain(headings, cells, right)
        return
    fixed = sum(max(map(len, column)) + len(_GAP) for column in list(zip(headings, *cells, strict=True))[:-1])
    width = shutil.get_terminal_size().columns
    if fixed + _LAST_COLUMN_NEEDS <= width:
        _show_table(headings, cells, right, width)
    else:
        _show_blocks(headings, cells, width)


def shorten(path: str | None) -> str | None:
    """Return a path with the person's own folder as ``~``."""
    home = os.path.expanduser("~")  # noqa: PTH111 (a Path raises where there is no home)
    if path is None or len(home) < 2 or not path.startswith(home + os.sep):
        return path
    return "~" + path[len(home) :]


def as_size(count: int) -> str:
    """Return a number of bytes as people read it: ``"512 B"``, ``"1.5 MiB"``."""
    size, unit = float(count), "B"
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size < 1024 or unit == "GiB":
            break
        size /= 1024
    return f"{size:.0f} B" if unit == "B" else f"{size:.1f} {unit}"


def _show_plain(headings: Sequence[str], cells: Sequence[Sequence[str]], right: Sequence[str]) -> None:
    widths = [max(map(len, column)) for column in zip(headings, *cells, strict=True)]
    for line in (headings, *cells):
        padded = (
            cell.rjust(width) if heading in right else cell.ljust(width)
            for cell, width, heading in zip(line, widths, headings, strict=True)
        )
        sys.stdout.write(_GAP.join(padded).rstrip() + "\n")
    sys.stdout.flush()


def _show_table(headings: Sequence[str], cells: Sequence[Sequence[str]], right: Sequence[str], width: int) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, len(_GAP), 0, 0), header_style="bold")
    for heading in headings:
        last = heading == headings[-1]
        table.add_column(
            heading,
            justify="right" if heading in right else "left",
            no_wrap=not last,
            overflow="fold" if last else "ellipsis",
        )
    for line in cells:
        # Text objects, so that square brackets in a cell are no markup.
        table.add_row(*(Text(cell, style=STATE_STYLES.get(cell, "")) for cell in line))
    _console(width).print(table)


def _show_blocks(headings: Sequence[str], cells: Sequence[Sequence[str]], width: int) -> None:
    from rich.text import Text

    console = _console(width)
    for line in cells:
        console.print(Text(line[0], style="bold"), overflow="fold")
        for heading, cell in zip(headings[1:], line[1:], strict=True):
            said = Text.assemble("  ", (f"{heading}: ", "dim"), (cell, STATE_STYLES.get(cell, "")))
            console.print(said, overflow="fold")


def _console(width: int) -> Console:
    from rich.console import Console

    # Both are given, since rich takes a terminal that knows no style to have 80 columns otherwise.
    return Console(highlight=False, width=width, height=25)
