"""One line of an input, as OpenAI documents it: ``{"custom_id", "method", "url", "body"}``. Pure functions.

Source: OpenAI's reference, Batch, the request input object (read 2026-11-21). ``method`` and ``url`` may be left out
here, as in the files of other vendors; then the line is a chat completion.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pydantic_core import from_json

Kind = Literal["chat", "embeddings"]

KINDS: Mapping[str, Kind] = {"/v1/chat/completions": "chat", "/v1/embeddings": "embeddings"}
"""What a line's ``url`` may be."""

BYTES_A_TOKEN = 4
"""Bytes of a line that are taken for one token, before a vendor has counted them."""

ANSWER_TOKENS = 256
"""Tokens of an answer that are expected where the line sets no limit, and nothing has been answered yet."""


class LineError(ValueError):
    """The line is no request.

    Attributes:
        code: Why, in one word; where OpenAI's own batches have one, theirs.
        message: What is wrong, in a sentence.
        custom_id: The line's id, where it has one that can be used.
    """

    def __init__(self, code: str, message: str, custom_id: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.custom_id = custom_id


@dataclass(frozen=True, slots=True)
class Line:
    """A request of the input.

    Attributes:
        custom_id: Its id.
        kind: What it asks for.
        body: The request's body.
    """

    custom_id: str
    kind: Kind
    body: Mapping[str, Any]

    @property
    def answer_tokens(self) -> int | None:
        """Tokens of the answer at most; ``None`` if the line does not say, 0 for embeddings."""
        if self.kind == "embeddings":
            return 0
        for name in ("max_completion_tokens", "max_tokens"):
            limit = self.body.get(name)
            if isinstance(limit, int) and not isinstance(limit, bool) and limit > 0:
                return limit
        return None


def read_line(data: bytes) -> Line:
    """Return the request in a line.

    Args:
        data: The line's bytes, with or without its end.

    Raises:
        LineError: It is none.
    """
    try:
        found = from_json(data, allow_inf_nan=False)
    except ValueError as failure:
        raise LineError("invalid_json_line", f"The line is no JSON: {failure}.") from None
    if not isinstance(found, dict):
        raise LineError("invalid_json_line", "The line is no JSON object.")
    custom_id = _custom_id(found)
    method = found.get("method")
    if method not in (None, "POST"):
        raise LineError("invalid_method", f"method is {str(method)[:40]!r}; it must be 'POST'.", custom_id)
    url = found.get("url") or "/v1/chat/completions"
    kind = KINDS.get(url) if isinstance(url, str) else None
    if kind is None:
        known = " and ".join(KINDS)
        raise LineError("invalid_url", f"url is {str(url)[:80]!r}; there are {known}.", custom_id)
    body = found.get("body")
    if not isinstance(body, dict):
        raise LineError("missing_required_parameter", "body is missing, or no JSON object.", custom_id)
    _check(kind, body, custom_id)
    return Line(custom_id, kind, body)


def _custom_id(found: Mapping[str, object]) -> str:
    custom_id = found.get("custom_id")
    if custom_id is None:
        raise LineError("missing_required_parameter", "custom_id is missing.")
    if not isinstance(custom_id, str) or not custom_id:
        raise LineError("invalid_custom_id", "custom_id must be text, and not empty.")
    return custom_id


def _check(kind: Kind, body: Mapping[str, object], custom_id: str) -> None:
    """Refuse a body that could not be sent whatever the backend."""
    if body.get("stream"):
        raise LineError("invalid_body", "body.stream is true; a batch has no streams, so leave it out.", custom_id)
    if body.get("n") not in (None, 1):
        raise LineError("invalid_body", "body.n must be 1; write one line for each answer.", custom_id)
    if kind == "chat":
        messages = body.get("messages")
        if not isinstance(messages, list) or not messages:
            raise LineError("invalid_body", "body.messages must be a list of messages, and not empty.", custom_id)
        return
    given = body.get("input")
    texts = [given] if isinstance(given, str) else given
    if not isinstance(texts, list) or not texts or not all(isinstance(text, str) and text for text in texts):
        raise LineError("invalid_body", "body.input must be text, or a list of texts, none of them empty.", custom_id)


def estimate(line: Line, size: int) -> tuple[int, int]:
    """Return the tokens that a line is expected to use: those of its prompt, and those of its answer at most.

    Args:
        line: The line.
        size: Its bytes.

    Returns:
        The second number is -1 where the line sets no limit.
    """
    answer = line.answer_tokens
    return size // BYTES_A_TOKEN + 1, -1 if answer is None else answer
