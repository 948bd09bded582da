"""Words and figures for people: harmless text, cut and wrapped by the columns it takes, and times, tokens, counts."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from decimal import Decimal

_PICTURES = {code: 0x2400 + code for code in range(0x20) if code not in (0x09, 0x0A)} | {0x7F: 0x2421}
# Controls as the signs that Unicode has for them; tabs and line ends stay.

_INVISIBLE = (*range(0x80, 0xA0), 0x200E, 0x200F, 0x061C, *range(0x202A, 0x202F), *range(0x2066, 0x206A))
_HARMLESS: dict[int, int | str] = {**_PICTURES, **{code: f"\\u{code:04x}" for code in _INVISIBLE}}
_HARMLESS |= {code: f"\\u{code:04x}" for code in range(0xD800, 0xE000)}
# What turns the direction of writing, which can make a text look like another; and halves of characters, which no
# file can hold.

UNKNOWN = "unknown"

NOTHING = "\N{EN DASH}"
"""Stands where there is nothing to know, so that no figure is missing."""


def harmless(text: str) -> str:
    """Return text in which nothing steers a terminal, turns the direction of writing, or cannot be written to a file.

    Line ends are all line feeds. What is replaced can still be seen.
    """
    if text.isascii() and text.isprintable():
        return text
    return text.replace("\r\n", "\n").translate(_HARMLESS)


def one_line(text: str, columns: int) -> str:
    """Return text on one line of at most ``columns``, with ``…`` where it was cut; harmless."""
    # What is cut away in any case is not looked at: a prompt may be long.
    spread = " ".join(harmless(text[: 8 * columns + 8]).split())
    cut = len(text) > 8 * columns + 8
    if not cut and width(spread) <= columns:
        return spread
    kept, room = [], columns - 1
    for character in spread:
        room -= _cells(character)
        if room < 0:
            break
        kept.append(character)
    return "".join(kept).rstrip() + "…"


def width(text: str) -> int:
    """Return the columns that text takes in a terminal."""
    return len(text) if text.isascii() else sum(map(_cells, text))


def _cells(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def wrapped(text: str, columns: int) -> Iterator[str]:
    """Yield text in lines of at most ``columns``, broken between words where that can be; harmless."""
    line, used = "", 0
    for word in harmless(text).split():
        for piece in _pieces(word, columns):
            needs = width(piece)
            if line and used + 1 + needs > columns:
                yield line
                line, used = "", 0
            line, used = (f"{line} {piece}", used + 1 + needs) if line else (piece, needs)
    if line:
        yield line


def _pieces(word: str, columns: int) -> Iterator[str]:
    """Yield a word, or the parts of one that is wider than a line."""
    if width(word) <= columns:
        yield word
        return
    piece, used = "", 0
    for character in word:
        cells = _cells(character)
        if used + cells > columns:
            yield piece
            piece, used = "", 0
        piece, used = piece + character, used + cells
    yield piece


def duration(seconds: float | None) -> str:
    """Return a time: ``"0.4 ms"``, ``"120 ms"``, ``"2.04 s"``, ``"3 min 5 s"``; ``None`` is unknown."""
    if seconds is None:
        return UNKNOWN
    seconds = max(seconds, 0.0)
    if seconds < 0.00995:
        return f"{1000 * seconds:.1f} ms"
    if seconds < 0.9995:
        return f"{1000 * seconds:.0f} ms"
    if seconds < 59.995:
        return f"{seconds:.2f} s"
    minutes, left = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {left} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min"


def count(number: int | None) -> str:
    """Return a number: ``"12,345"``; ``None`` is unknown."""
    return UNKNOWN if number is None else f"{number:,}"


def several(number: int, one: str, more: str | None = None) -> str:
    """Return a number of things: ``"1 message"``, ``"2 messages"``."""
    return f"{number:,} {one if number == 1 else more or one + 's'}"


def dollars(amount: Decimal) -> str:
    """Return an amount in dollars: ``"$1.20"``, ``"$0.0120"``, ``"$0.00000345"``."""
    if amount == 0:
        return "$0"
    # Three figures that count, and never fewer than two places.
    places = max(2, 2 - amount.adjusted())
    return f"${amount:,.{places}f}"
