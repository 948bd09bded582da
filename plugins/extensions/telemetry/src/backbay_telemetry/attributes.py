"""What a span says of a request, an answer and an error. Nothing here is content, but for what ``content`` makes."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from . import names

if TYPE_CHECKING:
    from backbay.backend import Backend
    from backbay.errors import BackbayError
    from backbay.request import Request
    from backbay.response import Embeddings, Ranking, Response, Usage

Value = str | bool | int | float | list[str]
Attributes = dict[str, Value]

_NUMBERS: Mapping[str, str] = {
    "top_k": names.REQUEST_TOP_K,
    "frequency_penalty": names.REQUEST_FREQUENCY_PENALTY,
    "presence_penalty": names.REQUEST_PRESENCE_PENALTY,
}
# Fields of ``extra`` that many vendors have, and the conventions too.


def of_call(backend: Backend, operation: str, model: str | None) -> Attributes:
    """Return what a call is known by: on its span from the start, and on its metrics."""
    found: Attributes = {
        names.OPERATION: operation,
        names.PROVIDER: names.PROVIDERS.get(backend.spec.name, backend.spec.name),
    }
    if model is not None:
        found[names.REQUEST_MODEL] = model
    server = _server(getattr(backend, "base_url", None))
    if server is not None:
        found[names.SERVER_ADDRESS], found[names.SERVER_PORT] = server
    return found


@lru_cache(maxsize=256)
def _server(url: str | None) -> tuple[str, int] | None:
    parts = urlsplit(url or "")
    if not parts.hostname:
        return None
    return parts.hostname, parts.port or (80 if parts.scheme == "http" else 443)


def of_request(request: Request) -> Attributes:
    """Return the options of a request."""
    named = {
        names.REQUEST_TEMPERATURE: request.temperature,
        names.REQUEST_TOP_P: request.top_p,
        names.REQUEST_MAX_TOKENS: request.max_tokens,
        names.REQUEST_SEED: request.seed,
        names.REQUEST_STOP: list(request.stop) or None,
        names.REQUEST_REASONING: request.reasoning if isinstance(request.reasoning, str) else None,
        names.OUTPUT_TYPE: None if request.response_format is None else "json",
    }
    found: Attributes = {name: value for name, value in named.items() if value is not None}
    for field, name in _NUMBERS.items():
        value = request.extra.get(field)
        if isinstance(value, int | float) and not isinstance(value, bool):
            found[name] = value
    return found


def of_response(response: Response) -> Attributes:
    """Return what is known of an answer, whole or not, but for its tokens."""
    finish = names.FINISH_ERROR if response.finish is None else response.finish.value
    found: Attributes = {names.FINISH_REASONS: [finish], names.ATTEMPTS: response.attempts}
    if response.model is not None:
        found[names.RESPONSE_MODEL] = response.model
    if response.id is not None:
        found[names.RESPONSE_ID] = response.id
    if response.dropped:
        found[names.DROPPED] = list(response.dropped)
    return found


def of_facet(answer: Embeddings | Ranking) -> Attributes:
    """Return what is known of vectors or a ranking, but for its tokens."""
    found: Attributes = {names.ATTEMPTS: answer.attempts}
    if answer.model is not None:
        found[names.RESPONSE_MODEL] = answer.model
    vectors = getattr(answer, "vectors", None)
    if vectors:
        found[names.DIMENSIONS] = len(vectors[0])
    return found


def of_usage(usage: Usage) -> Attributes:
    """Return the tokens that the vendor counted; what it did not count is left out, and is not 0."""
    counted = {
        names.USAGE_INPUT: usage.input,
        names.USAGE_OUTPUT: usage.output,
        names.USAGE_CACHE_READ: usage.cached,
        names.USAGE_CACHE_WRITE: usage.cache_written,
        names.USAGE_REASONING: usage.reasoning,
    }
    return {name: count for name, count in counted.items() if count is not None}


def of_error(error: BackbayError) -> Attributes:
    """Return the facts of an error. Its words are left out: a vendor may repeat the prompt in them."""
    found: Attributes = {names.ATTEMPTS: error.attempts, names.RETRYABLE: error.retryable}
    if error.status is not None:
        found[names.HTTP_STATUS] = error.status
    if error.phase is not None:
        found[names.PHASE] = error.phase
    return found
