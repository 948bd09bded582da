"""The client's side of Backbay's own dialect: requests as JSON, and events and answers out of it. See ``native``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from backbay import errors
from backbay.errors import BackbayError, DecodeError
from backbay.events import Ended, Event, Started, Text, Thinking, ToolDelta, UsageSeen
from backbay.messages import TextPart, ThinkingPart, ToolCall
from backbay.request import Request
from backbay.response import Finish, Response, Usage

_PARTS: dict[str, type[TextPart | ThinkingPart | ToolCall]] = {
    "text": TextPart,
    "thinking": ThinkingPart,
    "tool_call": ToolCall,
}


def write_request(request: Request, *, stream: bool) -> dict[str, Any]:
    """Return the JSON of a request. Its limits are the caller's own to keep, and are left out.

    Args:
        request: The request.
        stream: Whether the answer is to come as events.
    """
    written = request.model_dump(mode="json", exclude={"limits"}, exclude_defaults=True)
    written["messages"] = [message.model_dump(mode="json", exclude_none=True) for message in request.messages]
    if request.tools:
        written["tools"] = [tool.model_dump(mode="json", exclude_none=True) for tool in request.tools]
    return written | {"stream": stream}


def read_event(value: Mapping[str, Any]) -> Event:
    """Return the event in a JSON object.

    Raises:
        BackbayError: It is an error, which is raised as the class that it names.
        DecodeError: It is no event of this dialect.
    """
    if value.get("type") == "error" and isinstance(value.get("error"), Mapping):
        raise read_error(value["error"])
    try:
        return _event(value)
    except (KeyError, TypeError, ValueError, AttributeError) as failure:
        raise DecodeError(f"An event of the answer cannot be read: {type(failure).__name__}: {failure}.") from None


def _event(value: Mapping[str, Any]) -> Event:
    match value.get("type"):
        case "started":
            return Started(value.get("model"), value.get("id"))
        case "text":
            return Text(value["delta"])
        case "thinking":
            return Thinking(value["delta"], value.get("opaque"))
        case "tool_delta":
            fragment = value.get("fragment", "")
            return ToolDelta(value["index"], value["id"], value["name"], fragment, value.get("opaque"))
        case "usage":
            return UsageSeen(Usage(**value["usage"]))
        case "ended":
            refusal, details = value.get("refusal"), value.get("details")
            return Ended(Finish(value["finish"]), value.get("raw_finish"), refusal, details)
    raise ValueError(f"the type {value.get('type')!r} is not known")


def read_response(value: Mapping[str, Any]) -> Response:
    """Return the answer in a JSON object.

    Raises:
        DecodeError: It is no answer of this dialect.
    """
    try:
        fields: dict[str, Any] = dict(value)
        fields["parts"] = tuple(_PARTS[part["type"]].model_validate(part) for part in value.get("parts", ()))
        fields["tool_calls"] = tuple(ToolCall.model_validate(call) for call in value.get("tool_calls", ()))
        fields["finish"] = Finish(value["finish"]) if "finish" in value else None
        fields["usage"] = Usage(**value["usage"]) if "usage" in value else None
        fields["dropped"] = tuple(value.get("dropped", ()))
        return Response(**fields)
    except (KeyError, TypeError, ValueError, ValidationError) as failure:
        raise DecodeError(f"The answer cannot be read: {type(failure).__name__}: {failure}.") from None


def read_error(value: Mapping[str, Any]) -> BackbayError:
    """Return an error of the class that its JSON names; of the base class if there is none of that name."""
    kind = getattr(errors, str(value.get("type")), None)
    known = kind if isinstance(kind, type) and issubclass(kind, BackbayError) else BackbayError
    error = known(str(value.get("message") or "The gateway answered with an error."))
    error.code, error.request_id = value.get("code"), value.get("request_id")
    error.retryable, error.retry_after = value.get("retryable") is True, value.get("retry_after")
    return error
