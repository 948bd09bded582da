"""Every error that Backbay raises, and nothing else.

    BackbayError
    ├── RegistryError                     while resolving a name; no I/O has happened
    │   ├── UnknownBackendError           no installed plugin has that name (also a LookupError)
    │   ├── AmbiguousBackendError         two distributions claim the name
    │   ├── ReservedBackendError          the name belongs to another distribution than the one that claims it
    │   ├── BackendImportError            the plugin fails to import (also an ImportError)
    │   ├── IncompatibleBackendError      the plugin wants another core version or protocol edition
    │   ├── DisabledBackendError          BACKBAY_PLUGINS leaves the plugin out
    │   └── PluginContractError           the entry point is not a BackendSpec (also a TypeError)
    ├── ConfigurationError                the set-up cannot work; no I/O has happened (also a ValueError)
    │   ├── MissingCredentialError        a key is required and none was found
    │   └── InvalidCredentialError        the key could never be sent in a header
    ├── RequestError                      the request cannot work; no I/O has happened
    │   ├── InvalidRequestError           a value or a combination is wrong (also a ValueError)
    │   ├── UnknownOptionError            no such option (also a TypeError)
    │   ├── OptionConflictError           ``extra`` names a field that Backbay owns (also a ValueError)
    │   └── UnsupportedError              the backend cannot do this
    ├── TransportError                    no whole response came
    │   ├── ConnectError                  no connection: refused, DNS, TLS
    │   └── ConnectionLostError           the connection broke after it was made
    ├── LimitExceededError                a limit of the caller's ran out (also a TimeoutError)
    ├── ResponseError                     the vendor answered, and the answer is an error
    │   ├── BadRequestError               400, 413, 422 and any other 4xx
    │   │   ├── ContextLengthError        the prompt does not fit the model
    │   │   └── ContentFilterError        the vendor refused the content
    │   ├── AuthenticationError           401, or a vendor's code for a bad key
    │   ├── PermissionDeniedError         403, 451
    │   ├── NotFoundError                 404 for something that is not a model
    │   │   └── ModelNotFoundError        the model does not exist, or is not this key's to use
    │   ├── RateLimitError                429
    │   │   └── QuotaExceededError        402; the account has nothing left: waiting does not help
    │   ├── OverloadedError               503 and 529
    │   └── ServerError                   any other 5xx
    ├── ProtocolError                     what came is not what the wire promises
    │   ├── DecodeError                   the bytes cannot be read as an answer
    │   ├── TooLargeError                 a line or a body passes a size limit
    │   └── TruncatedError                the stream ended before the vendor said that it finished
    ├── ClosedError                       the backend or the stream was closed (also a RuntimeError)
    └── LoopError                         a synchronous call on an event loop's own thread (also a RuntimeError)

Classification goes by the vendor's own code, then the HTTP status, then the plain class; never by a message's words.
"""

from __future__ import annotations

TYPE_CHECKING = False  # That of typing would load it, which takes longer than all of this.
if TYPE_CHECKING:
    from typing import Literal

    from .response import Response

    Phase = Literal["prepare", "connect", "wait", "stream", "decode"]
    """Where a call was when it failed: before any I/O, connecting, waiting for the first byte, reading, or decoding."""
else:
    Phase = str

_CONTEXT = (
    "backend",
    "model",
    "status",
    "code",
    "retryable",
    "retry_after",
    "request_id",
    "attempts",
    "phase",
    "partial",
    "body",
    "hint",
    "errors",
)


class BackbayError(Exception):
    """The base of every error of this library. Picklable; never holds a credential.

    Attributes:
        message: What happened, in one or two sentences.
        backend: Id of the backend (``"openai:http://127.0.0.1:8080/v1"``), or ``None`` before there is one.
        model: The model that was asked for, or ``None``.
        status: HTTP status, or ``None`` where there was no response.
        code: The vendor's own error code or type, as it sent it, or ``None``.
        retryable: Whether the same call may work later.
        retry_after: Seconds that the vendor asked to wait; ``None`` if it did not say.
        request_id: The vendor's id of the request, for its support; ``None`` if it gave none.
        attempts: How many times the request was sent; 0 means that no I/O happened.
        phase: Where the call was.
        partial: What had been received of the answer, or ``None`` if nothing had.
        body: At most 2000 characters of the vendor's error body, or ``None``.
        hint: What to try, or ``None``.
        errors: What other backends failed with that ``fallback`` asked for the same call, in order; else ``()``.
    """

    def __init__(
        self,
        message: str,
        *,
        backend: str | None = None,
        model: str | None = None,
        status: int | None = None,
        code: str | None = None,
        retryable: bool = False,
        retry_after: float | None = None,
        request_id: str | None = None,
        attempts: int = 0,
        phase: Phase | None = None,
        partial: Response | None = None,
        body: str | None = None,
        hint: str | None = None,
        errors: tuple[BackbayError, ...] = (),
    ) -> None:
        super().__init__(message)
        self.message = message
        self.backend = backend
        self.model = model
        self.status = status
        self.code = code
        self.retryable = retryable
        self.retry_after = retry_after
        self.request_id = request_id
        self.attempts = attempts
        self.phase = phase
        self.partial = partial
        self.body = body
        self.hint = hint
        self.errors = errors

    def __str__(self) -> str:
        about = [f"{name} {value}" for name, value in self._facts() if value is not None]
        text = self.message + (f" [{', '.join(about)}]" if about else "")
        return f"{text} {self.hint}" if self.hint else text

    def _facts(self) -> list[tuple[str, object]]:
        return [
            ("backend", self.backend),
            ("model", self.model),
            ("status", self.status),
            ("code", self.code),
            ("attempts", self.attempts or None),
            ("request id", self.request_id),
            ("others", "; ".join(f"{error.backend}: {type(error).__name__}" for error in self.errors) or None),
        ]

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild, (type(self), self.message, {name: getattr(self, name) for name in _CONTEXT}))


