"""Backbay's own dialect: what core's types have, as JSON, with nothing lost.

A request is ``backbay.request.Request`` as JSON, without ``limits``, and with ``stream``:

    {"model": "vendor:model", "messages": [{"role": "user", "content": "Hi"}], "temperature": 0, "stream": true}

A whole answer is ``backbay.response.Response`` as JSON. A streamed one is server-sent events, each a JSON object:

    {"type": "started", "model", "id"}
    {"type": "text", "delta"}
    {"type": "thinking", "delta", "opaque"}
    {"type": "tool_delta", "index", "id", "name", "fragment", "opaque"}
    {"type": "usage", "usage": {"input", "output", "cached", "cache_written", "reasoning", "raw"}}
    {"type": "ended", "finish", "raw_finish", "refusal", "details"}
    {"type": "error", "error": {...}}

``ended`` or ``error`` is the last. A field that would be ``null``, or empty, is left out. ``opaque`` is an envelope,
``{"backbay": "bb1..."}``, which goes back as it is. An error is ``{"type", "message", "code", "param", "retryable",
"retry_after", "request_id"}``; its type is the name of core's class. ``native_client`` is the other side.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import BaseModel, ValidationError

from backbay.errors import AuthenticationError, BackbayError
from backbay.events import Ended, Event, Started, Text, Thinking, ToolDelta, UsageSeen
from backbay.messages import HostedTool, Message, ThinkingPart, ToolCall, describe
from backbay.request import Request
from backbay.response import JSONObject, Response, Usage

from .base import Ask, Dialect, Refusal, Writer
from .carrying import model_of
from .envelopes import ENVELOPES
from .openai_errors import error_body
from .openai_errors import refuse as refuse_openai
from .openai_fields import Fields, refuse_forbidden, wrong
from .openai_json import sse, to_json

NAME = "backbay"
"""Under which an envelope stands in ``opaque``."""

KNOWN = frozenset(Request.model_fields.keys() - {"limits"} | {"stream"})
_NOT_OPTIONS = {"model", "messages", "limits"}


class NativeDialect(Dialect):
    """The dialect of programs that use Backbay on both sides."""

    name: ClassVar[str] = "native"
    wire: ClassVar[str | None] = None

    def read(self, body: JSONObject) -> Ask:
        """Return what a request asks for."""
        fields = Fields(body, "", KNOWN)
        model, stream = model_of(fields), bool(fields.flag("stream"))
        refuse_forbidden(fields.mapping("extra") or {}, "extra", deep=True)
        text = to_json({name: value for name, value in body.items() if name != "stream" and value is not None})
        try:
            request = Request.model_validate_json(text, strict=True)
        except (ValidationError, UnicodeEncodeError) as failure:
            raise _wrong(failure) from None
        if not request.messages:
            raise wrong("messages", "messages is empty; give at least one.")
        for number, tool in enumerate(request.tools):
            if isinstance(tool, HostedTool):
                refuse_forbidden(tool.definition, f"tools[{number}].definition", deep=True)
        given = request.model_fields_set - _NOT_OPTIONS
        return Ask(
            model=model,
            messages=tuple(_opened(message) for message in request.messages),
            options={name: getattr(request, name) for name in sorted(given)},
            stream=stream,
            usage=True,
            raw=body,
        )

    def write(self, response: Response, ask: Ask) -> JSONObject:
        """Return a whole answer, without the id of the backend that served it: that may be an address."""
        usage = usage_of(response.usage) if response.usage is not None else None
        told = {
            "text": response.text,
            "thinking": response.thinking,
            "parts": [part_of(part) for part in response.parts],
            "tool_calls": [part_of(call) for call in response.tool_calls],
            "finish": response.finish,
            "raw_finish": response.raw_finish,
            "usage": usage,
            "model": response.model or ask.model,
            "id": response.id,
            "refusal": response.refusal,
            "details": response.details or None,
            "attempts": response.attempts,
            "dropped": list(response.dropped),
        }
        return {name: value for name, value in told.items() if value not in (None, [])}

    def writer(self, ask: Ask) -> Writer:
        """Return what writes one answer as events."""
        return NativeWriter()

    def refuse(self, error: BackbayError, request_id: str) -> Refusal:
        """Return an error under the status that it has in OpenAI's form."""
        like = refuse_openai(error, request_id)
        return Refusal(like.status, {"error": error_of(error) | {"request_id": request_id}}, like.headers)


