"""Blocks: the leaves of a prompt."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from pathlib import Path

from backbay import AudioPart, ImagePart

from .errors import SpanError

AUDIO_FORMATS = ("wav", "mp3", "flac", "ogg", "aac", "opus", "pcm16")


class CBlock:
    """A run of text. It stays as it is made.

    Args:
        value: The text; ``None`` for none, which reads as ``""``.
        meta: What the program wants to remember with it; nothing here reads it.
        cache: Whether a vendor is asked to keep the prompt up to here in its cache, for five minutes, where it can.

    Raises:
        SpanError: ``value`` is no string.
    """

    __slots__ = ("_value", "cache", "meta")

    def __init__(
        self, value: str | None = None, meta: Mapping[str, object] | None = None, *, cache: bool = False
    ) -> None:
        if value is not None and not isinstance(value, str):
            raise SpanError(f"A block's value is a string or None, not a {type(value).__name__}.")
        self._value = value
        self.meta: dict[str, object] = dict(meta or {})
        self.cache = cache

    @property
    def value(self) -> str | None:
        """The text, or ``None``."""
        return self._value

    def __str__(self) -> str:
        return self._value or ""

    def __repr__(self) -> str:
        text = self._value
        shown = repr(text) if text is None or len(text) <= 40 else f"{text[:39]!r}…"
        return f"{type(self).__name__}({shown})"


class ImageBlock(CBlock):
    """An image: base64 data, a ``data:`` URL, or an http URL.

    Args:
        value: Which of these; data is checked, and its type read from its first bytes.
        meta: As in ``CBlock``.
        detail: How closely the vendor shall look: ``"low"``, ``"high"``, ``"auto"``; ``None`` leaves it to the vendor.

    Raises:
        SpanError: ``value`` is no base64 of an image that is known here, and no URL.
    """

    __slots__ = ("part",)

    def __init__(self, value: str, meta: Mapping[str, object] | None = None, *, detail: str | None = None) -> None:
        super().__init__(value, meta)
        if detail not in (None, "auto", "low", "high"):
            raise SpanError(f"detail is {detail!r}; give 'low', 'high', 'auto' or None.")
        if isinstance(value, str) and value.startswith(("http://", "https://")):
            self.part = ImagePart(url=value, detail=detail)  # type: ignore[arg-type]
            return
        found = ImagePart(data=str(value), detail=detail)  # type: ignore[arg-type]
        if found.media_type is None or not _is_base64(found.data or ""):
            raise SpanError("An image's value is base64 of a PNG, JPEG, GIF or WebP, or a URL of one.")
        self.part = found

    @classmethod
    def from_file(cls, path: str | Path, meta: Mapping[str, object] | None = None) -> ImageBlock:
        """Return the image in a file.

        Raises:
            OSError: It cannot be read.
            SpanError: It is no image that is known here.
        """
        return cls(base64.b64encode(Path(path).read_bytes()).decode("ascii"), meta)

    def __str__(self) -> str:
        return ""

    def __repr__(self) -> str:
        return f"ImageBlock({self.part.media_type or self.part.url})"


class AudioBlock(CBlock):
    """Recorded sound: base64 data and its format.

    Args:
        value: The data, base64.
        format: One of ``AUDIO_FORMATS``.
        meta: As in ``CBlock``.

    Raises:
        SpanError: ``value`` is no base64, or nobody knows the format.
    """

    __slots__ = ("part",)

    def __init__(self, value: str, format: str = "wav", meta: Mapping[str, object] | None = None) -> None:  # noqa: A002
        super().__init__(value, meta)
        if format not in AUDIO_FORMATS:
            raise SpanError(f"The audio format {format!r} is not known; give one of {', '.join(AUDIO_FORMATS)}.")
        if not value or not _is_base64(value):
            raise SpanError("Sound is given as base64 data.")
        self.part = AudioPart(data=value, format=format)

    def __str__(self) -> str:
        return ""

    def __repr__(self) -> str:
        return f"AudioBlock({self.part.format})"


def _is_base64(text: str) -> bool:
    try:
        base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return False
    return True
