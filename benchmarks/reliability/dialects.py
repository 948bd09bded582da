"""Answers in the two dialects that are spoken here, as bytes: OpenAI's chat completions and Anthropic's messages."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Protocol

from fault_rig import words


class Dialect(Protocol):
    """A dialect.

    Attributes:
        name: As the corpus says it.
        short: As the names of ``http-faults.json`` say it.
    """

    name: str
    short: str

    def body(self, text: str) -> bytes:
        """Return a whole answer."""

    def opening(self) -> bytes:
        """Return the events before the first text."""

    def text(self, text: str) -> bytes:
        """Return the event of a piece of text."""

    def closing(self) -> bytes:
        """Return the events after the last text."""

    def failure(self) -> bytes:
        """Return the event of a failure in mid-stream."""

    def terminated(self, events: Sequence[tuple[str, str]]) -> bool:
        """Whether these events (name and data) say that the answer is whole."""


class Chat:
    """OpenAI's chat completions."""

    name, short = "openai-chat", "oa"

    def body(self, text: str) -> bytes:
        return words.body(text)

    def opening(self) -> bytes:
        return b""

    def text(self, text: str) -> bytes:
        return words.delta(text)

    def closing(self) -> bytes:
        return words.FINISH + words.DONE

    def failure(self) -> bytes:
        return words.event({"error": {"message": "overloaded", "type": "server_error", "code": None}})

    def terminated(self, events: Sequence[tuple[str, str]]) -> bool:
        for _, data in events:
            if data.strip() == "[DONE]":
                return True
            # The first choice is the one that is read; nobody here asks for more.
            for choice in json.loads(data).get("choices") or ():
                if choice["index"] == 0 and choice.get("finish_reason") is not None:
                    return True
        return False


class Messages:
    """Anthropic's messages."""

    name, short = "anthropic-messages", "an"

    def body(self, text: str) -> bytes:
        content = [{"type": "text", "text": text}]
        return json.dumps({**_message("end_turn"), "content": content}).encode()

    def opening(self) -> bytes:
        block = {"type": "text", "text": ""}
        return _event("message_start", message=_message(None)) + _event(
            "content_block_start", index=0, content_block=block
        )

    def text(self, text: str) -> bytes:
        return _event("content_block_delta", index=0, delta={"type": "text_delta", "text": text})

    def closing(self) -> bytes:
        stop = {"stop_reason": "end_turn", "stop_sequence": None}
        return (
            _event("content_block_stop", index=0)
            + _event("message_delta", delta=stop, usage={"output_tokens": 2})
            + _event("message_stop")
        )

    def failure(self) -> bytes:
        return _event("error", error={"type": "overloaded_error", "message": "overloaded"})

    def terminated(self, events: Sequence[tuple[str, str]]) -> bool:
        found = [json.loads(data) for _, data in events]
        return any(
            each.get("type") == "message_stop" or (each.get("delta") or {}).get("stop_reason") is not None
            for each in found
        )


def _message(reason: str | None) -> dict[str, object]:
    usage = {"input_tokens": 3, "output_tokens": 2}
    return {
        "id": "m-1",
        "type": "message",
        "role": "assistant",
        "model": "m-1",
        "content": [],
        "stop_reason": reason,
        "stop_sequence": None,
        "usage": usage,
    }


def _event(name: str, **fields: object) -> bytes:
    return f"event: {name}\ndata: {json.dumps({'type': name, **fields})}\n\n".encode()


CHAT, MESSAGES = Chat(), Messages()
DIALECTS: Sequence[Dialect] = (CHAT, MESSAGES)
HELLO = "Hello world"
"""What most answers here say."""


def whole(dialect: Dialect, text: str = HELLO, *lines: str) -> bytes:
    """Return the response to a call that is not streamed."""
    return words.sized(dialect.body(text), *lines)


def streamed(dialect: Dialect, *texts: str) -> bytes:
    """Return the response to a call that is: an event a chunk."""
    return begun(dialect, *(texts or ("Hello", " world"))) + words.chunk(dialect.closing()) + words.LAST


def begun(dialect: Dialect, *texts: str) -> bytes:
    """Return the beginning of the response to a call that is streamed: so many texts, and no end."""
    opening = dialect.opening()
    return words.begun(*([opening] if opening else []), *map(dialect.text, texts))
