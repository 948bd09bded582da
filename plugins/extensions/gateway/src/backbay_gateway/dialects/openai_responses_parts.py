"""Parts of input items as parts of our messages. Source: as in ``openai_responses_input``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from backbay.messages import AudioPart, CacheFor, FilePart, ImagePart, Part, TextPart

from .carrying import build, type_of, uncarried
from .openai_fields import Fields, wrong

_PART_FIELDS = {
    "input_text": {"type", "text", "prompt_cache_breakpoint"},
    "input_image": {"type", "image_url", "file_id", "detail", "prompt_cache_breakpoint"},
    "input_file": {"type", "file_data", "file_id", "file_url", "filename", "detail", "prompt_cache_breakpoint"},
    "input_audio": {"type", "input_audio"},
    "output_text": {"type", "text", "annotations", "logprobs"},
    "refusal": {"type", "refusal"},
}


def parts_of(fields: Fields, name: str, kinds: Sequence[str]) -> Iterator[Part]:
    """Yield the parts of a content.

    Args:
        fields: The item.
        name: Its field that has the content.
        kinds: Types of parts that may stand there.

    Raises:
        InvalidRequestError: One is wrong; the message names the field.
        UnsupportedError: One is right, and our messages have no place for it.
    """
    parts = fields.listed(name)
    if not parts:
        raise wrong(fields.at(name), f"{fields.at(name)} must be a string, or a list of parts.", "invalid_type")
    for n, part in enumerate(parts):
        at, kind = f"{fields.at(name)}[{n}]", type_of(part)
        if kind not in kinds:
            listed = ", ".join(kinds)
            raise wrong(f"{at}.type", f"{at}.type is {kind[:50]!r}; it may be {listed} here.")
        yield _part(Fields(part, at, _PART_FIELDS[kind]), kind)


def _part(fields: Fields, kind: str) -> Part:
    if kind == "input_image":
        return _image(fields)
    if kind == "input_file":
        return _file(fields)
    if kind == "input_audio":
        sound = fields.need_fields("input_audio", {"data", "format"})
        return AudioPart(data=sound.need_text("data"), format=sound.need_text("format"))
    text = fields.text("refusal" if kind == "refusal" else "text")
    if text is None:
        raise wrong(fields.path, f"{fields.path} has no text.", "missing_required_parameter")
    return TextPart(text=text, cache=_cache(fields))


def _image(fields: Fields) -> Part:
    detail = fields.choice("detail", ("auto", "low", "high", "original"))
    if detail == "original":
        raise uncarried(fields.at("detail"), "An image's detail is auto, low or high here")
    if "file_id" in fields:
        return build(FilePart, fields.path, file_id=fields.text("file_id"), media_type="image/*", cache=_cache(fields))
    url = fields.need_text("image_url")
    if not url.startswith(("http://", "https://", "data:")):
        raise wrong(fields.at("image_url"), f"{fields.at('image_url')} must be an http, https or data URL.")
    told = None if detail == "auto" else detail
    return build(ImagePart, fields.path, url=url, detail=told, cache=_cache(fields))


def _file(fields: Fields) -> Part:
    if fields.choice("detail", ("auto", "low", "high")) in ("low", "high"):
        raise uncarried(fields.at("detail"), "How a file is drawn is the vendor's to say here")
    given: dict[str, Any] = {"filename": fields.text("filename"), "cache": _cache(fields)}
    if "file_id" in fields:
        return build(FilePart, fields.path, file_id=fields.text("file_id"), **given)
    url = fields.text("file_url")
    if url is not None:
        if not url.startswith(("http://", "https://")):
            raise wrong(fields.at("file_url"), f"{fields.at('file_url')} must be an http or https URL.")
        return build(FilePart, fields.path, url=url, **given)
    data = fields.need_text("file_data")
    media_type = None
    if data.startswith("data:"):
        head, _, data = data.partition(",")
        media_type = head.removeprefix("data:").split(";")[0] or None
        if not head.endswith(";base64"):
            raise wrong(fields.at("file_data"), f"{fields.at('file_data')} must be base64.")
    return build(FilePart, fields.path, data=data, media_type=media_type, **given)


def _cache(fields: Fields) -> CacheFor | None:
    """Return the mark of core's that becomes this breakpoint on core's own responses wire, and back."""
    found = fields.fields("prompt_cache_breakpoint", {"mode", "ttl"})
    if found is None:
        return None
    found.choice("mode", ("explicit",))
    return "1h" if found.choice("ttl", ("30m", "12h")) == "12h" else "5m"
