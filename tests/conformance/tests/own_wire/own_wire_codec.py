"""The codec of Acme's wire: answers are lines of JSON, streamed; or one object with all that they say.

{"id": "answer-1", "model": "m"}
{"text": "Let me look."}
{"call": {"index": 0, "id": "call_a", "name": "get_weather", "arguments": "{\\"city\\""}}
{"end": "stop", "usage": {"in": 12, "out": 5}}
"""

import json

from backbay import (
    DecodeError,
    Ended,
    Finish,
    InvalidRequestError,
    ModelInfo,
    OptionConflictError,
    Started,
    Text,
    ToolDelta,
    Usage,
    UsageSeen,
)
from backbay.errors import BackbayError, ResponseError, TruncatedError
from backbay.folding import fold
from backbay.http.codec import Codec, Decoded, HTTPRequest
from backbay.http.errorbody import error_facts, facts_of
from backbay.http.ndjson import NDJSONDecoder
from backbay.http.statuses import response_error
from backbay.wires.reading import load_object

WORDS = {"stop": Finish.STOP, "limit": Finish.LENGTH, "calls": Finish.TOOL_CALLS, "blocked": Finish.CONTENT_FILTER}
OWNED = {"model", "stream", "turns", "settings", "tools", "must"}


class LinesCodec(Codec):
    def __init__(self, spec, quirks):
        self.spec = spec

    def encode(self, request, *, stream):
        if OWNED & request.extra.keys():
            raise OptionConflictError(f"extra names fields that Backbay writes: {OWNED & request.extra.keys()}.")
        body = {"model": request.model, "stream": stream, "turns": [*map(_turn, request.messages)]}
        settings = {"temperature": request.temperature, "max": request.max_tokens, "stop": list(request.stop) or None}
        body["settings"] = {name: value for name, value in settings.items() if value is not None}
        if request.tools:
            body["tools"] = [{"name": tool.name, "schema": tool.parameters} for tool in request.tools]
        if request.tool_choice:
            body["must"] = request.tool_choice
        return HTTPRequest("POST", "say", json.dumps({**body, **request.extra}).encode())

    def decode(self, body):
        found = load_object(body, "an answer")
        reader = Reader()
        events = reader.read(found)
        if reader.failure is None and not reader.ended:
            reader.failure = DecodeError("The answer does not say how it ended.")
        if reader.failure is not None:
            reader.failure.partial = fold(events) if events else None
            raise reader.failure
        return Decoded(events, found)

    def decoder(self):
        return Decoder()

    def error(self, status, headers, body):
        return error_facts(body)

    def decode_models(self, body):
        models = load_object(body, "a model list").get("models")
        if not isinstance(models, list):
            raise DecodeError("Expected a model list, and something else came.")
        return [ModelInfo(id=model["id"], raw=model) for model in models]


def _turn(message):
    said = {"who": message.role, "text": message.text}
    for part in message.parts():
        if part.type not in ("text", "thinking"):
            raise InvalidRequestError(f"this wire has no {part.type} parts.")
    if message.tool_calls:
        said["calls"] = [{"id": one.id, "name": one.name, "arguments": one.arguments} for one in message.tool_calls]
    if message.tool_call_id:
        said["answers"] = message.tool_call_id
    return said


class Reader:
    def __init__(self):
        self.failure = None
        self.ended = False
        self.began = False

    def read(self, line):
        if line.get("error"):
            body = json.dumps(line, ensure_ascii=False).encode()
            self.failure = response_error(200, {}, body, facts_of(line, in_band=True), redact=str)
            return []
        if not self.began and not {"id", "model"} <= line.keys():
            self.failure = DecodeError("What came is no answer of this wire.")
            return []
        events = [] if self.began else [Started(line["model"], line["id"])]
        self.began = True
        events += [Text(line["text"])] if line.get("text") else []
        calls = line.get("calls") or ([line["call"]] if "call" in line else [])
        events += [
            ToolDelta(one.get("index", at), one["id"], one["name"], one["arguments"]) for at, one in enumerate(calls)
        ]
        if line.get("usage"):
            events.append(UsageSeen(Usage(input=line["usage"].get("in"), output=line["usage"].get("out"))))
        if line.get("end"):
            self.ended = True
            events.append(Ended(WORDS.get(line["end"], Finish.OTHER), line["end"]))
        return events


class Decoder:
    def __init__(self):
        self.failure = None
        self._lines = NDJSONDecoder()
        self._reader = Reader()

    def feed(self, data):
        return self._read(self._lines.feed, data)

    def finish(self):
        events = self._read(self._lines.finish)
        if self._reader.ended or isinstance(self.failure, ResponseError):
            return events
        if self._reader.began:
            self.failure = TruncatedError("The stream ended before the vendor said that it finished.", retryable=True)
        elif self.failure is None:
            self.failure = DecodeError("Expected an answer, and an empty body came.", retryable=True)
        return events

    def _read(self, lines, *data):
        events = []
        try:
            for line in () if self.failure else lines(*data):
                if self._reader.ended:
                    break
                events += self._reader.read(load_object(line, "a line of an answer"))
                if self._reader.failure is not None:
                    raise self._reader.failure
        except BackbayError as failure:
            self.failure = failure
        return events
