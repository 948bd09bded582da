"""What goes wrong in a composition, beside what goes wrong in a call."""

from __future__ import annotations

from backbay.errors import BackbayError, InvalidRequestError, RequestError


class SpanError(InvalidRequestError, TypeError):
    """Something is no span: no block, no component and no thunk. Raised before any generation starts."""


class CycleError(SpanError):
    """A component contains itself."""


class ContextTypeMismatchError(RequestError, TypeError):
    """A context is none, or ``add`` gave another type of context than it was called on."""


class TemplateError(RequestError, ValueError):
    """A template is missing or wrong, or names what it is not given."""


class ComponentParseError(BackbayError, ValueError):
    """A result is not what its component, or its ``format``, reads. The thunk keeps its value."""


class ThunkError(BackbayError, RuntimeError):
    """A thunk is not in the state that this needs: it cannot be started, has ended, or is not computed yet."""
