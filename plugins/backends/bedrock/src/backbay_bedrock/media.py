"""Images, sound, documents and videos as blocks of Converse.

Source: the API reference (ImageBlock, AudioBlock, DocumentBlock, VideoBlock, S3Location), and recorded traffic.
"""

from __future__ import annotations

import base64
import re
from typing import Any

from backbay.errors import InvalidRequestError, UnsupportedError
from backbay.messages import AudioPart, FilePart, ImagePart

Block = dict[str, Any]

_IMAGES = {"image/png": "png", "image/jpeg": "jpeg", "image/jpg": "jpeg", "image/gif": "gif", "image/webp": "webp"}

_DOCUMENTS = {
    "application/pdf": "pdf",
    "application/msword": "doc",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
    "application/vnd.ms-excel": "xls",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
    "text/csv": "csv",
    "text/html": "html",
    "text/markdown": "md",
    "text/plain": "txt",
}

_VIDEOS = {
    "video/mp4": "mp4",
    "video/quicktime": "mov",
    "video/x-matroska": "mkv",
    "video/webm": "webm",
    "video/x-flv": "flv",
    "video/mpeg": "mpeg",
    "video/x-ms-wmv": "wmv",
    "video/3gpp": "three_gp",
}

_SUFFIXES = {form: form for form in (*_DOCUMENTS.values(), *_VIDEOS.values(), "mpg")} | {
    "markdown": "md",
    "htm": "html",
    "3gp": "three_gp",
}
_VIDEO_FORMATS = frozenset(_VIDEOS.values()) | {"mpg"}
_PDF = "JVBERi"
"""How the base64 of a PDF begins."""


class Names:
    """Names of documents: of such characters as Bedrock takes, and each once in a request."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def of(self, filename: str | None) -> str:
        """Return a name for a file's name; ``"document"`` for none."""
        stem, _, suffix = (filename or "").rpartition(".")
        named = stem if stem and suffix.lower() in _SUFFIXES else filename or ""
        # Letters, digits, single spaces, hyphens, parentheses, square brackets (reference of DocumentBlock).
        clean = " ".join(re.sub(r"[^A-Za-z0-9 ()\[\]-]+", "-", named).split()).strip("-") or "document"
        unique, number = clean, 2
        while unique in self._taken:
            unique, number = f"{clean}-{number}", number + 1
        self._taken.add(unique)
        return unique


def image_block(part: ImagePart, index: int) -> Block:
    """Return an image. A URL may only be one of S3."""
    if part.detail not in (None, "auto"):
        raise UnsupportedError(f"messages[{index}]: there is no place for an image's detail; scale the image instead.")
    kind = part.media_type
    if kind is None and part.url is not None:
        kind = f"image/{part.url.rpartition('.')[2].lower()}"
    return _image(kind, _source(part.data, part.url, index), index)


def audio_block(part: AudioPart) -> Block:
    """Return sound."""
    return {"audio": {"format": part.format, "source": {"bytes": part.data}}}


def file_block(part: FilePart, index: int, names: Names) -> Block:
    """Return a document, a video or an image, by the file's type.

    Raises:
        InvalidRequestError: Its type is not known.
        UnsupportedError: Bedrock does not take it.
    """
    if part.file_id is not None:
        raise UnsupportedError(
            f"messages[{index}]: Bedrock keeps no files; give data, or a URL that begins with s3://."
        )
    source = _source(part.data, part.url, index)
    if (part.media_type or "").startswith("image/"):
        return _image(part.media_type, source, index)
    form = _format(part, index)
    if form in _VIDEO_FORMATS:
        return {"video": {"format": form, "source": source}}
    if part.citations and part.data is not None and form in ("txt", "md", "csv", "html"):
        # Passages of a text are cited by their characters, so that it goes as text (recorded).
        source = {"text": _text(part.data, index)}
    block: Block = {"format": form, "name": names.of(part.filename), "source": source}
    if part.citations is not None:
        block["citations"] = {"enabled": part.citations}
    return {"document": block}


def _image(kind: str | None, source: Block, index: int) -> Block:
    form = _IMAGES.get(kind or "")
    if form is None:
        raise InvalidRequestError(
            f"messages[{index}]: an image of the type {kind} is not taken; Bedrock takes PNG, JPEG, GIF and WebP.",
            hint="Give media_type, such as 'image/png'.",
        )
    return {"image": {"format": form, "source": source}}


def _format(part: FilePart, index: int) -> str:
    named = (part.filename or part.url or "").rpartition(".")[2].lower()
    kind = (part.media_type or "").partition(";")[0].strip()
    form = _DOCUMENTS.get(kind) or _VIDEOS.get(kind) or _SUFFIXES.get(named)
    if form is None and kind.startswith("text/"):
        return "txt"
    if form is None and not kind and (part.data or "").startswith(_PDF):
        return "pdf"
    if form is None:
        raise InvalidRequestError(
            f"messages[{index}]: a file of the type {kind or 'unknown'} is not taken.",
            hint=f"Give media_type; Bedrock takes {', '.join(sorted({*_DOCUMENTS.values(), *_VIDEO_FORMATS}))}.",
        )
    return form


def _source(data: str | None, url: str | None, index: int) -> Block:
    if url is None:
        return {"bytes": data}
    if url.startswith("s3://"):
        return {"s3Location": {"uri": url}}
    raise UnsupportedError(
        f"messages[{index}]: Bedrock fetches nothing from the web; give data, or a URL that begins with s3://."
    )


def _text(data: str, index: int) -> str:
    try:
        return base64.b64decode(data, validate=True).decode()
    except ValueError:
        raise InvalidRequestError(f"messages[{index}]: a file of text must be base64 of UTF-8.") from None
