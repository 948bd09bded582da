"""OpenAI's legacy completions: ``POST /v1/completions``. A prompt goes to the model as one turn of a user.

Backends here answer chats; none continues a text. What only makes sense where one does (``suffix``, ``echo``,
``logprobs`` of the prompt's tokens, prompts of token numbers) is refused.

Source: OpenAI's reference, Create completion, as openai-python 3.52 has it (read 2026-11-21), and recorded traffic.
"""

from __future__ import annotations

import time
from typing import Any, ClassVar

from backbay.errors import BackbayError
from backbay.events import Ended, Event, Started, Text, UsageSeen
from backbay.messages import Message
from backbay.response import JSONObject, Response, Usage

from .base import Ask, Dialect, Refusal, Writer
from .carrying import model_of
from .openai_chat_answer import finish_of, usage_of
from .openai_chat_request import read_penalties, read_policy, read_sampling, read_stream
from .openai_errors import error_body, refuse
from .openai_fields import Fields, unsupported, wrong
from .openai_json import DONE, new_id, quoted, sse, to_bytes, to_json

ID = "cmpl-"
DEFAULT_MAX_TOKENS = 16
"""Tokens of an answer where the client says nothing: OpenAI documents it, and clients of old count on short answers."""

KNOWN = frozenset(
    "model prompt best_of echo frequency_penalty logit_bias logprobs max_tokens n presence_penalty seed stop stream "
    "stream_options suffix temperature top_p user".split()
)


class CompletionsDialect(Dialect):
    """The dialect of clients that know completions only."""

    name: ClassVar[str] = "openai_completions"
    wire: ClassVar[str | None] = None

    def read(self, body: JSONObject) -> Ask:
        """Return what a request asks for."""
        fields = Fields(body, "", KNOWN)
        read_policy(fields)
        _refuse(fields)
        stream, usage = read_stream(fields)
        options = read_sampling(fields)
        options["max_tokens"] = fields.whole("max_tokens", 1) or DEFAULT_MAX_TOKENS
        options["extra"] = read_penalties(fields) or None
        return Ask(
            model=model_of(fields),
            messages=(Message(role="user", content=_prompt(fields)),),
            options={name: value for name, value in options.items() if value is not None},
            stream=stream,
            usage=usage,
            raw=body,
        )

    def write(self, response: Response, ask: Ask) -> JSONObject:
        """Return a whole answer; thinking has no place in it."""
        finish = _finish(finish_of(response.finish, None, calls=False))
        answer: dict[str, Any] = {
            "id": response.id or new_id(ID),
            "object": "text_completion",
            "created": int(time.time()),
            "model": response.model or ask.model,
            "choices": [{"index": 0, "text": response.text, "logprobs": None, "finish_reason": finish}],
        }
        usage = usage_of(response.usage)
        return answer | ({"usage": usage} if usage else {})

    def writer(self, ask: Ask) -> Writer:
        """Return what writes one answer as chunks."""
        return CompletionWriter(ask)

    def refuse(self, error: BackbayError, request_id: str) -> Refusal:
        """Return an error in OpenAI's form."""
        return refuse(error, request_id)


class CompletionWriter(Writer):
    """Writes one answer.

    Args:
        ask: What the client asked for.
    """

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._always = ""
        self._usage: Usage | None = None

    def feed(self, event: Event) -> bytes:
        """Return the chunks of an event: text, and the end. There is none that only says that an answer begins."""
        if isinstance(event, UsageSeen):
            self._usage = event.usage if self._usage is None else self._usage.merged(event.usage)
            return b""
        if not self._always:
            self._begin(event)
        if isinstance(event, Text):
            return self._chunk(event.delta, "null")
        return self._end(event) if isinstance(event, Ended) else b""

    def fail(self, error: BackbayError) -> bytes:
        """Return the error as an event; OpenAI's libraries raise ``APIError`` for it."""
        return sse(error_body(error))

    def _begin(self, first: Event) -> None:
        started = first if isinstance(first, Started) else Started()
        always = {
            "id": started.id or new_id(ID),
            "object": "text_completion",
            "created": int(time.time()),
            "model": started.model or self._ask.model,
        }
        self._always = f"data: {to_json(always)[:-1]}"

    def _chunk(self, text: str, finish: str) -> bytes:
        choice = f'{{"index":0,"text":{quoted(text)},"logprobs":null,"finish_reason":{finish}}}'
        nothing = ',"usage":null' if self._ask.usage else ""
        return to_bytes(f'{self._always},"choices":[{choice}]{nothing}}}\n\n')

    def _end(self, ended: Ended) -> bytes:
        written = self._chunk("", quoted(_finish(finish_of(ended.finish, None, calls=False))))
        usage = usage_of(self._usage) if self._ask.usage else None
        if usage:
            written += to_bytes(f'{self._always},"choices":[],"usage":{to_json(usage)}}}\n\n')
        return written + DONE


def _finish(word: str) -> str:
    """Return a finish reason that this form has: it knows of no tools."""
    return "stop" if word == "tool_calls" else word


def _prompt(fields: Fields) -> str:
    value = fields.any("prompt")
    if isinstance(value, list) and len(value) == 1 and isinstance(value[0], str):
        value = value[0]
    if isinstance(value, list) and value and all(isinstance(each, str) for each in value):
        raise unsupported("prompt", "One request has one prompt here.", "Send a request for each prompt.")
    if isinstance(value, list) and value:
        raise unsupported("prompt", "A prompt of token numbers cannot be carried; give text.")
    if not value:
        raise wrong("prompt", "prompt is missing or empty; give text.", "missing_required_parameter")
    if not isinstance(value, str):
        raise wrong("prompt", "prompt must be text.", "invalid_type")
    return value


def _refuse(fields: Fields) -> None:
    if fields.flag("echo"):
        raise unsupported("echo", "The prompt is not given back here; put it before the answer yourself.")
    if fields.text("suffix"):
        raise unsupported("suffix", "Text cannot be filled in before a suffix here; put both into the prompt.")
    if fields.whole("best_of", 0, 20) not in (None, 1):
        raise unsupported("best_of", "One answer is made here; leave best_of out.")
    if fields.whole("logprobs", 0, 5) is not None:
        raise unsupported("logprobs", "Log probabilities are had from /v1/chat/completions only.")


DIALECT = CompletionsDialect()
"""The dialect; it has no state."""
