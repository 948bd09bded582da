"""What goes to a model: messages, their parts, tools. Frozen, and strict about unknown fields.

What may stand where (images only with users, tool calls only with assistants) is checked when a request is built,
by ``check_messages``, so that a stored conversation can always be loaded.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError, model_validator

from ._images import sniff_media_type, split_data_url

Role = Literal["system", "user", "assistant", "tool"]

CacheFor = Literal["5m", "1h"]
"""How long a vendor is asked to keep a prompt in its cache."""


class Frozen(BaseModel):
    """The base of every value here: immutable, and an unknown field is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class TextPart(Frozen):
    """A run of text.

    ``cache`` marks the end of a prompt's beginning that the vendor is asked to cache; so it does on other parts.
    """

    type: Literal["text"] = "text"
    text: str
    cache: CacheFor | None = None


class ImagePart(Frozen):
    """An image, by its base64 data or by URL; exactly one of the two.

    A ``data:`` URL becomes data. A missing media type is read from the first bytes; ``None`` if they say nothing.
    """

    type: Literal["image"] = "image"
    data: str | None = None
    media_type: str | None = None
    url: str | None = None
    detail: Literal["auto", "low", "high"] | None = None
    cache: CacheFor | None = None

    @model_validator(mode="before")
    @classmethod
    def _normalise(cls, value: object) -> object:
        if not isinstance(value, Mapping):
            return value
        fields = dict(value)
        url = fields.get("url")
        if isinstance(url, str) and url.startswith("data:"):
            fields["media_type"], fields["data"] = split_data_url(url)
            fields["url"] = None
        data = fields.get("data")
        if isinstance(data, str) and data.startswith("data:"):
            fields["media_type"], fields["data"] = split_data_url(data)
        if isinstance(fields.get("data"), str) and fields.get("media_type") is None:
            fields["media_type"] = sniff_media_type(fields["data"])
        return fields

    @model_validator(mode="after")
    def _one_source(self) -> ImagePart:
        if (self.data is None) == (self.url is None):
            raise ValueError("an image has either data (base64) or url")
        return self

    @property
    def as_url(self) -> str:
        """The URL, or the data as a ``data:`` URL."""
        return self.url or f"data:{self.media_type or 'application/octet-stream'};base64,{self.data}"


class AudioPart(Frozen):
    """Recorded sound: base64 data and its format (``"wav"``, ``"mp3"``)."""

    type: Literal["audio"] = "audio"
    data: str
    format: str


class FilePart(Frozen):
    """A document, or a video: base64 data with a name, a URL, or the id of a file that the vendor already has.

    ``citations`` asks the model to say which passages it answers from; ``None`` leaves that to the vendor.
    """

    type: Literal["file"] = "file"
    data: str | None = None
    media_type: str | None = None
    filename: str | None = None
    file_id: str | None = None
    url: str | None = None
    citations: bool | None = None
    cache: CacheFor | None = None

    @model_validator(mode="after")
    def _one_source(self) -> FilePart:
        if [self.data, self.file_id, self.url].count(None) != 2:
            raise ValueError("a file has one of data (base64), url and file_id")
        return self


class ThinkingPart(Frozen):
    """What a model thought before it answered.

    ``opaque`` is vendor data that must go back unchanged (signatures, encrypted reasoning, what a tool that the vendor
    runs was asked and said), by backend name. With it ``text`` may be empty.
    """

    type: Literal["thinking"] = "thinking"
    text: str
    opaque: dict[str, JsonValue] | None = None


class ToolCall(Frozen):
    """A model's wish to call a tool.

    Give ``arguments`` or ``raw_arguments``; the other follows. Arguments that are no JSON object stay in
    ``raw_arguments``, with ``arguments`` ``None`` and the reason in ``error``. An empty string means no arguments.
    """

    type: Literal["tool_call"] = "tool_call"
    id: str
    name: str
    arguments: dict[str, JsonValue] | None = None
    raw_arguments: str = ""
    error: str | None = None
    opaque: dict[str, JsonValue] | None = None

    @model_validator(mode="before")
    @classmethod
    def _complete(cls, value: object) -> object:
        if not isinstance(value, Mapping):
            return value
        fields = dict(value)
        if fields.get("arguments") is not None:
            if "raw_arguments" not in fields and isinstance(fields["arguments"], Mapping):
                fields["raw_arguments"] = json.dumps(fields["arguments"], ensure_ascii=False)
        elif fields.get("error") is None:
            fields["arguments"], fields["error"] = read_arguments(fields.get("raw_arguments") or "")
        return fields


