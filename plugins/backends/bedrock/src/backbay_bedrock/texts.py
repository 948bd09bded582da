"""Answers of InvokeModel that are one text: the forms of Titan, Llama, AI21 Jurassic-2, Cohere, Mistral and old Claude.

Source: Bedrock's user guide (Inference request parameters and response fields for foundation models), and recorded
traffic. Of several answers to one prompt the first is read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from backbay.errors import BackbayError, DecodeError
from backbay.events import Ended, Event, Started, Text, UsageSeen
from backbay.response import Finish, Usage

from .reading import count_of

METRICS = "amazon-bedrock-invocationMetrics"
"""Where a stream's last chunk has the counts, whatever the model."""

_LISTS = ("results", "completions", "generations", "outputs")
_TEXTS = ("generation", "completion", "outputText", "text")
_REASONS = ("stop_reason", "completionReason", "finish_reason", "finishReason")
_INPUTS = ("inputTokenCount", "inputTextTokenCount", "prompt_token_count")
_OUTPUTS = ("outputTokenCount", "totalOutputTextTokenCount", "generation_token_count", "tokenCount")

FINISHES = {
    "stop": Finish.STOP,
    "stop_sequence": Finish.STOP,
    "endoftext": Finish.STOP,
    "finish": Finish.STOP,
    "complete": Finish.STOP,
    "length": Finish.LENGTH,
    "max_tokens": Finish.LENGTH,
    "content_filtered": Finish.CONTENT_FILTER,
    "error_toxic": Finish.CONTENT_FILTER,
}
"""Finish reasons by the models' words, in lower case; any other is ``OTHER``."""


class TextReader:
    """Reads the chunks of one such answer; a whole one is one chunk.

    Attributes:
        failure: What went wrong; the events that were returned came before it.
        complete: Whether the counts have come, which stand in a stream's last chunk.
    """

    def __init__(self) -> None:
        self.failure: BackbayError | None = None
        self.complete = False
        self._begun = False
        self._known = False
        self._raw_finish: str | None = None
        self._counts: dict[str, Any] = {}
        self._details: dict[str, Any] = {}

    @property
    def finished(self) -> bool:
        """Whether a finish reason, or the counts, have come."""
        return self.complete or self._raw_finish is not None

    def read(self, chunk: object) -> Sequence[Event]:
        """Take the next chunk; return its events."""
        if not isinstance(chunk, dict):
            self.failure = DecodeError(f"A chunk of the answer is a JSON {type(chunk).__name__}, not an object.")
            return ()
        events: list[Event] = [] if self._begun else [Started()]
        self._begun = True
        item = _first(chunk)
        if not item.get("index"):
            text = _text(item)
            self._known = self._known or text is not None
            events += [Text(text)] if text else []
            self._raw_finish = _reason(item) or _reason(chunk) or self._raw_finish
            if item.get("stop"):
                self._details["stop_sequence"] = item["stop"]
        metrics = chunk.get(METRICS)
        self.complete = isinstance(metrics, dict)
        return [*events, *self._usage({**chunk, **item, **(metrics if isinstance(metrics, dict) else {})})]

    def end(self) -> Sequence[Event]:
        """Take the end of the answer; return ``Ended``."""
        if not self._known and not self.finished:
            self.failure = DecodeError("The answer has no text.")
            return ()
        finish = FINISHES.get((self._raw_finish or "").lower(), Finish.OTHER)
        return [Ended(finish, self._raw_finish, None, self._details or None)]

    def _usage(self, values: Mapping[str, Any]) -> Sequence[Event]:
        found = {name: values[name] for name in (*_INPUTS, *_OUTPUTS) if count_of(values.get(name)) is not None}
        if not found or found == self._counts:
            return ()
        self._counts.update(found)
        prompt, output = (next((found[name] for name in names if name in found), None) for names in (_INPUTS, _OUTPUTS))
        return [UsageSeen(Usage(prompt, output, raw=dict(self._counts)))]


def _first(chunk: dict[str, Any]) -> dict[str, Any]:
    """Return the first answer of those that a chunk lists, or the chunk itself."""
    listed = next((chunk[name] for name in _LISTS if isinstance(chunk.get(name), list) and chunk[name]), None)
    return listed[0] if listed is not None and isinstance(listed[0], dict) else chunk


def _text(item: dict[str, Any]) -> str | None:
    data = item.get("data")
    places = [item.get(name) for name in _TEXTS] + [data.get("text") if isinstance(data, dict) else None]
    return next((text for text in places if isinstance(text, str)), None)


def _reason(item: dict[str, Any]) -> str | None:
    found = next((item[name] for name in _REASONS if item.get(name)), None)
    if isinstance(found, dict):
        found = found.get("reason")  # Jurassic-2 says more beside it.
    return found if isinstance(found, str) else None
