"""Pieces of HTTP and of the chat wire, as bytes, to build faults of."""

from __future__ import annotations

import gzip
import json

LAST = b"0\r\n\r\n"
"""The chunk that ends a chunked body."""

DONE = b"data: [DONE]\n\n"

SSE = "text/event-stream"
JSON = "application/json"


def head(*lines: str, status: str = "200 OK", kind: str | None = JSON) -> bytes:
    """Return the head of a response."""
    typed = [] if kind is None else [f"content-type: {kind}"]
    return "\r\n".join([f"HTTP/1.1 {status}", *typed, *lines, "", ""]).encode("latin-1")


def sized(body: bytes, *lines: str, status: str = "200 OK", kind: str | None = JSON) -> bytes:
    """Return a response with a Content-Length that is true."""
    return head(*lines, f"content-length: {len(body)}", status=status, kind=kind) + body


def chunk(data: bytes) -> bytes:
    """Return data as one chunk of a chunked body."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def begun(*parts: bytes, kind: str | None = SSE) -> bytes:
    """Return the head of a chunked response, and each part as one chunk; ``LAST`` ends it."""
    return head("transfer-encoding: chunked", kind=kind) + b"".join(map(chunk, parts))


def streamed(*parts: bytes, kind: str | None = SSE) -> bytes:
    """Return a whole chunked response."""
    return begun(*parts, kind=kind) + LAST


def event(value: object) -> bytes:
    """Return a value as one server-sent event: text as it is, anything else as JSON."""
    return f"data: {value if isinstance(value, str) else json.dumps(value)}\n\n".encode()


def delta(text: str | None = None, **more: object) -> bytes:
    """Return an event that adds to the answer."""
    content = {} if text is None else {"content": text}
    choice = {"index": 0, "delta": {**content, **more}, "finish_reason": None}
    return event({"id": "c-1", "object": "chat.completion.chunk", "model": "m-1", "choices": [choice]})


def finish(reason: str = "stop", **more: object) -> bytes:
    """Return the event with the finish reason."""
    choice = {"index": 0, "delta": {}, "finish_reason": reason}
    return event({"id": "c-1", "object": "chat.completion.chunk", "model": "m-1", "choices": [choice], **more})


def call(index: int | None, arguments: object, *, id: str | None = None, name: str | None = None) -> bytes:
    """Return an event with a piece of a tool call."""
    function = {"arguments": arguments} | ({"name": name} if name is not None else {})
    item: dict[str, object] = {"function": function}
    if index is not None:
        item["index"] = index
    if id is not None:
        item |= {"id": id, "type": "function"}
    return delta(tool_calls=[item])


HELLO = delta("Hello")
WORLD = delta(" world")
FINISH = finish()
ALL = (HELLO, WORLD, FINISH, DONE)
"""The events of the answer "Hello world"."""


def message(content: str | None = "Hello world", **more: object) -> dict[str, object]:
    """Return a whole answer."""
    choice = {"index": 0, "message": {"role": "assistant", "content": content}, "finish_reason": "stop"}
    usage = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
    return {"id": "c-1", "object": "chat.completion", "model": "m-1", "choices": [choice], "usage": usage, **more}


def body(content: str | None = "Hello world", **more: object) -> bytes:
    """Return a whole answer as JSON."""
    return json.dumps(message(content, **more)).encode()


WHOLE = sized(body())
"""The response to a call that is not streamed."""

STREAM = streamed(*ALL)
"""The response to one that is."""


def failed(code: object = "bad", words: str = "no", **more: object) -> bytes:
    """Return an error body."""
    return json.dumps({"error": {"message": words, "type": code, "code": code, **more}}).encode()


def zipped(data: bytes) -> bytes:
    """Return data compressed by gzip."""
    return gzip.compress(data, mtime=0)
