"""Messages of chat-completions requests as ours. Source: OpenAI's reference, Create chat completion (read 2026-11-21).

Beyond the reference, an assistant's turn may have what answers of this gateway have (``reasoning_content``,
``reasoning_details``, ``extra_content``), and a part ``cache_control``, the mark that Anthropic began and clients of
gateways send.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pydantic import ValidationError

from backbay.messages import (
    AudioPart,
    CacheFor,
    FilePart,
    ImagePart,
    Message,
    Part,
    TextPart,
    ToolCall,
    describe,
)

from .openai_chat_opaque import call_opaque, thoughts_of
from .openai_fields import Fields, unsupported, wrong

_SPOKEN = ("role", "content", "name")
_KNOWN = {
    "system": _SPOKEN,
    "developer": _SPOKEN,
    "user": _SPOKEN,
    "tool": (*_SPOKEN, "tool_call_id"),
    "assistant": (
        *_SPOKEN,
        *("refusal", "tool_calls", "function_call", "audio", "annotations"),
        *("reasoning_content", "reasoning", "reasoning_details"),
    ),
}
_ANY = frozenset().union(*_KNOWN.values())
_MARKS = ("prompt_cache_breakpoint", "cache_control")
_TTL: dict[str | None, CacheFor] = {None: "1h", "30m": "1h"}
"""OpenAI's lifetimes are least ones, and none is 30 minutes: ours of five minutes would be less than was asked for."""


def read_messages(value: object) -> tuple[Message, ...]:
    """Return the messages of a request.

    Raises:
        InvalidRequestError: Something is missing, unknown, or of a wrong type; names the field.
        UnsupportedError: Something is right, and nothing of ours can carry it.
    """
    if value is None:
        raise wrong("messages", "messages is missing; give a list of messages.", "missing_required_parameter")
    if not isinstance(value, list):
        raise wrong("messages", "messages must be a list of messages.", "invalid_type")
    if not value:
        raise wrong("messages", "messages is empty; give at least one.")
    return tuple(_message(each, f"messages[{index}]") for index, each in enumerate(value))


def _message(value: object, path: str) -> Message:
    role = Fields(value, path, None).choice("role", (*_KNOWN, "function"))
    if role is None:
        raise wrong(f"{path}.role", f"{path}.role is missing.", "missing_required_parameter")
    if role == "function":
        raise unsupported(f"{path}.role", f"{path}: the role 'function' is of the form before tools; use 'tool'.")
    # Clients write every message in one form, with null for what its role has not (recorded).
    empty = [name for name in value if value[name] is None and name in _ANY] if isinstance(value, Mapping) else []
    fields = Fields(value, path, (*_KNOWN[role], *empty))
    try:
        if role == "assistant":
            return _assistant(fields)
        content = _content(fields, _USER if role == "user" else _TEXT)
        if role == "tool":
            return Message(
                role="tool", content=content, tool_call_id=fields.need_text("tool_call_id"), name=fields.text("name")
            )
        return Message(role="user" if role == "user" else "system", content=content, name=fields.text("name"))
    except ValidationError as failure:
        raise wrong(path, f"{path}: {describe(failure)}") from None


def _content(fields: Fields, kinds: dict[str, Callable[[Fields], Part]]) -> str | tuple[Part, ...]:
    value = fields.any("content")
    if isinstance(value, str):
        return value
    at = fields.at("content")
    if value is None:
        raise wrong(at, f"{at} is missing; give text, or a list of parts.", "missing_required_parameter")
    if not isinstance(value, list):
        raise wrong(at, f"{at} must be text, or a list of parts.", "invalid_type")
    if not value:
        raise wrong(at, f"{at} is an empty list; give text, or at least one part.")
    return tuple(_part(each, f"{at}[{index}]", kinds) for index, each in enumerate(value))


def _part(value: object, path: str, kinds: dict[str, Callable[[Fields], Part]]) -> Part:
    kind = Fields(value, path, None).choice("type", kinds)
    if kind is None:
        raise wrong(f"{path}.type", f"{path}.type is missing.", "missing_required_parameter")
    # A text part has its text beside the type; all others have an object of the type's name.
    fields = Fields(value, path, ("type", kind, *_MARKS))
    try:
        part = kinds[kind](fields)
        cache = read_mark(fields)
        return part.model_copy(update={"cache": cache}) if cache and not isinstance(part, AudioPart) else part
    except ValidationError as failure:
        raise wrong(path, f"{path}: {describe(failure)}") from None