class NativeWriter(Writer):
    """Writes one answer, an event for each of ours."""

    def feed(self, event: Event) -> bytes:
        """Return an event as JSON."""
        return sse(event_of(event))

    def fail(self, error: BackbayError) -> bytes:
        """Return an error as the last event."""
        return sse({"type": "error", "error": error_of(error)})


def event_of(event: Event) -> dict[str, Any]:
    """Return one of core's events as JSON; see the module for the forms."""
    match event:
        case Started():
            return _told("started", model=event.model, id=event.id)
        case Text():
            return {"type": "text", "delta": event.delta}
        case Thinking():
            return {"type": "thinking", "delta": event.delta} | _sealed(event.opaque)
        case ToolDelta():
            call = {"type": "tool_delta", "index": event.index, "id": event.id, "name": event.name}
            return call | ({"fragment": event.fragment} if event.fragment else {}) | _sealed(event.opaque, event.id)
        case UsageSeen():
            return {"type": "usage", "usage": usage_of(event.usage)}
        case Ended():
            more = {"raw_finish": event.raw_finish, "refusal": event.refusal, "details": event.details}
            return _told("ended", finish=event.finish, **more)
    raise TypeError(f"{event!r} is no event")


def part_of(part: BaseModel) -> dict[str, Any]:
    """Return a part of an answer as JSON, what must go back with it sealed."""
    written = part.model_dump(mode="json", exclude_none=True)
    if isinstance(part, ThinkingPart | ToolCall) and part.opaque:
        written |= _sealed(part.opaque, part.id if isinstance(part, ToolCall) else None)
    return written


def usage_of(usage: Usage) -> dict[str, Any]:
    """Return token counts as JSON."""
    names = ("input", "output", "cached", "cache_written", "reasoning", "raw")
    return {name: value for name in names if (value := getattr(usage, name)) is not None}


def error_of(error: BackbayError) -> dict[str, Any]:
    """Return an error as JSON, with nothing of the backend but what its words say of the request."""
    told = error_body(error)["error"]
    # That the gateway's own key was refused is no fault of the client's key.
    own = isinstance(error, AuthenticationError) and error.backend is not None
    kind = "ServerError" if own else type(error).__name__
    more = {"code": told["code"], "param": told["param"], "retry_after": error.retry_after}
    known = {name: value for name, value in more.items() if value is not None}
    names = {"FieldError": "InvalidRequestError", "UnsupportedFieldError": "UnsupportedError"}
    return {"type": names.get(kind, kind), "message": told["message"], "retryable": error.retryable} | known


def _told(kind: str, **fields: object) -> dict[str, Any]:
    return {"type": kind} | {name: value for name, value in fields.items() if value not in (None, {})}


def _sealed(opaque: Mapping[str, Any] | None, call: str | None = None) -> dict[str, Any]:
    return {"opaque": {NAME: ENVELOPES.seal(opaque, call=call)}} if opaque else {}


def _opened(message: Message) -> Message:
    """Return a message with its envelopes opened; what is not sealed by this gateway is left out."""
    content, calls = message.content, message.tool_calls
    if isinstance(content, tuple) and any(isinstance(part, ThinkingPart) and part.opaque for part in content):
        content = tuple(_open(part) if isinstance(part, ThinkingPart) and part.opaque else part for part in content)
    if calls and any(call.opaque for call in calls):
        calls = tuple(_open_call(call) if call.opaque else call for call in calls)
    if content is message.content and calls is message.tool_calls:
        return message
    return message.model_copy(update={"content": content, "tool_calls": calls})


def _open(part: ThinkingPart) -> ThinkingPart:
    opened = ENVELOPES.open((part.opaque or {}).get(NAME))
    return part.model_copy(update={"opaque": opened.opaque if opened and opened.call is None else None})


def _open_call(call: ToolCall) -> ToolCall:
    opened = ENVELOPES.open((call.opaque or {}).get(NAME))
    return call.model_copy(update={"opaque": opened.opaque if opened and opened.call == call.id else None})


def _wrong(failure: ValidationError | UnicodeEncodeError) -> BackbayError:
    if isinstance(failure, UnicodeEncodeError):
        return wrong("body", "The request has half of a surrogate pair, which is no text.")
    first = failure.errors(include_url=False, include_input=False)[0]["loc"]
    path = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in first[:3]).lstrip(".")
    return wrong(path or "body", describe(failure))


DIALECT = NativeDialect()
"""The dialect; it has no state."""
