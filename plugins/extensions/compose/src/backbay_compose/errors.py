"""What goes wrong in a composition, beside what goes wrong in a call."""

from __future__ import annotations

from typing import TYPE_CHECKING

from backbay.errors import BackbayError, InvalidRequestError, RequestError

if TYPE_CHECKING:
    from .contexts import Context
    from .thunks import ModelOutputThunk


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


class RequirementError(BackbayError):
    """Nobody can say whether a result meets a requirement: its check raised, or no answer of it can be read."""


class ToolRoundsError(BackbayError):
    """The model still wants tools called after as many rounds as it had.

    Attributes:
        context: All that was said, up to the results of the last calls that were made: a program can go on from it.
            ``None`` once the error was pickled.
        thunk: The answer after that, whose calls were not made. ``None`` once the error was pickled.
    """

    def __init__(self, message: str, *, context: Context | None = None, thunk: ModelOutputThunk | None = None) -> None:
        super().__init__(message)
        self.context = context
        self.thunk = thunk
