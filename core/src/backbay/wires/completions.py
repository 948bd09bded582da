"""The completions wire: OpenAI's ``/completions``, which continues a text, and the servers that speak the same.

It stands beside the chat-completions wire, at the same address. Sources: OpenAI's API reference, Completions (legacy);
recorded traffic of OpenAI, Together and vLLM; for the form of an answer, the servers' own sources: vLLM and SGLang take
``response_format`` (``CompletionRequest`` of each, read on 2026-11-21), llama.cpp takes ``json_schema`` (seen with
xllamacpp 2026.10.11549, which passes over ``response_format``).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..errors import DecodeError, UnsupportedError
from ..http.codec import Decoded
from ..messages import ResponseFormat
from ..rawtext import raw_prompt
from ..request import Request
from .chat_body import format_of
from .chat_chunks import ChunkReader
from .reading import excerpt, load_object
from .streaming import with_partial
from .writing import refuse_owned

OWNED = frozenset(
    "model prompt stream stream_options max_tokens temperature top_p stop seed response_format n best_of".split()
)
"""Fields that Backbay writes, or that ask for several answers: one call has one."""

_ANY_OBJECT = {"type": "object"}
"""The schema of any JSON object, where there is no other word for one."""


def body_of(request: Request, quirks: Mapping[str, object]) -> dict[str, Any]:
    """Return the body that continues the text of ``request``, which stays as it is.

    Servers have a limit of their own where ``max_tokens`` is not given; for many it is 16 tokens.

    Args:
        request: The request.
        quirks: The wire's settings, as ``openai_chat`` has them.

    Raises:
        OptionConflictError: ``extra`` names fields that are written here.
        UnsupportedError: A form of the answer was asked for, and the server is not known to take one here.
    """
    form = _format(request.response_format, quirks.get("raw_schema"))
    refuse_owned(request.extra, OWNED | form.keys())
    body: dict[str, Any] = {} if request.model is None else {"model": request.model}
    body |= {"prompt": raw_prompt(request), "stream": False}
    for name in ("max_tokens", "temperature", "top_p", "seed"):
        if getattr(request, name) is not None:
            body[name] = getattr(request, name)
    if request.stop:
        body["stop"] = list(request.stop)
    return {**body, **form, **request.extra}


def decode(body: bytes) -> Decoded:
    """Return the text of a ``text_completion``, as the events of an answer.

    Raises:
        DecodeError: The body is no such answer.
        ResponseError: The body is an error, in spite of its status.
    """
    raw = load_object(body, "a completion")
    reader = ChunkReader(whole=True)
    events = list(reader.read(as_chunk(raw)))
    if reader.failure is None and not _choices(raw):
        reader.failure = DecodeError("The answer has no choices with a text.", body=excerpt(body), retryable=True)
    if reader.failure is None:
        events += reader.end()
    if reader.failure is not None:
        raise with_partial(reader.failure, events)
    return Decoded(events, raw)


def as_chunk(raw: Mapping[str, Any]) -> dict[str, Any]:
    """Return a body of this wire, whole or a piece of a stream, as the chunk of chat completions that says the same."""
    choices = [{**choice, "delta": {"content": choice["text"]}} for choice in _choices(raw)]
    return {**raw, "choices": choices}


def _choices(raw: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the choices, if they are what they must be; else none."""
    found = raw.get("choices")
    sound = isinstance(found, list) and all(
        isinstance(choice, dict) and isinstance(choice.get("text"), str) for choice in found
    )
    return found if sound and isinstance(found, list) else []


def _format(form: ResponseFormat | None, asked_by: object) -> dict[str, Any]:
    if form is None:
        return {}
    if asked_by == "response_format":
        return {"response_format": format_of(form, make_strict=False)}
    if asked_by == "json_schema":
        return {"json_schema": _ANY_OBJECT if form.schema_ is None else form.schema_}
    raise UnsupportedError(
        "A form of the answer has no place where this vendor continues a text as it is.",
        code="json_mode" if form.schema_ is None else "structured_output",
        hint="Leave response_format out and check the text, or ask with complete().",
    )
