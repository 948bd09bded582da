"""One record of the log, and how a call becomes one."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from backbay import BackbayError, Request, Response
from backbay.secrets import redact

from .scrubbing import scrubbed

_ERROR_FIELDS = ("status", "code", "retryable", "request_id", "phase")
_SECRET = 8
"""Characters of a key from which on it is one: shorter ones are placeholders that local servers want."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One call.

    Attributes:
        id: Its number in the log, from 1; 0 while it is not in one.
        time: When the call was made, in seconds since 1970.
        backend: Id of the backend.
        model: The model that was asked for.
        operation: What was asked: ``"generate"`` or ``"complete_raw"``.
        messages: The conversation that was sent; images and other files by size and hash, unless data is logged.
        options: The options that were sent.
        text: The answer, or as much as had come.
        thinking: What the model thought, or ``None``.
        tool_calls: The calls that it wants made: ``id``, ``name``, ``arguments`` (JSON text as it came).
        finish: Why it ended, or ``None`` if it did not.
        usage: ``input``, ``output``, ``cached``, ``cache_written`` and ``reasoning`` tokens; ``None`` if not known.
        answered_by: The model as the vendor names it, or ``None``.
        response_id: The vendor's id of the answer, or ``None``.
        duration: Seconds from the call to its end.
        first_event: Seconds to the first event of a stream; ``None`` if it was none.
        attempts: How often the request was sent; ``None`` if that is not known.
        error: ``type``, ``message`` and more of the error that the call ended with; else ``None``.
        closed: Whether the caller left it before its end, so that there is neither a whole answer nor an error.
    """

    id: int = 0
    time: float
    backend: str
    model: str | None
    operation: str
    messages: Sequence[Mapping[str, Any]]
    options: Mapping[str, Any]
    text: str = ""
    thinking: str | None = None
    tool_calls: Sequence[Mapping[str, Any]] = ()
    finish: str | None = None
    usage: Mapping[str, int | None] | None = None
    answered_by: str | None = None
    response_id: str | None = None
    duration: float
    first_event: float | None = None
    attempts: int | None = None
    error: Mapping[str, Any] | None = None
    closed: bool = False

    @property
    def prompt(self) -> str:
        """All text of the messages."""
        return "\n\n".join(filter(None, map(text_of, self.messages)))

    def document(self) -> dict[str, Any]:
        """Return it as JSON has it; ``from_document`` takes that back."""
        found = asdict(self)
        return {**found, "messages": list(found["messages"]), "tool_calls": list(found["tool_calls"])}

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Record:
        """Return what ``document`` gave.

        Raises:
            TypeError: It is something else.
        """
        known = {each.name for each in fields(cls)}
        return cls(**{name: value for name, value in document.items() if name in known})


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What was seen of one call, before any work is done on it.

    Attributes:
        key: The backend's key, which is taken out wherever it stands; ``None`` if there is none.
        request: The request as it went out.
        response: The answer, or as much as had come; ``None`` if nothing had.
        failure: The error that the call ended with; else ``None``.
        record: All else.
    """

    key: str | None
    request: Request
    response: Response | None
    failure: BackbayError | None
    record: Record

    def __repr__(self) -> str:
        return f"Seen({self.record.backend!r})"  # the key is never shown


def made(seen: Seen, *, data: bool) -> Record:
    """Return the record of a call: its key taken out, files by size and hash unless ``data``."""
    asked = seen.request.model_dump(mode="json", exclude_defaults=True, exclude=_NOT_OPTIONS)
    messages = [_message(each.model_dump(mode="json", exclude_none=True)) for each in seen.request.messages]
    found = replace(seen.record, messages=messages, options=asked, **_answer(seen.response), **_failure(seen.failure))
    document = found.document()
    if not data:
        document["messages"], document["options"] = scrubbed(document["messages"]), scrubbed(document["options"])
    return Record.from_document(json.loads(_without(json.dumps(document), seen.key)))


_NOT_OPTIONS = {"messages", "model", "limits", "on_unsupported"}


def text_of(message: Mapping[str, Any]) -> str:
    """Return the text of a message of a record."""
    content = message.get("content")
    if isinstance(content, str):
        return content
    return "\n".join(part.get("text", "") for part in content or () if part.get("type") == "text")


def _message(message: dict[str, Any]) -> dict[str, Any]:
    """Leave out the vendor's own data, such as signatures: long, and nothing to read."""
    for part in (*_listed(message.get("content")), *_listed(message.get("tool_calls"))):
        part.pop("opaque", None)
    return message


def _listed(value: object) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _answer(response: Response | None) -> dict[str, Any]:
    if response is None:
        return {}
    usage = response.usage
    counts = ("input", "output", "cached", "cache_written", "reasoning")
    return {
        "text": response.text,
        "thinking": response.thinking,
        "tool_calls": [
            {"id": call.id, "name": call.name, "arguments": call.raw_arguments} for call in response.tool_calls
        ],
        "finish": None if response.finish is None else str(response.finish),
        "usage": None if usage is None else {name: getattr(usage, name) for name in counts},
        "answered_by": response.model,
        "response_id": response.id,
    }


def _failure(failure: BackbayError | None) -> dict[str, Any]:
    if failure is None:
        return {}
    known = {name: getattr(failure, name) for name in _ERROR_FIELDS}
    return {"error": {"type": type(failure).__name__, "message": failure.message, **known}}


def _without(text: str, key: str | None) -> str:
    return text if key is None or len(key) < _SECRET else redact(text, key)
