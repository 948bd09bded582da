"""Base64 images: what kind they are, and the ``data:`` URLs that carry them."""

from __future__ import annotations

import base64
import binascii

_MAGIC = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"BM", "image/bmp"),
)


def sniff_media_type(data: str) -> str | None:
    """Return the media type that base64 ``data`` starts like, or ``None``."""
    try:
        head = base64.b64decode(data[:32] + "=" * (-len(data[:32]) % 4))
    except (binascii.Error, ValueError):
        return None
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "image/webp"
    return next((kind for magic, kind in _MAGIC if head.startswith(magic)), None)


def split_data_url(url: str) -> tuple[str | None, str]:
    """Split a ``data:`` URL into (media type or ``None``, base64 data).

    Raises:
        ValueError: It is not base64.
    """
    head, comma, data = url[len("data:") :].partition(",")
    if not comma or not head.endswith(";base64"):
        raise ValueError("a data: URL must be base64: data:image/png;base64,...")
    return head[: -len(";base64")].split(";")[0] or None, data