def _rebuild(kind: type[BackbayError], message: str, context: dict[str, object]) -> BackbayError:
    error = kind(message)
    for name, value in context.items():
        setattr(error, name, value)
    return error


class RegistryError(BackbayError):
    """A backend name could not be turned into a spec. No I/O has happened."""


class UnknownBackendError(RegistryError, LookupError):
    """No installed plugin registers this name."""


class AmbiguousBackendError(RegistryError):
    """Two or more distributions register this name; the message names each."""


class ReservedBackendError(RegistryError):
    """The name belongs to a distribution of the Backbay project, and another one claims it; the message names both."""


class BackendImportError(RegistryError, ImportError):
    """The plugin raised while it was imported; the cause is chained."""


class IncompatibleBackendError(RegistryError):
    """The plugin was made for another version of Backbay."""


class DisabledBackendError(RegistryError):
    """The plugin is installed, and ``BACKBAY_PLUGINS`` does not allow it."""


class PluginContractError(RegistryError, TypeError):
    """The entry point resolves to something that is not a valid ``BackendSpec``."""


class ConfigurationError(BackbayError, ValueError):
    """The backend cannot be set up like this. No I/O has happened."""


class MissingCredentialError(ConfigurationError):
    """The vendor wants a key, and neither an argument nor the environment has one."""


class InvalidCredentialError(ConfigurationError):
    """The key has characters that cannot stand in a header. The message never shows it."""


class RequestError(BackbayError):
    """The request itself cannot work. No I/O has happened."""


class InvalidRequestError(RequestError, ValueError):
    """A value, or a combination of values, in the request is wrong."""


class UnknownOptionError(RequestError, TypeError):
    """There is no option of that name."""


class OptionConflictError(RequestError, ValueError):
    """``extra`` names fields that Backbay itself writes."""


class UnsupportedError(RequestError):
    """The backend, or the model, cannot do what was asked."""


class TransportError(BackbayError):
    """No whole response came."""


class ConnectError(TransportError):
    """No connection could be made: refused, unknown host, TLS failure."""


class ConnectionLostError(TransportError):
    """The connection broke, or HTTP framing was violated, after the connection was made."""

    stale = False
    """Whether it had served others, and broke before anything came: the server, most likely, had just closed it."""


class LimitExceededError(BackbayError, TimeoutError):
    """One of ``Limits`` ran out; ``limit`` says which, ``seconds`` how long it was."""

    def __init__(self, message: str, *, limit: str = "", seconds: float = 0.0) -> None:
        super().__init__(message)
        self.limit = limit
        self.seconds = seconds

    def __reduce__(self) -> tuple[object, ...]:
        context = {name: getattr(self, name) for name in (*_CONTEXT, "limit", "seconds")}
        return (_rebuild, (type(self), self.message, context))


class ResponseError(BackbayError):
    """The vendor answered with an error."""


class BadRequestError(ResponseError):
    """The vendor did not accept the request (400, 413, 422 and other 4xx)."""


class ContextLengthError(BadRequestError):
    """The prompt, or prompt and ``max_tokens`` together, do not fit the model's context window."""


class ContentFilterError(BadRequestError):
    """The vendor's content policy refused the prompt."""


class AuthenticationError(ResponseError):
    """The vendor did not accept the key."""


class PermissionDeniedError(ResponseError):
    """The key is known, and may not do this."""


class NotFoundError(ResponseError):
    """The URL does not exist at this server."""


class ModelNotFoundError(NotFoundError):
    """The vendor does not know the model, or does not let this key use it."""


class RateLimitError(ResponseError):
    """Too many requests; ``retry_after`` says how long to wait, where the vendor did."""


class QuotaExceededError(RateLimitError):
    """The account's quota is used up. Waiting does not help, so it is not retryable."""


class OverloadedError(ResponseError):
    """The vendor, or the model, has no capacity at the moment."""


class ServerError(ResponseError):
    """The vendor failed (5xx)."""


class ProtocolError(BackbayError):
    """What came is not what this wire promises."""


class DecodeError(ProtocolError):
    """The bytes of an answer cannot be read: no JSON, an HTML page, a wrong shape, an empty body."""


class TooLargeError(ProtocolError):
    """A line, an event or a body is larger than Backbay is willing to hold."""


class TruncatedError(ProtocolError):
    """The stream ended before the vendor said that it finished; ``partial`` has what came."""


class ClosedError(BackbayError, RuntimeError):
    """The backend, or the stream, is closed."""


class LoopError(BackbayError, RuntimeError):
    """A synchronous method was called on the thread of a running event loop, which it would block."""
