"""Events of Bedrock's streams as JSON texts, for core's decoder of answers.

Source: the API references of ConverseStream and InvokeModelWithResponseStream, and recorded traffic.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Sequence

from backbay.errors import BackbayError, DecodeError
from backbay.wires.reading import excerpt, load_chunk

from .eventstream import Message, MessageParser


class EventStreamFrames:
    """Cuts an event stream into JSON texts.

    What is wrong with a message is raised only after what came before it was given, so that the same bytes give the
    same events at any split of them.

    Args:
        text_of: What makes a JSON text of a message; ``None`` for one that says nothing.
    """

    def __init__(self, text_of: Callable[[Message], bytes | None]) -> None:
        self._parser = MessageParser()
        self._text_of = text_of
        self._failure: BackbayError | None = None

    def feed(self, data: bytes) -> Sequence[bytes]:
        """Take more bytes; return the texts that are complete now. Raises what is wrong with the bytes."""
        if self._failure is not None:
            raise self._failure
        found: list[bytes] = []
        try:
            for message in self._parser.feed(data):
                text = self._text_of(message)
                if text is not None:
                    found.append(text)
        except BackbayError as failure:
            if not found:
                raise
            self._failure = failure
        return found

    def finish(self) -> Sequence[bytes]:
        """Take the end of the body. What is left of a message is not returned: it was cut off."""
        if self._failure is not None:
            raise self._failure
        return ()


def converse_text(message: Message) -> bytes | None:
    """Return ``{"name of the event": {...}}``, as the reference has the events of ConverseStream."""
    return failure_text(message) or _named(message.headers.get(":event-type", ""), message.payload)


def invoke_text(message: Message) -> bytes | None:
    """Return what the model itself sent: it stands in base64 in each ``chunk``.

    Raises:
        DecodeError: It is no base64.
    """
    failed = failure_text(message)
    if failed is not None:
        return failed
    if message.headers.get(":event-type") != "chunk":
        return None
    try:
        return base64.b64decode(load_chunk(message.payload)["bytes"], validate=True)
    except (ValueError, TypeError, KeyError):
        raise DecodeError("A chunk of the stream has no bytes.", body=excerpt(message.payload)) from None


def failure_text(message: Message) -> bytes | None:
    """Return an exception or an error as ``{"name of it": {"message": "..."}}``; ``None`` for an event."""
    kind = message.headers.get(":message-type")
    if kind == "exception":
        return _named(message.headers.get(":exception-type") or "exception", message.payload)
    if kind == "error":
        # An error outside of the service's model: it stands in headers alone.
        said = {"message": message.headers.get(":error-message", "")}
        return _named(f"{message.headers.get(':error-code') or 'unknown'}Exception", json.dumps(said).encode())
    return None


def _named(name: str, payload: bytes) -> bytes:
    return b"{%b:%b}" % (json.dumps(name).encode(), payload.strip() or b"{}")
