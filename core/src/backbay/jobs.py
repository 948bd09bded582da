"""Jobs: a caller's own request in a vendor's wire, relayed byte for byte, and what comes of it. Pure data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from .errors import (
    AuthenticationError,
    BackbayError,
    ConnectError,
    InvalidCredentialError,
    InvalidRequestError,
    LimitExceededError,
    MissingCredentialError,
    ModelNotFoundError,
    PermissionDeniedError,
)
from .jsonbytes import JSONBody
from .response import Health, JSONObject, ModelInfo

FORMATS: Mapping[str, str] = {"openai": "openai_chat", "anthropic": "anthropic_messages"}
"""Short names of formats, and the wires that they mean. Any other format is a wire's own name."""


@dataclass(frozen=True, slots=True)
class Job:
    """A request that a backend carries as it is.

    Attributes:
        job_id: The caller's name of the job.
        model_id: The model that must answer; ``None`` for the one that the backend was connected with.
        request: The body: a JSON object, or its bytes in UTF-8, of which all but the model stays as it is. It may
            leave the model out; one that names another is refused. Bytes in a ``backbay.jsonbytes.JSONBody`` that was
            read before are not read again.
        format: The wire that the body is written in: ``"openai"`` (chat completions), ``"anthropic"`` (messages), or
            the name of a wire, such as ``"openai_responses"``. It is never translated.
        deadline_ms: Milliseconds for everything, the sink's own time and retries included; 0 counts as 1.
        stream: Whether a streamed answer is wanted, where a wire says that in its address and not in the body; ``None``
            goes by the ``stream`` of the body. Means nothing on other wires.
        headers: Headers of the body's own, such as ``anthropic-beta``; over those of the backend. Not credentials.
    """

    job_id: str
    model_id: str | None
    request: JSONObject | bytes | JSONBody = field(repr=False)
    format: str = "openai"
    deadline_ms: int = 60_000
    stream: bool | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        problem = self._problem()
        if problem:
            raise InvalidRequestError(f"A job's {problem}.")

    @property
    def wire(self) -> str:
        """The name of the wire that ``format`` means."""
        return FORMATS.get(self.format, self.format)

    def body(self) -> JSONBody:
        """Return the request as the bytes of a JSON object.

        Raises:
            InvalidRequestError: It is none.
        """
        request = self.request
        if not isinstance(request, JSONBody):
            request = JSONBody(request) if isinstance(request, bytes) else JSONBody.of(request)
        request.check()
        return request

    def _problem(self) -> str | None:
        if not isinstance(self.job_id, str) or not self.job_id:
            return "job_id must be text, and not empty"
        if self.model_id is not None and (not isinstance(self.model_id, str) or not self.model_id):
            return "model_id must be text, and not empty; None takes the backend's own model"
        if not isinstance(self.request, (bytes, JSONBody, dict, Mapping)):
            return f"request must be a mapping or bytes, not a {type(self.request).__name__}"
        if not isinstance(self.format, str) or not self.format:
            return "format must be 'openai', 'anthropic' or the name of a wire"
        if isinstance(self.deadline_ms, bool) or not isinstance(self.deadline_ms, int) or self.deadline_ms < 0:
            return f"deadline_ms is {self.deadline_ms!r}; it must be a whole number of milliseconds, 0 or more"
        if not (self.stream is None or isinstance(self.stream, bool)):
            return f"stream is {self.stream!r}; it must be True, False or None"
        if not isinstance(self.headers, (dict, Mapping)):
            return "headers must be a mapping of names to values"
        return None


@dataclass(frozen=True, slots=True)
class JobResult:
    """How a job went. The answer itself went to the sink.

    Attributes:
        input_tokens: Prompt tokens, cached ones included, as they were seen going by; ``None`` if they were not.
            Advisory: nobody has checked them.
        output_tokens: Completion tokens, likewise.
        duration_ms: Milliseconds from the call to the last byte.
        attempts: How many times the request was sent.
        served_by: Id of the backend that answered, where ``fallback`` or ``route`` chose one; else ``None``.
    """

    input_tokens: int | None = None
    output_tokens: int | None = None
    duration_ms: int = 0
    attempts: int = 1
    served_by: str | None = None


class JobSink(Protocol):
    """Takes the bytes of an answer.

    It may also have ``async start(status: int, content_type: str)``, which is called once, before the first chunk, and
    for an empty answer too. Neither is called for an answer that is an error.
    """

    async def send_chunk(self, data: bytes) -> None:
        """Take some bytes of the body, as they came. Nothing more is read before this returns."""


@dataclass(frozen=True, slots=True)
class BackendModel:
    """A model that jobs can be sent to.

    Attributes:
        model_id: What a job names.
        context_window: Tokens of prompt and answer together; ``None`` if the vendor does not say.
        native: Whether it runs on a local engine, not at a hosted vendor.
    """

    model_id: str
    context_window: int | None = None
    native: bool = False

    @classmethod
    def of(cls, model: ModelInfo) -> BackendModel:
        """Return what jobs need to know of a model."""
        return cls(model_id=model.id, context_window=model.context_window, native=model.native)


@dataclass(frozen=True, slots=True)
class BackendHealth:
    """Whether a backend can be reached.

    Attributes:
        reachable: Whether it answered.
        latency_ms: Milliseconds that it took, rounded; ``None`` if it did not answer.
        last_error: What went wrong, or ``None``.
    """

    reachable: bool
    latency_ms: int | None = None
    last_error: str | None = None

    @classmethod
    def of(cls, health: Health) -> BackendHealth:
        """Return what jobs need to know of a backend's health."""
        known = health.reachable and health.latency_ms is not None
        latency = round(health.latency_ms) if known and health.latency_ms is not None else None
        return cls(reachable=health.reachable, latency_ms=latency, last_error=health.last_error)


def with_model(request: JSONObject | bytes | JSONBody, model: str) -> JSONObject | bytes | JSONBody:
    """Return a request, as it is given, that names ``model``, whatever it named before; the rest stays byte for byte.

    For a gateway, whose clients know a model by another name.

    Raises:
        InvalidRequestError: The bytes are no JSON object, or name two models.
    """
    if isinstance(request, bytes):
        return JSONBody(request).with_("model", model).data
    if isinstance(request, JSONBody):
        return request.with_("model", model)
    return {**request, "model": model}


_CODES: tuple[tuple[tuple[type[BackbayError], ...], str], ...] = (
    ((ConnectError,), "backend_unreachable"),
    ((LimitExceededError,), "backend_timeout"),
    ((ModelNotFoundError,), "model_not_loaded"),
    (
        (MissingCredentialError, InvalidCredentialError, AuthenticationError, PermissionDeniedError),
        "auth_rejected_by_backend",
    ),
)


def job_error_code(error: BaseException) -> str:
    """Return the code of a job that failed.

    ``"backend_unreachable"``: no connection could be made. ``"backend_timeout"``: the deadline, or another limit, ran
    out. ``"model_not_loaded"``: the vendor does not know the model. ``"auth_rejected_by_backend"``: there is no key, or
    the vendor does not take it. ``"internal"``: anything else, what the sink raised too.
    """
    return next((code for kinds, code in _CODES if isinstance(error, kinds)), "internal")
