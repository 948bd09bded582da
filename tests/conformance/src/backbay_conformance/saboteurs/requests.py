"""Saboteurs of what goes out: each loses, adds or bends one thing of a request."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

from backbay.http.codec import HTTPRequest
from backbay.request import Request

from .wire import Sabotaged

Body = dict[str, Any]
Parts = list[dict[str, Any]]


class DropsTools(Sabotaged):
    """Leaves tools out, and says nothing."""

    def body(self, body: Body, request: Request) -> Body:
        return {key: value for key, value in body.items() if key not in ("tools", "tool_choice")}


class IgnoresToolChoice(Sabotaged):
    """Leaves the tool choice out."""

    def body(self, body: Body, request: Request) -> Body:
        return {key: value for key, value in body.items() if key != "tool_choice"}


class LetsExtraOverride(Sabotaged):
    """Lets ``extra`` choose another model."""

    def encode(self, request: Request, *, stream: bool) -> HTTPRequest:
        kept = {key: value for key, value in request.extra.items() if key != "model"}
        changed = {"extra": kept, "model": request.extra.get("model", request.model)}
        return super().encode(request.model_copy(update=changed), stream=stream)


class IgnoresExtra(Sabotaged):
    """Leaves fields of the vendor's own out."""

    def encode(self, request: Request, *, stream: bool) -> HTTPRequest:
        return super().encode(request.model_copy(update={"extra": {}}), stream=stream)


class ZeroIsUnset(Sabotaged):
    """Takes the temperature 0 for none."""

    def body(self, body: Body, request: Request) -> Body:
        return {key: value for key, value in body.items() if key != "temperature" or value}


class AlwaysWarm(Sabotaged):
    """Sends a temperature that nobody asked for."""

    def body(self, body: Body, request: Request) -> Body:
        return {"temperature": 0.7, **body}


class LosesTheSystemPrompt(Sabotaged):
    """Leaves system messages out."""

    def body(self, body: Body, request: Request) -> Body:
        return {**body, "messages": [message for message in body["messages"] if message["role"] != "system"]}


class SystemAsUser(Sabotaged):
    """Has the user say what the system says."""

    def body(self, body: Body, request: Request) -> Body:
        said = [message | ({"role": "user"} if message["role"] == "system" else {}) for message in body["messages"]]
        return {**body, "messages": said}


class LosesToolResults(Sabotaged):
    """Does not say which call a result answers."""

    def body(self, body: Body, request: Request) -> Body:
        return {**body, "messages": [_without(message, "tool_call_id") for message in body["messages"]]}


class LastTurnOnly(Sabotaged):
    """Sends the last message alone."""

    def body(self, body: Body, request: Request) -> Body:
        return {**body, "messages": body["messages"][-1:]}


class LosesImages(Sabotaged):
    """Sends the text without its images."""

    def body(self, body: Body, request: Request) -> Body:
        said = [message | {"content": "What is this?"} if _parts(message) else message for message in body["messages"]]
        return {**body, "messages": said}


class LosesTheSchema(Sabotaged):
    """Asks for any JSON, where a schema was given."""

    def body(self, body: Body, request: Request) -> Body:
        return body | ({"response_format": {"type": "json_object"}} if "response_format" in body else {})


class LosesStop(Sabotaged):
    """Leaves stop sequences out."""

    def body(self, body: Body, request: Request) -> Body:
        return _without(body, "stop")


class LosesMaxTokens(Sabotaged):
    """Leaves the limit on the answer's length out."""

    def body(self, body: Body, request: Request) -> Body:
        return _without(_without(body, "max_tokens"), "max_completion_tokens")


class NeverStreams(Sabotaged):
    """Asks for the whole answer in any case."""

    def body(self, body: Body, request: Request) -> Body:
        return {**body, "stream": False}


class NeverTheSameTwice(Sabotaged):
    """Adds a number to each request."""

    _numbers = itertools.count()

    def body(self, body: Body, request: Request) -> Body:
        return {**body, "user": f"user-{next(self._numbers)}"}


class ChangesTheCallersRequest(Sabotaged):
    """Writes into what the caller gave."""

    def encode(self, request: Request, *, stream: bool) -> HTTPRequest:
        encoded = super().encode(request, stream=stream)
        for tool in request.own_tools:
            tool.parameters["additionalProperties"] = True
        request.extra["seen"] = True
        return encoded


class OwnModelAlways(Sabotaged):
    """Asks for the model of the first call for ever."""

    _first: str | None = None

    def body(self, body: Body, request: Request) -> Body:
        self._first = self._first or request.model
        return {**body, "model": self._first}


class SystemFirst(Sabotaged):
    """Moves all that the system says to the beginning."""

    def body(self, body: Body, request: Request) -> Body:
        return {**body, "messages": sorted(body["messages"], key=lambda message: message["role"] != "system")}


class OneSystemMessage(Sabotaged):
    """Sends the first system message alone."""

    def body(self, body: Body, request: Request) -> Body:
        kept, seen = [], False
        for message in body["messages"]:
            if message["role"] != "system" or not seen:
                kept.append(message)
            seen = seen or message["role"] == "system"
        return {**body, "messages": kept}


class KeepsOneImage(Sabotaged):
    """Sends the first image of a turn alone."""

    def body(self, body: Body, request: Request) -> Body:
        return _with_parts(body, lambda parts: [part for part in parts if part in _texts(parts) + _images(parts)[:1]])


class ImagesLast(Sabotaged):
    """Sends the images of a turn after its text."""

    def body(self, body: Body, request: Request) -> Body:
        return _with_parts(body, lambda parts: _texts(parts) + _images(parts))


class ThinkingAsText(Sabotaged):
    """Sends what a model thought back as what it said."""

    def body(self, body: Body, request: Request) -> Body:
        said = []
        for written, message in zip(body["messages"], request.messages, strict=True):
            thought = "".join(part.text for part in message.parts() if part.type == "thinking")
            said.append(written | ({"content": f"{thought}{written['content'] or ''}"} if thought else {}))
        return {**body, "messages": said}


class SendsForeignSignatures(Sabotaged):
    """Sends to one vendor what another one signed."""

    def body(self, body: Body, request: Request) -> Body:
        said = []
        for written, message in zip(body["messages"], request.messages, strict=True):
            opaque = [part.opaque for part in message.parts() if part.type == "thinking" and part.opaque]
            said.append(written | ({"reasoning_details": opaque} if opaque else {}))
        return {**body, "messages": said}


def _with_parts(body: Body, change: Callable[[Parts], Parts]) -> Body:
    said = [
        message | ({"content": change(message["content"])} if _parts(message) else {}) for message in body["messages"]
    ]
    return {**body, "messages": said}


def _texts(parts: Parts) -> Parts:
    return [part for part in parts if part["type"] == "text"]


def _images(parts: Parts) -> Parts:
    return [part for part in parts if part["type"] == "image_url"]


def _without(fields: Body, name: str) -> Body:
    return {key: value for key, value in fields.items() if key != name}


def _parts(message: Body) -> bool:
    return isinstance(message.get("content"), list)
