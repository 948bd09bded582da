"""Text from a model, a server or a plugin made harmless for a terminal.

An escape sequence can move the cursor, rewrite what was printed, change the window's title or the clipboard; a
bidirectional override can show text in another order than it stands. Each character is judged by itself, so that how
the text was cut into pieces makes no difference: ``safe(a) + safe(b) == safe(a + b)``.
"""

from __future__ import annotations

from collections.abc import Iterator

REPLACEMENT = 0xFFFD
_CONTROL_PICTURES = 0x2400
_KEPT = "\n\t"


def _table() -> Iterator[tuple[int, int | None]]:
    for code in range(0x20):
        if chr(code) not in _KEPT:
            yield code, _CONTROL_PICTURES + code
    # A carriage return goes without a trace, since some models end their lines with one.
    yield 0x0D, None
    yield 0x7F, 0x2421
    for first, last in ((0x80, 0x9F), (0x202A, 0x202E), (0x2066, 0x2069), (0xD800, 0xDFFF)):
        for code in range(first, last + 1):
            yield code, REPLACEMENT


_SAFE = dict(_table())
_ONE_LINE = {**_SAFE, 0x0A: _CONTROL_PICTURES + 0x0A, 0x09: 0x20}

FORBIDDEN = frozenset(chr(code) for code in _SAFE)
"""Every character that ``safe`` never returns: C0 and C1 controls but line feed and tab, overrides, lone surrogates."""


def safe(text: str) -> str:
    """Return ``text`` without control characters (but line feeds and tabs), bidirectional overrides and surrogates.

    C0 controls become their pictures (escape becomes U+241B), a carriage return vanishes, all else becomes U+FFFD.
    """
    return text.translate(_SAFE)


def one_line(text: object) -> str:
    """Return ``str(text)`` as ``safe`` does, on one line: a line feed becomes U+240A, a tab a space."""
    return str(text).translate(_ONE_LINE)
