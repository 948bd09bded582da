"""What standard error says beside the result, and how much style each stream takes."""

from __future__ import annotations

import os
import shutil
import sys
import textwrap
from contextlib import suppress
from typing import TextIO

from .safe_text import safe

_DIM, _BOLD_RED, _PLAIN = "\x1b[2m", "\x1b[1;31m", "\x1b[0m"


def prepare_streams() -> None:
    """Let a character that the terminal's encoding lacks come out as ``?`` instead of an exception."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            with suppress(ValueError, OSError):
                reconfigure(errors="replace")


def is_terminal(stream: TextIO) -> bool:
    """Whether a person reads ``stream`` as it is written."""
    try:
        return stream.isatty()
    except ValueError:
        return False


def has_style(stream: TextIO) -> bool:
    """Whether escape sequences may go to ``stream``: a terminal that knows them, and ``NO_COLOR`` is not set."""
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb" or not is_terminal(stream):
        return False
    # The old console of Windows prints escape sequences as they are; its successors set one of these.
    return sys.platform != "win32" or bool({"WT_SESSION", "TERM", "ANSICON"} & os.environ.keys())


def dim(text: str) -> str:
    """Return safe ``text``, dimmed if standard error shows style."""
    return f"{_DIM}{safe(text)}{_PLAIN}" if has_style(sys.stderr) else safe(text)


def alarm(text: str) -> str:
    """Return safe ``text`` in bold red, if standard error shows style."""
    return f"{_BOLD_RED}{safe(text)}{_PLAIN}" if has_style(sys.stderr) else safe(text)


def say(text: str = "", *, end: str = "\n") -> None:
    """Write to standard error, at once. The text must be safe already."""
    sys.stderr.write(text + end)
    sys.stderr.flush()


def put(text: str = "") -> None:
    """Write a line of the result to standard output. The text must be safe already."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def warn(text: str) -> None:
    """Say what is wrong and does not stop the command."""
    say_marked("warning:", text)


def say_marked(mark: str, text: str) -> None:
    """Say any text after a mark in red, folded between words."""
    say(f"{alarm(mark)} {folded(f'{mark} {text}').removeprefix(mark).lstrip()}")


def say_folded(text: str, *, indent: str = "", dimmed: bool = False) -> None:
    """Say any text, folded between words, every line indented."""
    shown = folded(text, indent=indent)
    say(dim(shown) if dimmed else shown)


def folded(text: str, *, indent: str = "", stream: TextIO | None = None) -> str:
    """Return safe ``text``, folded between words to the width of ``stream`` (standard error) if it is a terminal."""
    lines = safe(text).split("\n")
    if is_terminal(stream or sys.stderr):
        # One column stays free: some terminals break a line that fills the last.
        width = max(20, shutil.get_terminal_size().columns - 1)
        fold = textwrap.TextWrapper(
            width=width - len(indent), break_long_words=False, break_on_hyphens=False, drop_whitespace=True
        )
        lines = [piece for line in lines for piece in fold.wrap(line) or [""]]
    return "\n".join(indent + line for line in lines)
