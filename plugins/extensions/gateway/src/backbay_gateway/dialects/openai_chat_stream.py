"""Streamed answers as chunks of chat completions.

Source: OpenAI's reference, The chat completion chunk object (read 2026-11-21), and recorded streams.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from backbay.errors import BackbayError
from backbay.events import Ended, Event, Started, Text, Thinking, ToolDelta, UsageSeen
from backbay.response import Usage

from .base import Ask, Writer
from .openai_chat_answer import ID, beside_of, finish_of, logprobs_of, said_beside, usage_of
from .openai_chat_opaque import detail_of, extra_of
from .openai_errors import error_body
from .openai_json import DONE, new_id, quoted, sse, to_bytes, to_json


class ChatWriter(Writer):
    """Writes one answer. What is the same in all chunks is made once; a chunk of text is three strings joined.

    Args:
        ask: What the client asked for.
    """

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._always = ""
        self._head = ""
        self._tail = ""
        self._calls: dict[int, int] = {}
        self._silent: set[int] = set()
        self._run: list[str] = []
        self._signed = 0
        self._usage: Usage | None = None

    def feed(self, event: Event) -> bytes:
        """Return the chunks of an event."""
        kind = type(event)
        if kind is Text and self._head:
            self._run.clear()
            return to_bytes(f'{self._head}{{"content":{quoted(event.delta)}{self._tail}')  # type: ignore[union-attr]
        if kind is UsageSeen:
            usage = event.usage  # type: ignore[union-attr]
            self._usage = usage if self._usage is None else self._usage.merged(usage)
            return b""
        begin = b"" if self._head else self._begin(event)
        match event:
            case Text():
                return begin + self.feed(event)
            case Thinking():
                return begin + self._thinking(event)
            case ToolDelta():
                return begin + self._call(event)
            case Ended():
                return begin + self._end(event)
        return begin

    def fail(self, error: BackbayError) -> bytes:
        """Return the error as an event; OpenAI's libraries raise ``APIError`` for it."""
        return sse(error_body(error))

    def _begin(self, first: Event) -> bytes:
        """Return the first chunk, which says whose turn it is."""
        started = first if isinstance(first, Started) else Started()
        always = {
            "id": started.id or new_id(ID),
            "object": "chat.completion.chunk",
            "created": int(time.time()),
            "model": started.model or self._ask.model,
        }
        # With usage asked for, every chunk but the last has a null in its place.
        nothing = ',"usage":null' if self._ask.usage else ""
        self._always = f"data: {to_json(always)[:-1]}"
        self._head = f'{self._always},"choices":[{{"index":0,"delta":'
        self._tail = f'}},"logprobs":null,"finish_reason":null}}]{nothing}}}\n\n'
        return self._delta({"role": "assistant", "content": None})

    def _delta(self, delta: Mapping[str, Any]) -> bytes:
        return to_bytes(f"{self._head}{to_json(delta)[:-1]}{self._tail}")

    def _thinking(self, said: Thinking) -> bytes:
        written = b""
        if said.delta:
            self._run.append(said.delta)
            written = to_bytes(f'{self._head}{{"reasoning_content":{quoted(said.delta)}{self._tail}')
        if said.opaque:
            detail = detail_of("".join(self._run), said.opaque, self._signed)
            self._run.clear()
            self._signed += 1
            written += self._delta({"reasoning_details": [detail]})
        return written

    def _call(self, more: ToolDelta) -> bytes:
        number = self._calls.get(more.index)
        written = b""
        if number is None:
            self._run.clear()
            number = self._calls[more.index] = len(self._calls)
            self._silent.add(number)
            function = {"name": more.name, "arguments": ""}
            written = self._delta_of_call({"index": number, "id": more.id, "type": "function", "function": function})
        if more.fragment:
            self._silent.discard(number)
            more_of_it = f'{{"index":{number},"function":{{"arguments":{quoted(more.fragment)}}}}}'
            written += to_bytes(f'{self._head}{{"tool_calls":[{more_of_it}]{self._tail}')
        if more.opaque:
            # OpenAI's own accumulator fails on a piece of a call without a function.
            sealed = {"index": number, "function": {"arguments": ""}, "extra_content": extra_of(more.opaque, more.id)}
            written += self._delta_of_call(sealed)
        return written

    def _delta_of_call(self, call: Mapping[str, Any]) -> bytes:
        return self._delta({"tool_calls": [call]})

    def _end(self, ended: Ended) -> bytes:
        details = ended.details or {}
        # Arguments that never came are an empty object: clients read them as JSON.
        silent = [{"index": number, "function": {"arguments": "{}"}} for number in sorted(self._silent)]
        written = b"".join(self._delta_of_call(call) for call in silent)
        beside = ({"refusal": ended.refusal} if ended.refusal else {}) | said_beside(details)
        written += self._delta(beside) if beside else b""
        choice = {
            "index": 0,
            "delta": {},
            "logprobs": logprobs_of(details),
            "finish_reason": finish_of(ended.finish, ended.refusal, calls=bool(self._calls)),
        }
        written += self._chunk([choice], beside_of(details) | ({"usage": None} if self._ask.usage else {}))
        usage = usage_of(self._usage) if self._ask.usage else None
        if usage:
            written += self._chunk([], {"usage": usage})
        return written + DONE

    def _chunk(self, choices: list[dict[str, Any]], more: Mapping[str, Any]) -> bytes:
        rest = to_json({"choices": choices, **more})
        return to_bytes(f"{self._always},{rest[1:]}\n\n")
