"""One item asked for: what every engine does with each."""

from __future__ import annotations

from typing import Any

from pydantic_core import to_json

from backbay import (
    AuthenticationError,
    BackbayError,
    Backend,
    ClosedError,
    InvalidCredentialError,
    MissingCredentialError,
    OverloadedError,
    QuotaExceededError,
    RateLimitError,
    Usage,
)

from .answers import chat_body, embeddings_body
from .bodies import chat_arguments, embedding_arguments
from .engine import Call, Failure, Item, Outcome
from .lines import Line, LineError, read_line

_ACCOUNT = (
    AuthenticationError,
    QuotaExceededError,
    MissingCredentialError,
    InvalidCredentialError,
    ClosedError,
)
"""Errors that the next line would have as well."""


async def ask(backend: Backend, item: Item) -> Outcome:
    """Ask for one item, and return how it came out. Whatever goes wrong is a failure of this item; nothing is raised.

    A backend that has a model of its own is asked for that one; otherwise the line's own model is.
    """
    if item.call is not None:
        return await _answer(backend, item.number, item.call)
    custom_id = ""
    try:
        line = read_line(item.line)
        custom_id = line.custom_id
        if line.kind == "chat":
            return await _chat(backend, item, line)
        return await _embed(backend, item, line)
    except LineError as failure:
        return _failed(item, custom_id, Failure(code=failure.code, message=failure.message, type="LineError"))
    except BackbayError as error:
        return _failed(item, custom_id, failure_of(error))
    except Exception as defect:  # noqa: BLE001 (a line that nobody foresaw must not end the batch)
        said = f"{type(defect).__name__}: {defect}"
        return _failed(item, custom_id, Failure(code="internal_error", message=said, type=type(defect).__name__))


async def _answer(backend: Backend, number: int, call: Call) -> Outcome:
    """Make a call of a program, which gets its answer, or its error, as they are."""
    try:
        ask = backend.complete_raw if call.raw else backend.complete
        response = await ask(call.prompt, **call.options)  # type: ignore[arg-type]
    except BackbayError as error:
        return Outcome(number=number, failure=failure_of(error), attempts=error.attempts, error=error)
    except Exception as defect:  # noqa: BLE001 (as for a line)
        said = f"{type(defect).__name__}: {defect}"
        failure = Failure(code="internal_error", message=said, type=type(defect).__name__)
        return Outcome(number=number, failure=failure, attempts=0)
    return Outcome(
        number=number,
        usage=_counts(response.usage),
        model=response.model or backend.model,
        attempts=response.attempts,
        response=response,
    )


async def _chat(backend: Backend, item: Item, line: Line) -> Outcome:
    messages, options = chat_arguments(line.body)
    model = backend.model or _model(line)
    if model is not None:
        options["model"] = model
    response = await backend.complete(messages, **options)
    return Outcome(
        number=item.number,
        custom_id=line.custom_id,
        body=to_json(chat_body(response, model)),
        usage=_counts(response.usage),
        model=response.model or model,
        attempts=response.attempts,
    )


async def _embed(backend: Backend, item: Item, line: Line) -> Outcome:
    texts, extra = embedding_arguments(line.body)
    model = backend.model or _model(line)
    found = await backend.embed(texts, model=model, extra=extra)
    usage = _counts(found.usage)
    if usage is not None and usage.output is None:
        usage = Usage(input=usage.input, output=0, cached=usage.cached)
    return Outcome(
        number=item.number,
        custom_id=line.custom_id,
        body=to_json(embeddings_body(found, model)),
        usage=usage,
        model=found.model or model,
        attempts=found.attempts,
    )


def failure_of(error: BackbayError) -> Failure:
    """Return an error as a failure of a line."""
    return Failure(
        code=error.code or _code(error),
        message=f"{error.message} {error.hint}" if error.hint else error.message,
        type=type(error).__name__,
        status=error.status,
        request_id=error.request_id,
        body=error.body,
        retryable=error.retryable,
        retry_after=error.retry_after,
        slow_down=isinstance(error, RateLimitError | OverloadedError) and not isinstance(error, QuotaExceededError),
        account=isinstance(error, _ACCOUNT),
        attempts=error.attempts,
    )


def _code(error: BackbayError) -> str:
    """Return the error's class in OpenAI's way of writing: ``RateLimitError`` becomes ``rate_limit``."""
    name = type(error).__name__.removesuffix("Error")
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).lstrip("_")


def _model(line: Line) -> str | None:
    model: Any = line.body.get("model")
    return model if isinstance(model, str) and model else None


def _counts(usage: Usage | None) -> Usage | None:
    """Return the counts alone, which is all that travels."""
    if usage is None:
        return None
    return Usage(usage.input, usage.output, usage.cached, usage.cache_written, usage.reasoning)


def _failed(item: Item, custom_id: str, failure: Failure) -> Outcome:
    return Outcome(number=item.number, custom_id=custom_id, failure=failure, attempts=failure.attempts)
