"""Parts of messages as parts of the Gemini wire. Source: the reference of Part, Blob and FileData."""

from __future__ import annotations

import mimetypes
from typing import Any
from urllib.parse import urlsplit

from backbay.errors import InvalidRequestError, UnsupportedError
from backbay.messages import AudioPart, FilePart, ImagePart, Part, TextPart

FILES = "https://generativelanguage.googleapis.com/v1beta/"
"""Where the Gemini API keeps uploaded files; it takes their URIs and not their names (``files/x``)."""

_DETAIL = {"low": "MEDIA_RESOLUTION_LOW", "high": "MEDIA_RESOLUTION_HIGH"}


def write_part(part: Part, index: int, *, files: str | None) -> dict[str, Any]:
    """Return a part of message number ``index`` as this wire has it.

    Args:
        part: Anything but thinking.
        index: For errors.
        files: The address that the name of an uploaded file is put after; ``None`` where there are no such files.

    Raises:
        InvalidRequestError: Data has no media type, or the part cannot stand here.
        UnsupportedError: The vendor has no files of that kind, or cannot cite.
    """
    match part:
        case TextPart():
            return {"text": part.text}
        case ImagePart():
            detail = _DETAIL.get(part.detail or "")
            finer = {"mediaResolution": {"level": detail}} if detail else {}
            if part.url is not None:
                return {**_by_uri(part.url, part.media_type), **finer}
            return {**_inline(part.data, part.media_type, index, "image"), **finer}
        case AudioPart():
            kind = part.format if "/" in part.format else f"audio/{part.format}"
            return _inline(part.data, kind, index, "audio")
        case FilePart():
            return _file(part, index, files)
    raise InvalidRequestError(f"messages[{index}]: {part.type} parts can only stand with an assistant.")


def _file(part: FilePart, index: int, files: str | None) -> dict[str, Any]:
    if part.citations:
        raise UnsupportedError(
            f"messages[{index}]: Gemini cites no passages of a file that is sent to it.",
            hint="Leave citations out; the hosted tools fileSearch and googleSearch name their sources.",
        )
    kind = part.media_type or (mimetypes.guess_type(part.filename)[0] if part.filename else None)
    if part.data is not None:
        return _inline(part.data, kind, index, "file")
    if part.url is not None:
        return _by_uri(part.url, kind)
    name = part.file_id or ""
    if "://" in name:
        return _by_uri(name, kind)
    if files is None:
        raise UnsupportedError(
            f"messages[{index}]: Vertex AI keeps no uploaded files.",
            hint="Give the file's data, or url='gs://...' of a file in Cloud Storage.",
        )
    return _by_uri(f"{files}{name if name.startswith('files/') else f'files/{name}'}", kind)


def _inline(data: str | None, kind: str | None, index: int, what: str) -> dict[str, Any]:
    if kind is None:
        raise InvalidRequestError(f"messages[{index}]: the {what} has no media type; give media_type=.")
    return {"inlineData": {"mimeType": kind, "data": data}}


def _by_uri(uri: str, kind: str | None) -> dict[str, Any]:
    # The Gemini API reads the type from the file itself; Vertex AI wants it, so it is told by the name where it can be.
    found = kind or mimetypes.guess_type(urlsplit(uri).path)[0]
    return {"fileData": {"fileUri": uri, **({"mimeType": found} if found else {})}}
