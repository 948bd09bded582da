"""Requests as the engine's bodies, and its vectors as ours."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from backbay.errors import ContextLengthError, DecodeError, OptionConflictError, ServerError
from backbay.request import Request
from backbay.response import Embeddings, Usage
from backbay.wires import completions
from backbay.wires.chat_body import body_of
from backbay.wires.writing import to_bytes

from .plans import Plan
from .refusals import engine_error

INPUTS_AT_ONCE = 32
"""Texts that are embedded as one piece of work, between which others get their turn."""

_QUIRKS = {"thinking_field": "reasoning_content"}
_RAW_QUIRKS = {"raw_schema": "json_schema"}
_OWNED = frozenset({"model", "input", "content", "encoding_format"})


def chat_body(request: Request, *, greedy: bool) -> dict[str, object]:
    """Return the body for a streamed answer.

    Args:
        request: What was asked.
        greedy: Whether the temperature is 0 where the request has none.

    Raises:
        RequestError: The request has no place in the engine's format, or is no text.
    """
    return _streamed(body_of(_with_choice(request), _QUIRKS, stream=True), greedy=greedy)


def raw_body(request: Request, *, greedy: bool) -> dict[str, object]:
    """Return the body that continues a text as it is, streamed; as ``chat_body`` otherwise."""
    return _streamed({**completions.body_of(request, _RAW_QUIRKS), "stream": True}, greedy=greedy)


def _streamed(body: dict[str, object], *, greedy: bool) -> dict[str, object]:
    if greedy:
        body.setdefault("temperature", 0.0)
    # Chunks while the prompt is read: only at a chunk can the engine be stopped.
    body["return_progress"] = True
    to_bytes(body)
    return body


def _with_choice(request: Request) -> Request:
    """Say the tool choice so that it holds: the engine takes a name for ``auto``, and offers the tools at ``none``."""
    if request.tool_choice == "none":
        return request.model_copy(update={"tools": (), "tool_choice": None, "parallel_tool_calls": None})
    if request.tool_choice in (None, "auto", "required"):
        return request
    named = tuple(tool for tool in request.tools if tool.name == request.tool_choice)
    return request.model_copy(update={"tools": named, "tool_choice": "required"})


def embedding_bodies(inputs: Sequence[str], extra: Mapping[str, object]) -> Iterator[dict[str, object]]:
    """Yield the bodies that embed ``inputs``, each with ``INPUTS_AT_ONCE`` at most.

    Raises:
        OptionConflictError: ``extra`` names fields that are written here.
        InvalidRequestError: An input is no text.
    """
    taken = sorted(_OWNED & set(extra))
    if taken:
        raise OptionConflictError(f"extra names fields that Backbay writes: {', '.join(taken)}.")
    for start in range(0, len(inputs), INPUTS_AT_ONCE):
        body: dict[str, object] = {"input": list(inputs[start : start + INPUTS_AT_ONCE]), **extra}
        to_bytes(body)
        yield body


def read_vectors(answer: Mapping[str, object], body: Mapping[str, object], plan: Plan) -> Embeddings:
    """Return the vectors of one body, in the order of its inputs: shape (n_inputs, n_dimensions).

    Raises:
        ContextLengthError: An input is longer than the engine's context.
        ResponseError: The engine refused.
        DecodeError: The answer has not as many vectors as there were inputs.
    """
    inputs = body["input"]
    assert isinstance(inputs, list)
    if "error" in answer:
        error = engine_error(answer)
        longest = max(len(text.encode()) for text in inputs)
        # The engine has no code of its own for this; a token is a byte at least.
        if type(error) is ServerError and longest > plan.context:
            raise ContextLengthError(
                f"An input does not fit: {error.message}",
                code=error.code,
                hint=f"An input may have {plan.context} tokens (context=); the longest here has {longest} bytes.",
            )
        raise error
    data, usage = answer.get("data"), answer.get("usage")
    if not isinstance(data, list) or len(data) != len(inputs):
        raise DecodeError(f"The engine gave no {len(inputs)} vectors.")
    vectors = [item["embedding"] for item in sorted(data, key=lambda item: int(item["index"]))]
    tokens = usage.get("prompt_tokens") if isinstance(usage, Mapping) else None
    return Embeddings(vectors=vectors, model=plan.name, usage=Usage(input=tokens if isinstance(tokens, int) else None))


def joined(parts: Sequence[Embeddings]) -> Embeddings:
    """Return the vectors of all bodies, in order, and the sum of their tokens."""
    counts = [part.usage.input for part in parts if part.usage is not None]
    total = sum(count for count in counts if count is not None) if None not in counts else None
    return Embeddings(
        vectors=[vector for part in parts for vector in part.vectors],
        model=parts[0].model,
        usage=Usage(input=total),
    )
