"""Bodies of OpenAI's requests as arguments of a backend's calls. Pure functions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from backbay import InvalidRequestError

_SAME = (
    *("temperature", "top_p", "stop", "seed", "tools", "tool_choice", "parallel_tool_calls", "response_format"),
    *("max_tokens",),
)
"""Fields that our options have under the same name."""

_READ = frozenset({*_SAME, "model", "messages", "max_completion_tokens", "reasoning_effort", "stream", "n"})


def chat_arguments(body: Mapping[str, Any]) -> tuple[list[Any], dict[str, Any]]:
    """Return the messages and the options of ``Backend.complete`` for a chat completion.

    A field that our options have not goes to the vendor as it is, by ``extra``; one that is null is left out.

    Args:
        body: The request's body, as ``lines.read_line`` returns it. ``model`` is left to the caller.

    Raises:
        InvalidRequestError: Two fields say the same, and differ.
    """
    given = {name: value for name, value in body.items() if value is not None}
    options = {name: given[name] for name in _SAME if name in given}
    if "max_completion_tokens" in given:
        if options.get("max_tokens", given["max_completion_tokens"]) != given["max_completion_tokens"]:
            raise InvalidRequestError("max_tokens and max_completion_tokens say the same, and differ; give one.")
        options["max_tokens"] = given["max_completion_tokens"]
    if "reasoning_effort" in given:
        options["reasoning"] = given["reasoning_effort"]
    extra = {name: value for name, value in given.items() if name not in _READ}
    if extra:
        options["extra"] = extra
    return list(body["messages"]), options


def embedding_arguments(body: Mapping[str, Any]) -> tuple[list[str], dict[str, Any]]:
    """Return the texts, and the further fields for the vendor, of ``Backend.embed``.

    Args:
        body: As in ``chat_arguments``.

    Raises:
        InvalidRequestError: The vectors are wanted in base64, which no result file has.
    """
    given = body["input"]
    if body.get("encoding_format") not in (None, "float"):
        raise InvalidRequestError("encoding_format must be 'float', or be left out.")
    left = {"model", "input", "encoding_format"}
    extra = {name: value for name, value in body.items() if name not in left and value is not None}
    return [given] if isinstance(given, str) else list(given), extra
