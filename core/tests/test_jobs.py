"""Jobs as data: what they hold, the codes of their errors, and the views of models and health (U9, U11, U12)."""

import pytest

from backbay import BackendHealth, BackendModel, Health, Job, ModelInfo, errors, job_error_code
from backbay.errors import InvalidRequestError
from backbay.jobs import with_model
from backbay.jsonbytes import JSONBody

CODES = {
    errors.ConnectError: "backend_unreachable",
    errors.LimitExceededError: "backend_timeout",
    errors.ModelNotFoundError: "model_not_loaded",
    errors.MissingCredentialError: "auth_rejected_by_backend",
    errors.InvalidCredentialError: "auth_rejected_by_backend",
    errors.AuthenticationError: "auth_rejected_by_backend",
    errors.PermissionDeniedError: "auth_rejected_by_backend",
}


def test_every_error_has_its_code():
    """U9: the error table; whatever it does not name is internal."""
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.BackbayError)]
    assert len(kinds) > 30
    for kind in kinds:
        wanted = next((code for cause, code in CODES.items() if issubclass(kind, cause)), "internal")
        assert job_error_code(kind("words")) == wanted, kind
    assert job_error_code(ValueError("of a sink")) == "internal"


def test_a_job_has_its_defaults():
    job = Job("j-1", "m-1", {"messages": []})
    assert (job.format, job.wire, job.deadline_ms, job.stream, dict(job.headers)) == (
        "openai",
        "openai_chat",
        60_000,
        None,
        {},
    )
    assert Job("j-1", "m-1", b"{}", "anthropic").wire == "anthropic_messages"
    assert Job("j-1", "m-1", b"{}", "openai_responses").wire == "openai_responses"


def test_a_job_does_not_show_its_prompt():
    assert "secret" not in repr(Job("j-1", "m-1", {"messages": "secret"}))


def test_a_job_takes_its_body_as_a_mapping_as_bytes_or_as_what_was_read():
    read = JSONBody(b'{"model":"m-1" , "n": 1.50}')
    assert Job("j-1", None, read).body() is read
    assert Job("j-1", None, read.data).body().data == read.data
    assert Job("j-1", None, {"model": "m-1"}).body().data == b'{"model":"m-1"}'
    assert with_model(read, "m-2").data == b'{"model":"m-2" , "n": 1.50}'
    with pytest.raises(InvalidRequestError, match="no JSON"):
        Job("j-1", None, b'{"model":').body()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("job_id", ""),
        ("job_id", 1),
        ("model_id", ""),
        ("model_id", 1),
        ("request", "text"),
        ("request", [1]),
        ("request", None),
        ("format", ""),
        ("format", None),
        ("deadline_ms", -1),
        ("deadline_ms", 1.5),
        ("deadline_ms", True),
        ("stream", 1),
        ("headers", [("a", "b")]),
    ],
)
def test_a_job_that_cannot_be_is_refused(field, value):
    with pytest.raises(InvalidRequestError, match=field):
        Job(**{"job_id": "j-1", "model_id": "m-1", "request": {}, field: value})


def test_a_models_view_keeps_what_jobs_need():
    """U11."""
    assert BackendModel.of(ModelInfo(id="m", context_window=8192, native=True)) == BackendModel("m", 8192, native=True)
    assert BackendModel.of(ModelInfo(id="m")) == BackendModel("m", None, native=False)


def test_a_healths_view_has_a_latency_only_where_it_is_reachable():
    """U12."""
    assert BackendHealth.of(Health(reachable=True, latency_ms=1.6)) == BackendHealth(reachable=True, latency_ms=2)
    down = Health(reachable=False, latency_ms=3.0, last_error="refused")
    assert BackendHealth.of(down) == BackendHealth(reachable=False, latency_ms=None, last_error="refused")