def read_arguments(raw: str) -> tuple[dict[str, Any] | None, str | None]:
    """Read a tool call's arguments. Returns (arguments, ``None``), or (``None``, why they cannot be read)."""
    if not raw.strip():
        return {}, None
    try:
        found = json.loads(raw)
    except (ValueError, RecursionError) as failure:
        return None, f"arguments are not valid JSON: {failure}"
    if found is None:
        return {}, None
    if not isinstance(found, dict):
        return None, f"arguments are a JSON {type(found).__name__}, not an object"
    return found, None


Part = TextPart | ImagePart | AudioPart | FilePart | ThinkingPart


class Message(Frozen):
    """One turn of a conversation.

    Args:
        role: Who speaks.
        content: Text, a sequence of parts, or ``None`` (an assistant's turn that only calls tools).
        images: Images beside the content: base64, ``data:`` URLs or http URLs.
        tool_calls: The calls of an assistant's turn.
        tool_call_id: Which call a tool's turn answers.
        name: The tool's name on a tool's turn, else a name for the speaker.
        is_error: Whether a tool's turn says that the tool failed; ``None`` says nothing.
    """

    role: Role
    content: str | tuple[Part, ...] | None = None
    images: tuple[str, ...] | None = None
    tool_calls: tuple[ToolCall, ...] | None = None
    tool_call_id: str | None = None
    name: str | None = None
    is_error: bool | None = None

    @property
    def text(self) -> str:
        """All text of the content, joined; ``""`` if there is none."""
        if isinstance(self.content, str):
            return self.content
        return "".join(part.text for part in self.content or () if isinstance(part, TextPart))

    def parts(self) -> Iterator[Part]:
        """Yield content and images as parts, in order."""
        if isinstance(self.content, str):
            if self.content:
                yield TextPart(text=self.content)
        else:
            yield from self.content or ()
        for image in self.images or ():
            remote = image.startswith(("http://", "https://"))
            yield ImagePart(url=image) if remote else ImagePart(data=image)


def _no_parameters() -> dict[str, JsonValue]:
    return {"type": "object", "properties": {}}


class ToolSpec(Frozen):
    """A tool that the model may call: a name, what it does, and a JSON Schema of its arguments."""

    name: str = Field(min_length=1)
    description: str = ""
    parameters: dict[str, JsonValue] = Field(default_factory=_no_parameters)
    strict: bool | None = None
    cache: CacheFor | None = None


class HostedTool(Frozen):
    """A tool that the vendor runs itself, such as its web search, in the vendor's own words."""

    definition: dict[str, JsonValue]

    @property
    def name(self) -> str:
        """The tool's name, or else its type, or else the first of its fields."""
        named = self.definition.get("name") or self.definition.get("type") or next(iter(self.definition), "")
        return str(named)


AnyTool = ToolSpec | HostedTool


class ResponseFormat(Frozen):
    """The form that the answer's text must have: any JSON (``schema_`` is ``None``), or JSON of a schema."""

    schema_: dict[str, JsonValue] | None = None
    name: str = "answer"
    description: str | None = None
    strict: bool | None = None


MessagesInput = str | Message | Mapping[str, object] | Sequence[Message | Mapping[str, object]]
"""What a call takes as messages: a prompt, one message, or several; dicts follow the OpenAI convention."""


def describe(failure: ValidationError) -> str:
    """Say in one line what a pydantic validation found wrong, without the values."""
    problems = []
    for problem in failure.errors(include_url=False, include_input=False):
        where = ".".join(str(step) for step in problem["loc"])
        what = problem["msg"].removeprefix("Value error, ")
        problems.append(f"{where}: {what}" if where else what)
    return "; ".join(problems)
