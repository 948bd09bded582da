"""The hook: one observer a call, and none where nobody listens."""

from __future__ import annotations

from typing import TYPE_CHECKING

from backbay.hooks import hookimpl

from . import configuring, sinks

if TYPE_CHECKING:
    from backbay.backend import Backend
    from backbay.capabilities import Capability
    from backbay.hooks import Observer
    from backbay.request import Request

configuring.make_named_providers()


@hookimpl()
def observe_call(
    backend: Backend, operation: Capability, model: str | None, request: Request | None
) -> Observer | None:
    """Begin the span of a call, with the caller's span as its parent; ``None`` if nobody listens."""
    listening = sinks.current()
    if listening is None:
        return None
    from .calls import begin

    return begin(listening, backend, operation, model, request)
