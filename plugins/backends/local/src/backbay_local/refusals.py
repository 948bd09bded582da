"""What the engine refuses, as typed errors."""

from __future__ import annotations

from collections.abc import Mapping

from backbay.errors import (
    BackbayError,
    BadRequestError,
    ContextLengthError,
    OverloadedError,
    ResponseError,
    ServerError,
)
from backbay.http.errorbody import facts_of
from backbay.http.statuses import classify
from backbay.request import Request
from backbay.response import Finish, Response


def engine_error(answer: Mapping[str, object]) -> ResponseError:
    """Return the error for an answer ``{"error": {"code", "type", "message"}}``, which the engine returns or streams.

    The code is an HTTP status, though no HTTP is spoken.
    """
    facts = facts_of(answer)
    inner = answer.get("error")
    status = inner.get("code") if isinstance(inner, Mapping) else None
    kind = classify(status if isinstance(status, int) else 500, facts)
    too_long = issubclass(kind, ContextLengthError)
    return kind(
        f"The engine refused the request: {facts.message}",
        code=facts.code,
        # The same engine gives the same answer, unless it is only busy.
        retryable=issubclass(kind, OverloadedError),
        hint="Shorten the conversation, or connect with a larger context= (tokens)." if too_long else None,
    )


def check_form(answer: Response, request: Request) -> Response:
    """Return ``answer``, if it has the form that was asked for.

    Where a text is continued, the engine passes over a schema that it does not understand, and says nothing.

    Raises:
        BadRequestError: The answer ended by itself and is no JSON, though a form was asked for.
    """
    if request.response_format is None or answer.finish is not Finish.STOP:
        return answer
    try:
        answer.json()
    except ValueError:
        raise BadRequestError(
            "The engine did not keep to response_format: what it gave is no JSON.",
            hint="Check the schema. complete() with the same one says what the engine does not understand in it.",
        ) from None
    return answer


def raised_by_engine(failure: BaseException) -> BaseException:
    """Return what to raise for what the engine raised: ``ValueError`` is a bad request, ``RuntimeError`` a failure."""
    typed: BackbayError
    if isinstance(failure, BackbayError):
        return failure
    if isinstance(failure, ValueError):
        typed = BadRequestError(f"The engine refused the request: {failure}")
    elif isinstance(failure, RuntimeError):
        typed = ServerError(f"The engine failed: {failure}")
    else:
        return failure
    typed.__cause__ = failure
    return typed
