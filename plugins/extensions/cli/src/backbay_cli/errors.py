"""An error as a person reads it, as a program reads it, and as an exit code."""

from __future__ import annotations

import os
import traceback
from contextvars import ContextVar

from backbay import BackbayError, ConfigurationError, MissingCredentialError, RegistryError, RequestError

from . import exits
from .jsonable import JSON, as_json, print_json_line
from .safe_text import safe
from .terminal import say, say_folded, say_marked

_FIELDS = (
    *("message", "hint", "backend", "model", "status", "code", "retryable", "retry_after", "request_id"),
    *("attempts", "phase", "body", "partial", "limit", "seconds"),
)
_INDENT = "  "
debug: ContextVar[bool] = ContextVar("debug", default=False)
"""Whether ``--debug`` asks for tracebacks."""


def exit_code(error: BaseException) -> int:
    """Return the exit code for an error: was nothing sent, was it cut, or did it fail."""
    if isinstance(error, KeyboardInterrupt):
        return exits.INTERRUPTED
    if isinstance(error, RequestError | ConfigurationError | RegistryError):
        return exits.USAGE
    if isinstance(error, BackbayError) and error.partial is not None and _said_something(error):
        return exits.PARTIAL
    return exits.FAILED


def _said_something(error: BackbayError) -> bool:
    partial = error.partial
    return partial is not None and bool(partial.text or partial.thinking or partial.tool_calls)


def as_document(error: BaseException) -> dict[str, JSON]:
    """Return ``{"type", "message", ...}``: the error's class and all that it knows; ``None`` where it knows nothing."""
    found: dict[str, JSON] = {"type": type(error).__name__, "message": str(error), "exit_code": exit_code(error)}
    if isinstance(error, BackbayError):
        found.update({name: as_json(getattr(error, name)) for name in _FIELDS if hasattr(error, name)})
    return found


def report(error: BaseException, *, in_json: bool = False) -> int:
    """Print the error: on standard error, or ``in_json`` as a document on standard output. Return its exit code."""
    if in_json:
        print_json_line({"type": "error", "error": as_document(error)})
    else:
        tell(error)
    show_traceback(error)
    return exit_code(error)


def show_traceback(error: BaseException) -> None:
    """Print the traceback if it was asked for; without local variables, which may hold a key."""
    if debug.get() or os.environ.get("BACKBAY_DEBUG", "") not in ("", "0"):
        say(safe("".join(traceback.format_exception(error))), end="")


def tell(error: BaseException) -> None:
    """Print the error for a person: what happened, what to try, and the facts that its vendor's support asks for."""
    if not isinstance(error, BackbayError):
        say_marked("error:", f"{type(error).__name__}: {error}")
        say_folded("This is a defect. --debug, or BACKBAY_DEBUG=1, shows where.", indent=_INDENT)
        return
    say_marked("error:", error.message)
    if error.hint:
        say_folded(error.hint, indent=_INDENT)
    if isinstance(error, MissingCredentialError):
        say_folded("--api-key-env NAME says which variable has the key.", indent=_INDENT)
    facts = [
        ("", type(error).__name__),
        ("backend ", error.backend),
        ("model ", error.model),
        ("status ", error.status),
        ("code ", error.code),
        ("attempts ", error.attempts or None),
        ("request id ", error.request_id),
        ("retry after ", None if error.retry_after is None else f"{error.retry_after:g} s"),
    ]
    known = " · ".join(f"{name}{value}" for name, value in facts if value is not None)
    say_folded(known, indent=_INDENT, dimmed=True)


def report_usage(failure: Exception, *, in_json: bool = False) -> int:
    """Print what is wrong with the command line itself; return the exit code."""
    context = getattr(failure, "ctx", None)
    said = getattr(failure, "format_message", lambda: str(failure))()
    if in_json:
        print_json_line({"type": "error", "error": {"type": "UsageError", "message": said, "exit_code": exits.USAGE}})
        return exits.USAGE
    say_marked("error:", said)
    if context is not None:
        say_folded(f"Try: {context.command_path} --help", indent=_INDENT)
    return exits.USAGE
