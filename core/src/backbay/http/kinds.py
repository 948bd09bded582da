"""What a vendor's error code, and what an HTTP status, means as an error class. Tables, and nothing else."""

from __future__ import annotations

from ..errors import (
    AuthenticationError,
    BadRequestError,
    ContentFilterError,
    ContextLengthError,
    ModelNotFoundError,
    NotFoundError,
    OverloadedError,
    PermissionDeniedError,
    QuotaExceededError,
    RateLimitError,
    ResponseError,
    ServerError,
)

# Codes and types that mean one thing at every vendor that sends them. Seen in recorded traffic of the vendor named
# beside them; those marked "documented" are from OpenAI's guide to error codes.
_BY_CODE: dict[str, type[ResponseError]] = {
    "model_not_found": ModelNotFoundError,  # OpenAI, Groq
    "model_decommissioned": ModelNotFoundError,  # Groq, with status 400
    "invalid_model": ModelNotFoundError,  # Mistral, as the type
    "DeploymentNotFound": ModelNotFoundError,  # Azure
    "context_length_exceeded": ContextLengthError,  # OpenAI
    "exceed_context_size_error": ContextLengthError,  # llama.cpp, as the type
    "too_many_prompt_tokens": ContextLengthError,  # Perplexity, as the type
    "content_filter": ContentFilterError,  # Azure
    "content_policy_violation": ContentFilterError,  # documented
    "invalid_api_key": AuthenticationError,  # OpenAI, Groq, Perplexity
    "authentication_error": AuthenticationError,  # llama.cpp, Anthropic, DeepSeek, as the type
    "permission_error": PermissionDeniedError,  # Anthropic and llama.cpp document it, as the type
    "insufficient_quota": QuotaExceededError,  # documented, and the type of the four after it
    "credit_balance_exhausted": QuotaExceededError,
    "organization_spend_limit_exceeded": QuotaExceededError,
    "organization_usage_limit_exceeded": QuotaExceededError,
    "project_spend_limit_exceeded": QuotaExceededError,
    "billing_hard_limit_reached": QuotaExceededError,  # OpenAI's former word for it
    "billing_not_active": QuotaExceededError,  # OpenAI, an account that does not pay
    "rate_limit_exceeded": RateLimitError,  # OpenAI
    "slow_down": RateLimitError,  # documented
    "rate_limit_error": RateLimitError,  # Anthropic, as the type
    "RateLimitReached": RateLimitError,  # Azure
    "too_many_requests": RateLimitError,  # Google
    "overloaded_error": OverloadedError,  # Anthropic, as the type
    "unavailable_error": OverloadedError,  # llama.cpp, as the type, while it loads the model
}

# Types so general that an HTTP status says more, where there is one: OpenAI has invalid_request_error on a 401 and a
# 403 too, Ollama api_error on a 401.
_GENERAL: dict[str, type[ResponseError]] = {
    "invalid_request_error": BadRequestError,
    "not_found_error": NotFoundError,
    "server_error": ServerError,
    "api_error": ServerError,
}

_BY_STATUS: dict[int, type[ResponseError]] = {
    401: AuthenticationError,
    402: QuotaExceededError,  # OpenRouter and DeepSeek: nothing is left on the account
    403: PermissionDeniedError,
    404: NotFoundError,
    429: RateLimitError,
    451: PermissionDeniedError,
    503: OverloadedError,
    529: OverloadedError,  # Anthropic
}


def kind_of_code(code: str | None, *, general: bool = False) -> type[ResponseError] | None:
    """Return the error class that a vendor's code or type means, or ``None`` if it says nothing for certain.

    Args:
        code: The code, as the vendor sent it.
        general: Whether to take a general type (``"server_error"``) for an answer; for where there is no error status.
    """
    if code is None:
        return None
    found = _BY_CODE.get(code)
    return _GENERAL.get(code) if found is None and general else found


def kind_of_status(status: int) -> type[ResponseError]:
    """Return the error class of an HTTP status: any number will do, and ``ResponseError`` is what is left over."""
    found = _BY_STATUS.get(status)
    if found is not None:
        return found
    if 400 <= status <= 499:
        return BadRequestError
    return ServerError if 500 <= status <= 599 else ResponseError
