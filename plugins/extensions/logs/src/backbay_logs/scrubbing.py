"""Images, sound and documents as size and hash, and addresses without what may sign them."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit, urlunsplit

_KINDS = ("image", "audio", "file")
_REMOTE = ("http://", "https://")


def scrubbed(value: Any, *, of: str = "") -> Any:  # noqa: ANN401 (JSON)
    """Return JSON in which data of files became ``{"bytes": size, "sha256": hash}``.

    Data are: ``data`` of a part that is a file, the images of a message, and any ``data:`` URL.

    Args:
        value: JSON.
        of: The name of the field that it stands in.
    """
    if isinstance(value, Mapping):
        is_file = value.get("type") in _KINDS
        return {
            name: digest(item) if is_file and name == "data" and isinstance(item, str) else scrubbed(item, of=name)
            for name, item in value.items()
        }
    if isinstance(value, list):
        if of == "images":
            return [_address(item) if str(item).startswith(_REMOTE) else digest(str(item)) for item in value]
        return [scrubbed(item) for item in value]
    if isinstance(value, str):
        if value.startswith("data:") and "," in value[:200]:
            return digest(value)
        return _address(value) if of == "url" and value.startswith(_REMOTE) else value
    return value


def digest(data: str) -> dict[str, object]:
    """Return size and hash of base64 data, or of what a ``data:`` URL holds; of the text itself where it is neither."""
    text = data.partition(",")[2] if data.startswith("data:") else data
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raw = text.encode("utf-8", "surrogatepass")
    return {"bytes": len(raw), "sha256": hashlib.sha256(raw).hexdigest()}


def _address(url: str) -> str:
    """Return an address without its query, which signs it where it is nobody else's to see."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return url
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "***" if parts.query else "", ""))
