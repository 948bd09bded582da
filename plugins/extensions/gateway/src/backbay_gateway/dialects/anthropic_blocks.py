"""Content blocks of a client's request as parts of our messages.

Source: Anthropic's API reference, Create a Message (read 2026-11-21), and the types of its own client, version 2.12.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping

from backbay.errors import InvalidRequestError, UnsupportedError
from backbay.messages import CacheFor, FilePart, ImagePart, TextPart

from .carrying import build, refuse_uncarried, type_of, uncarried
from .openai_fields import Fields, wrong

UserPart = TextPart | ImagePart | FilePart

_NOT_CARRIED = frozenset(
    "search_result container_upload server_tool_use web_search_tool_result web_fetch_tool_result "
    "code_execution_tool_result bash_code_execution_tool_result text_editor_code_execution_tool_result "
    "tool_search_tool_result tool_reference browser_state compaction mcp_tool_use mcp_tool_result".split()
)
"""Blocks that the reference has, and that our messages have no place for. What a vendor's tools said comes back to a
client of this dialect as redacted thinking, and goes back to the vendor as that."""

_SOURCES = {"base64": ("media_type", "data"), "text": ("media_type", "data"), "url": ("url",), "file": ("file_id",)}


def cache_of(fields: Fields) -> CacheFor | None:
    """Return how long a ``cache_control`` asks to keep what ends here; ``None`` if there is none."""
    found = fields.fields("cache_control", {"type", "ttl"})
    if found is None:
        return None
    if found.choice("type", ("ephemeral",)) is None:
        raise wrong(found.at("type"), f"{found.at('type')} is missing; it is 'ephemeral'.")
    return "1h" if found.choice("ttl", ("5m", "1h")) == "1h" else "5m"


def user_part(block: object, path: str, *, cited: bool) -> UserPart:
    """Return a block of text, an image or a document as a part.

    Args:
        block: The JSON value.
        path: Where it stands.
        cited: Whether its text may have citations; they are left out.

    Raises:
        InvalidRequestError: It is no such block.
        UnsupportedError: It is one that our messages have no place for.
    """
    kind = type_of(block)
    if kind == "text":
        return text_part(block, path, cited=cited)
    if kind == "image":
        return _image(block, path)
    if kind == "document":
        return _document(block, path)
    raise block_error(block, path)


def text_part(block: object, path: str, *, cited: bool) -> TextPart:
    """Return a block of text as a part; see ``user_part``."""
    fields = Fields(block, path, {"type", "text", "cache_control", "citations"})
    if fields.listed("citations") and not cited:
        raise wrong(
            fields.at("citations"), f"{fields.at('citations')}: only an assistant's text may have citations here."
        )
    text = fields.text("text")
    if text is None:
        raise wrong(fields.at("text"), f"{fields.at('text')} is missing; give a string.", "missing_required_parameter")
    return TextPart(text=text, cache=cache_of(fields))


def block_error(block: object, path: str) -> InvalidRequestError | UnsupportedError:
    """Return the error of a block that cannot stand where it stands.

    It is an ``UnsupportedError`` where the reference has such a block, and our messages have no place for it.
    """
    if not isinstance(block, Mapping):
        return wrong(path, f"{path} is no object; give a content block.", "invalid_type")
    kind = type_of(block)
    if kind in _NOT_CARRIED:
        return uncarried(
            path, f"A block of type {kind!r} has no place outside the vendor's own API", "Give its text instead."
        )
    return wrong(f"{path}.type", f"{path}: a block of type {kind[:50]!r} is not known, or may not stand here.")


def _image(block: object, path: str) -> ImagePart | FilePart:
    fields = Fields(block, path, {"type", "source", "cache_control", "transformations"})
    refuse_uncarried(fields, ("transformations",))
    kind, source = _source(fields, ("base64", "url", "file"))
    cache = cache_of(fields)
    if kind == "file":
        # Which image it is only the vendor knows; that it is one says how it goes there.
        return build(FilePart, path, file_id=source.need_text("file_id"), media_type="image/*", cache=cache)
    if kind == "url":
        return build(ImagePart, path, url=_remote(source), cache=cache)
    return build(ImagePart, path, data=source.need_text("data"), media_type=source.need_text("media_type"), cache=cache)


def _document(block: object, path: str) -> FilePart:
    fields = Fields(block, path, {"type", "source", "title", "context", "citations", "cache_control"})
    refuse_uncarried(fields, ("context",))
    kind, source = _source(fields, ("base64", "text", "url", "file"))
    asked = fields.fields("citations", {"enabled"})
    common = {
        "filename": fields.text("title"),
        "citations": None if asked is None else asked.flag("enabled"),
        "cache": cache_of(fields),
    }
    if kind == "file":
        return build(FilePart, path, file_id=source.need_text("file_id"), **common)
    if kind == "url":
        return build(FilePart, path, url=_remote(source), **common)
    data, media_type = source.text("data"), source.need_text("media_type")
    if data is None:
        raise wrong(source.at("data"), f"{source.at('data')} is missing; give a string.")
    if kind == "text":
        data = base64.b64encode(data.encode("utf-8", "replace")).decode()
    return build(FilePart, path, data=data, media_type=media_type, **common)


def _source(fields: Fields, kinds: tuple[str, ...]) -> tuple[str, Fields]:
    value = fields.any("source")
    kind = type_of(value)
    if kind == "content":
        raise uncarried(fields.at("source"), "A document made of content blocks has no place here", "Give it as text.")
    if kind not in kinds:
        source = fields.need_fields("source", None)
        source.choice("type", kinds)
        raise wrong(source.at("type"), f"{source.at('type')} is missing; it may be {', '.join(kinds)}.")
    return kind, Fields(value, fields.at("source"), {"type", *_SOURCES[kind]})


def _remote(source: Fields) -> str:
    url = source.need_text("url")
    if not url.startswith(("http://", "https://")):
        raise wrong(source.at("url"), f"{source.at('url')} must be an http or https URL.")
    return url
