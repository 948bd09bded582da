"""Errors as OpenAI's clients get them: classes that core reads back, and nothing of a backend in the words (U9)."""

from __future__ import annotations

import json
import pickle

import pytest

from backbay import errors
from backbay.errors import BackbayError
from backbay.http.errorbody import error_facts
from backbay.http.statuses import response_error
from backbay_gateway.dialects.openai_chat import DIALECT
from backbay_gateway.dialects.openai_errors import error_body, refuse, unknown_model
from backbay_gateway.dialects.openai_fields import unsupported, wrong
from backbay_gateway.dialects.scrubbing import scrub


def every_class() -> list[type[BackbayError]]:
    """Return every error class of core's."""
    found = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, BackbayError)]
    return sorted(found, key=lambda kind: kind.__name__)


SECRETS = (
    "Failed at http://10.0.0.7:8080/v1/chat/completions (host inference.corp.internal:8443, [::1]:9000, fe80::1:2:3) "
    "with key sk-proj-abc***2345, org-AbC123xyz789, AIzaSyD1234567890, Bearer abc.def; see /srv/models/secret.gguf, "
    'localhost:1234 gpu-7:8000. Traceback (most recent call last): File "/srv/app.py", line 1'
)
HIDDEN = (
    "10.0.0.7", "8080", "inference", "corp.", "::1", "9000", "fe80", "sk-", "2345", "org-", "AIza", "abc.def", "srv",
    "gguf", "localhost", "1234", "gpu-7", "Traceback", "app.py",
)  # fmt: skip


@pytest.mark.parametrize("kind", every_class(), ids=lambda kind: kind.__name__)
def test_no_error_tells_of_a_backends_address_key_or_stack(kind):
    error = kind(SECRETS)
    error.backend, error.hint, error.body = "acme:http://10.0.0.7:8080/v1", SECRETS, SECRETS
    for stream in (True, False):
        told = error_body(error) if stream else refuse(error, "req-1").body
        text = json.dumps(told)
        assert [word for word in HIDDEN if word in text] == []
    assert told["error"].keys() == {"message", "type", "param", "code"}
    assert told["error"]["message"]


@pytest.mark.parametrize("kind", every_class(), ids=lambda kind: kind.__name__)
def test_every_error_has_a_status_and_a_request_id(kind):
    told = DIALECT.refuse(kind("It failed."), "req-1")
    assert 400 <= told.status <= 599
    assert told.headers["x-request-id"] == "req-1"


WHOLE = (
    "messages.3.content: the value of 'response_format.json_schema' must be image/png or text/plain; gpt-4.1-mini, "
    "llama3.2:70b, qwen:72b and claude-opus-4.5 take 128000 tokens at 12.5 per second, user-supplied, e.g. a.b"
)


def test_what_an_upstream_says_of_a_request_is_told_as_it_is():
    assert scrub(WHOLE) == WHOLE
    error = errors.BadRequestError(f"The server answered 400: {WHOLE}", backend="acme")
    assert error_body(error)["error"]["message"].endswith(WHOLE)


@pytest.mark.parametrize(
    "kind",
    [
        errors.BadRequestError,
        errors.ContextLengthError,
        errors.ContentFilterError,
        errors.AuthenticationError,
        errors.PermissionDeniedError,
        errors.NotFoundError,
        errors.ModelNotFoundError,
        errors.RateLimitError,
        errors.QuotaExceededError,
        errors.OverloadedError,
        errors.ServerError,
    ],
)
def test_core_reads_its_own_class_back(kind):
    told = refuse(kind("It failed.", retry_after=3), "req-1")
    body = json.dumps(told.body).encode()
    back = response_error(told.status, told.headers, body, error_facts(body), redact=str)
    assert (type(back), back.request_id) == (kind, "req-1")
    if told.status in (429, 503):
        assert back.retry_after == 3
        assert told.headers["retry-after"] == "3"


def test_a_pause_is_told_in_whole_seconds_and_in_milliseconds():
    headers = refuse(errors.RateLimitError("x", retry_after=0.2), "r").headers
    assert (headers["retry-after"], headers["retry-after-ms"]) == ("1", "200")
    assert "retry-after" not in refuse(errors.RateLimitError("x"), "r").headers


def test_a_refused_capability_names_the_field_that_asked_for_it():
    error = errors.UnsupportedError("acme does not support tools.", code="forced_tool_choice", backend="acme")
    assert error_body(error)["error"]["param"] == "tool_choice"


def test_a_model_that_is_not_there_comes_with_the_nearest_names():
    error = unknown_model("locl:tiny", ["local:tiny", "acme:big"])
    assert "local:tiny" in error_body(error)["error"]["message"]
    assert "acme:gpt" in str(unknown_model("gpt", ["acme:gpt", "acme:other"]))
    assert "/v1/models" in str(unknown_model("zzz", []))
    assert len(error_body(unknown_model("x" * 10**6, ["local:tiny"]))["error"]["message"]) < 1000


def test_errors_of_fields_can_be_pickled():
    for error in (wrong("temperature", "It is wrong."), unsupported("n", "It cannot be.")):
        back = pickle.loads(pickle.dumps(error))
        assert (type(back), back.message, back.code, back.param) == (
            type(error),
            error.message,
            error.code,
            error.param,
        )
