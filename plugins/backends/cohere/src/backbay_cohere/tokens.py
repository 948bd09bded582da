"""Counting tokens with ``POST /v1/tokenize``, which knows texts, and neither turns nor tools.

Source: Cohere's API reference, Tokenize; what is billed for a chat is the tokens of its texts (recorded).
"""

from __future__ import annotations

from typing import Any

from backbay.errors import DecodeError, InvalidRequestError, UnsupportedError
from backbay.request import Request
from backbay.wires.reading import excerpt, load_object

_LONGEST = 65536


def body_of(request: Request) -> dict[str, Any]:
    """Return the body that counts the texts of a prompt.

    Raises:
        InvalidRequestError: There is no text, or more than the vendor takes.
        UnsupportedError: The prompt has more than text.
    """
    parts = [part for message in request.messages for part in (*message.parts(), *(message.tool_calls or ()))]
    if request.tools or any(part.type != "text" for part in parts):
        raise UnsupportedError(
            "Cohere counts the tokens of text only; leave out tools, images and thinking, or make the call and read "
            "usage.",
            code="count_tokens",
        )
    # A space between turns becomes part of the word after it, and costs no token of its own.
    text = " ".join(message.text for message in request.messages if message.text)
    if not 1 <= len(text) <= _LONGEST:
        raise InvalidRequestError(
            f"The prompt has {len(text)} characters; Cohere counts 1 to {_LONGEST} at once. Count it in pieces."
        )
    return {"model": request.model, "text": text}


def read_count(body: bytes) -> int:
    """Return how many tokens there are.

    Raises:
        DecodeError: The body does not say.
    """
    tokens = load_object(body, "tokens").get("tokens")
    if not isinstance(tokens, list):
        raise DecodeError("Expected tokens, and something else came.", body=excerpt(body))
    return len(tokens)