def read_mark(fields: Fields) -> CacheFor | None:
    """Return for how long the prompt up to here is to be cached; ``None`` if nothing is marked.

    Raises:
        UnsupportedError: For longer than anything of ours can say.
    """
    marked = fields.fields("cache_control", ("type", "ttl"))
    if marked is not None:
        marked.choice("type", ("ephemeral",))
        return "1h" if marked.choice("ttl", ("5m", "1h")) == "1h" else "5m"
    marked = fields.fields("prompt_cache_breakpoint", ("mode", "ttl"))
    if marked is None:
        return None
    marked.choice("mode", ("explicit",))
    asked = marked.choice("ttl", ("30m", "12h"))
    if asked not in _TTL:
        raise unsupported(marked.at("ttl"), f"{marked.at('ttl')}: nothing here caches a prompt for {asked}; use '30m'.")
    return _TTL[asked]


def _text(fields: Fields) -> TextPart:
    text = fields.text("text")
    if text is None:
        raise wrong(fields.at("text"), f"{fields.at('text')} is missing.", "missing_required_parameter")
    return TextPart(text=text)


def _refused(fields: Fields) -> TextPart:
    return TextPart(text=fields.need_text("refusal"))


def _image(fields: Fields) -> ImagePart:
    image = fields.need_fields("image_url", ("url", "detail"))
    url, at = image.need_text("url"), image.at("url")
    detail = image.choice("detail", ("auto", "low", "high", "original"))
    if detail == "original":
        raise unsupported(image.at("detail"), f"{image.at('detail')} 'original' cannot be carried; use 'high'.")
    if not url.startswith(("data:", "https://")):
        raise wrong(at, f"{at} must begin with https:// or data:.", hint="Give a local image as base64 data.")
    return ImagePart.model_validate({"url": url, "detail": detail})


def _audio(fields: Fields) -> AudioPart:
    sound = fields.need_fields("input_audio", ("data", "format"))
    return AudioPart(data=sound.need_text("data"), format=sound.need_text("format"))


def _file(fields: Fields) -> FilePart:
    file = fields.need_fields("file", ("file_data", "file_id", "filename"))
    data, file_id, name = file.text("file_data"), file.text("file_id"), file.text("filename")
    if bool(data) == bool(file_id):
        raise wrong(file.path, f"{file.path} needs one of file_data and file_id.", "missing_required_parameter")
    if file_id:
        return FilePart(file_id=file_id, filename=name)
    assert data is not None
    if data.startswith("https://"):
        return FilePart(url=data, filename=name)
    head, comma, rest = data.partition(",")
    if not data.startswith("data:"):
        return FilePart(data=data, filename=name)
    if not comma or not head.endswith(";base64"):
        raise wrong(file.at("file_data"), f"{file.at('file_data')}: a data: URL must be base64.")
    kind = head.removeprefix("data:").split(";")[0]
    return FilePart(data=rest, media_type=kind or None, filename=name)


_TEXT: dict[str, Callable[[Fields], Part]] = {"text": _text}
_SAID: dict[str, Callable[[Fields], Part]] = {"text": _text, "refusal": _refused}
_USER: dict[str, Callable[[Fields], Part]] = {
    "text": _text,
    "image_url": _image,
    "input_audio": _audio,
    "file": _file,
}


def _assistant(fields: Fields) -> Message:
    for name, instead in (("function_call", "tool_calls"), ("audio", "the transcript as content")):
        if name in fields:
            raise unsupported(fields.at(name), f"{fields.at(name)} cannot be carried; give {instead}.")
    thoughts = thoughts_of(fields)
    refusal = fields.text("refusal")
    said = _content(fields, _SAID) if fields.any("content") not in (None, []) else refusal
    content: str | tuple[Part, ...] | None = said
    if thoughts:
        spoken = ((TextPart(text=said),) if said else ()) if isinstance(said, str | None) else said
        content = (*thoughts, *spoken)
    calls = fields.listed("tool_calls")
    return Message(
        role="assistant",
        content=content,
        tool_calls=tuple(_call(each, f"{fields.at('tool_calls')}[{n}]") for n, each in enumerate(calls or ())) or None,
        name=fields.text("name"),
    )


def _call(value: object, path: str) -> ToolCall:
    # An index is in calls of streamed answers, which some clients send back as they put them together.
    fields = Fields(value, path, ("id", "type", "function", "custom", "index", "extra_content"))
    if fields.choice("type", ("function", "custom")) == "custom":
        raise unsupported(fields.at("type"), f"{path}: calls of custom tools cannot be carried; use function tools.")
    function = fields.need_fields("function", None)
    arguments: Any = function.any("arguments")
    if not isinstance(arguments, str | None):
        at = function.at("arguments")
        raise wrong(at, f"{at} must be a string, which has the JSON text of the arguments.", "invalid_type")
    call_id = fields.need_text("id")
    return ToolCall(
        id=call_id,
        name=function.need_text("name"),
        raw_arguments=arguments or "",
        opaque=call_opaque(fields, call_id),
    )
