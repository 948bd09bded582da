"""Chunks of the chat-completions wire turned into events. A whole answer is read as one chunk, by the same code.

Choice 0 is the answer; others are kept in the details.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from ..errors import BackbayError, DecodeError
from ..events import Ended, Event, Started, Text, Thinking, UsageSeen
from ..http.errorbody import facts_of
from ..http.statuses import response_error
from ..response import Finish
from .chat_details import USUAL, USUAL_CHOICE, Details
from .chat_thoughts import ThinkTags, Thoughts
from .lists import read_usage
from .tool_deltas import ToolDeltas

FINISHES = {
    "stop": Finish.STOP,
    "eos": Finish.STOP,
    "eos_token": Finish.STOP,
    "stop_sequence": Finish.STOP,
    "end_turn": Finish.STOP,  # Databricks and Snowflake pass on what Anthropic says
    "length": Finish.LENGTH,
    "max_tokens": Finish.LENGTH,
    "model_length": Finish.LENGTH,
    "model_context_window_exceeded": Finish.LENGTH,  # Z.ai documents it
    "tool_calls": Finish.TOOL_CALLS,
    "tool_use": Finish.TOOL_CALLS,
    "function_call": Finish.TOOL_CALLS,
    "content_filter": Finish.CONTENT_FILTER,
    "sensitive": Finish.CONTENT_FILTER,  # Z.ai documents it
    "refusal": Finish.CONTENT_FILTER,
}
"""Finish reasons by the vendor's word, in lower case; any other is ``OTHER``. Source: OpenAI's reference, and recorded
traffic, where nothing else is said."""

_SAID = frozenset(("role", "content", "tool_calls"))
"""Fields of a delta that has text and calls, and nothing of thinking or of what is kept in the details."""


class ChunkReader:
    """Reads the chunks of one answer, each a decoded JSON object.

    Args:
        backend: The name under which data that must go back is kept; ``None`` keeps none.
        whole: Whether the one chunk is a whole answer.
        thinking_tags: Whether ``<think>`` at the beginning of the text begins thinking.

    Attributes:
        failure: What went wrong; the events that were returned came before it.
        finished: Whether the vendor said that the answer is finished.
    """

    __slots__ = (
        "_calls",
        "_details",
        "_model",
        "_raw_finish",
        "_refusal",
        "_started",
        "_tags",
        "_thoughts",
        "_usage",
        "_whole",
        "failure",
    )

    def __init__(self, backend: str | None = None, *, whole: bool = False, thinking_tags: bool = False) -> None:
        self.failure: BackbayError | None = None
        self._started = False
        self._whole = whole
        self._model: str | None = None
        self._calls = ToolDeltas(backend)
        self._thoughts = Thoughts(backend)
        self._tags = ThinkTags() if thinking_tags else None
        self._details = Details()
        self._usage: object = None
        self._raw_finish: str | None = None
        self._refusal: list[str] = []

    @property
    def finished(self) -> bool:
        """Whether a finish reason has come."""
        return self._raw_finish is not None

    complete = False
    """Usage may follow the finish reason; ``[DONE]`` or the end of the body says that nothing does."""

    def read(self, chunk: object) -> Sequence[Event]:
        """Take the next chunk; return its events."""
        if not isinstance(chunk, dict):
            self.failure = DecodeError(f"A chunk of the answer is a JSON {type(chunk).__name__}, not an object.")
            return ()
        events: list[Event] = []
        first = not self._started
        if first:
            self._start(chunk, events)
        self._read_choices(chunk.get("choices"), events)
        usage = chunk.get("usage") or ("x_groq" in chunk and _nested_usage(chunk))
        if usage and usage != self._usage:
            self._usage = usage
            counted = read_usage(usage)
            if counted is not None:
                events.append(UsageSeen(counted))
        if first or self._raw_finish is not None or not chunk.keys() <= USUAL:
            self._details.read_chunk(chunk)
        if chunk.get("error"):
            self._fail(chunk)
        # Usage may come before anything else; then it is too late for Started, which must be first.
        self._started = self._started or bool(events)
        return events

    def end(self) -> Sequence[Event]:
        """Take the end of the answer; return its last events, ``Ended`` among them."""
        events: list[Event] = [] if self._tags is None else list(self._tags.end())
        events += self._thoughts.flush()
        events += self._calls.end()
        if self._calls.nameless:
            self.failure = DecodeError("A tool call of the answer has no name.")
            return events
        refusal = "".join(self._refusal) or None
        events.append(Ended(self._finish(refusal), self._raw_finish, refusal, self._details.whole()))
        return events

    def _start(self, chunk: dict[str, Any], events: list[Event]) -> None:
        # The first chunk of Azure and Copilot has an empty id and no choices (recorded); wait for one that says more.
        answer_id = chunk.get("id")
        self._model = _word(chunk.get("model")) or self._model
        if answer_id or chunk.get("choices"):
            self._started = True
            # Gemini's answers on this wire have no id (recorded); when they were made tells two of them apart.
            self._calls.name_answer(
                answer_id if answer_id and isinstance(answer_id, str) else str(chunk.get("created"))
            )
            events.append(Started(self._model, _word(answer_id)))

    def _read_choices(self, choices: object, events: list[Event]) -> None:
        if isinstance(choices, list):
            for choice in choices:
                if isinstance(choice, dict):
                    self._read_choice(choice, events)
                else:
                    self.failure = DecodeError(f"A choice of the answer is a JSON {type(choice).__name__}.")
        elif choices is not None:
            self.failure = DecodeError(f"The choices of the answer are a JSON {type(choices).__name__}, not a list.")

    def _read_choice(self, choice: dict[str, Any], events: list[Event]) -> None:
        if choice.get("index"):
            self._read_other(choice)
            return
        delta = choice.get("delta")
        if isinstance(delta, dict):
            self._read_delta(delta, events)
        if choice.get("finish_reason"):
            self._raw_finish = str(choice["finish_reason"])
        if choice.get("logprobs") or not choice.keys() <= USUAL_CHOICE:
            self._details.read_choice(choice)

    def _read_delta(self, delta: dict[str, Any], events: list[Event]) -> None:
        content = delta.get("content")
        more = len(delta) > 1 or not content
        rest = more and not delta.keys() <= _SAID
        if rest:
            events += self._thoughts.read(delta, whole=self._whole)
        if content or (content == 0 and content is not False):
            if self._thoughts.kept:
                events += self._thoughts.flush()
            if self._tags is None and type(content) is str:
                events.append(Text(content))
            else:
                self._read_content(content, events)
        if more:
            self._read_calls(delta, events)
        if rest:
            self._read_rest(delta, events)

    def _read_other(self, choice: dict[str, Any]) -> None:
        if type(choice["index"]) is int:
            self._details.read_other(choice)
        else:
            self.failure = DecodeError(f"The index of a choice is a JSON {type(choice['index']).__name__}.")

    def _read_content(self, content: object, events: list[Event]) -> None:
        if isinstance(content, str):
            self._read_text(content, events)
        elif isinstance(content, list) and all(
            isinstance(part, dict) and ("type" in part or "text" in part) for part in content
        ):
            for part in content:
                self._read_part(part, events)
        else:
            # Structured output that comes as JSON and not as a text of it (Cloudflare, recorded).
            self._read_text(json.dumps(content, ensure_ascii=False, separators=(",", ":")), events)

    def _read_text(self, text: str, events: list[Event]) -> None:
        if self._tags is None:
            events.append(Text(text))
        else:
            events += self._tags.read(text)

    def _read_part(self, part: dict[str, Any], events: list[Event]) -> None:
        """Read a part of a content list: text, or thinking that is itself a list of texts (Mistral, recorded)."""
        inner = part.get("thinking")
        if isinstance(inner, list):
            pieces = [piece.get("text") for piece in inner if isinstance(piece, dict)]
            events.extend(Thinking(str(text)) for text in pieces if text)
        elif isinstance(inner, str) and inner:
            events.append(Thinking(inner))
        elif isinstance(part.get("text"), str):
            if part["text"]:
                self._read_text(part["text"], events)
        elif part.get("type") == "refusal":
            self._refusal.append(str(part.get("refusal") or ""))
        elif part.get("type") == "reference":
            self._details.add("citations", part)
        elif part.get("type") == "image_url":
            self._details.add("images", part)

    def _read_calls(self, delta: dict[str, Any], events: list[Event]) -> None:
        calls = delta.get("tool_calls")
        if isinstance(calls, list) and calls:
            if self._thoughts.kept:
                events += self._thoughts.flush()
            for call in calls:
                if isinstance(call, dict):
                    events.extend(self._calls.add(call))

    def _read_rest(self, delta: dict[str, Any], events: list[Event]) -> None:
        if isinstance(delta.get("function_call"), dict) and delta["function_call"].get("name") != "":
            # The form before tool_calls: one call, without an id.
            events.extend(self._calls.add({"index": 0, "function": delta["function_call"]}))
        if delta.get("refusal"):
            self._refusal.append(str(delta["refusal"]))
        self._details.read_delta(delta)

    def _finish(self, refusal: str | None) -> Finish:
        finish = FINISHES.get((self._raw_finish or "").lower(), Finish.OTHER)
        if finish is Finish.STOP and refusal:
            return Finish.CONTENT_FILTER
        # With a forced tool, servers say "stop" beside the call (OpenAI, recorded); Snowflake says nothing (recorded).
        if self._calls and (finish is Finish.STOP or self._raw_finish is None):
            return Finish.TOOL_CALLS
        return finish

    def _fail(self, chunk: dict[str, Any]) -> None:
        error = {"error": chunk["error"]}
        body = json.dumps(error, ensure_ascii=False).encode("utf-8", "replace")
        self.failure = response_error(200, {}, body, facts_of(error, in_band=True), redact=str)


def _nested_usage(chunk: dict[str, Any]) -> object:
    """Return the usage that Groq's streams have in an object of its own (recorded)."""
    extra = chunk.get("x_groq")
    return extra.get("usage") if isinstance(extra, dict) else None


def _word(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
