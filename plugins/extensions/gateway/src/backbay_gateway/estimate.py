"""How many tokens a request may use at most, before anybody has counted them: what keys reserve."""

from __future__ import annotations

from collections.abc import Mapping

BYTES_A_TOKEN = 3
"""Bytes of a JSON body that are taken for one token. English text has more of them, so that this is too many tokens
rather than too few; text of images is counted like any other."""

ANSWER = 4096
"""Tokens of an answer where the client sets no limit."""

LARGEST = 10_000_000
"""Tokens of an answer that are reserved at most, whatever a client asks for."""

_LIMITS = ("max_completion_tokens", "max_output_tokens", "max_tokens")


def estimate(size: int, body: Mapping[str, object], *, answers: bool) -> tuple[int, int]:
    """Return the tokens of the prompt and of the answer.

    Args:
        size: Bytes of the body.
        body: The body, decoded.
        answers: Whether there is an answer to generate.
    """
    prompt = size // BYTES_A_TOKEN + 1
    if not answers:
        return prompt, 0
    options = body.get("options")
    places = (body, options) if isinstance(options, Mapping) else (body,)
    for place in places:
        for name in _LIMITS:
            limit = place.get(name)
            if isinstance(limit, int) and not isinstance(limit, bool) and limit > 0:
                return prompt, min(limit, LARGEST) * _choices(body)
    return prompt, ANSWER * _choices(body)


def _choices(body: Mapping[str, object]) -> int:
    number = body.get("n")
    return min(number, 128) if isinstance(number, int) and not isinstance(number, bool) and number > 0 else 1
