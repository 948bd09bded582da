"""What came of a generation, whether it has come yet or not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from backbay.messages import Message
from backbay.response import Response

from .errors import SpanError, ThunkError
from .generation import Timing
from .metadata import GenerateLog, GenerationMetadata, GenerationNotes, log_of, metadata_of

if TYPE_CHECKING:
    from .thunks import ModelOutputThunk
    from .tools import ModelToolCall

_NEVER = object()


class Outcome:
    """The part of a thunk that can be read, copied and pickled. Its arguments and attributes are told there."""

    def __init__(
        self,
        value: str | None,
        meta: Mapping[str, object] | None,
        parsed_repr: object,
        tool_calls: Sequence[ModelToolCall],
    ) -> None:
        if value is not None and not isinstance(value, str):
            raise SpanError(f"A thunk's value is a string or None, not a {type(value).__name__}.")
        self._value = value
        self._response: Response | None = None
        self._cancelled = False
        self._parsed: object = _NEVER if parsed_repr is None else parsed_repr
        self.meta: dict[str, object] = dict(meta or {})
        self.tool_calls: tuple[ModelToolCall, ...] = tuple(tool_calls)
        self.error: BaseException | None = None
        self.notes = GenerationNotes()
        self.timing = Timing()
        self.prompt: Sequence[Message] = ()

    def is_computed(self) -> bool:
        """Whether ``value`` is there: generated to its end, or cancelled. A failed thunk never is."""
        return self._value is not None

    @property
    def is_done(self) -> bool:
        """Whether its outcome is set: computed, or failed."""
        return self._value is not None or self.error is not None

    @property
    def value(self) -> str | None:
        """The text; ``None`` until it is computed, also while it comes."""
        return self._value

    @property
    def cancelled(self) -> bool:
        """Whether it was ended before it was whole; ``value`` is what had come."""
        return self._cancelled

    @property
    def response(self) -> Response | None:
        """The whole answer, with usage and the rest; ``None`` until it is there, and where it was cancelled."""
        return self._response

    @property
    def metadata(self) -> GenerationMetadata:
        """What is known of the generation: models, tokens, times."""
        return metadata_of(self._response, self.timing, self.notes)

    @property
    def log(self) -> GenerateLog:
        """One record of all that went into it and came of it."""
        return log_of(cast("ModelOutputThunk", self))

    @property
    def parsed(self) -> Any:  # noqa: ANN401 (what the caller's own class gives)
        """What ``format``, or else its component, reads from it; the text itself where there is neither.

        Raises:
            ThunkError: It is not computed.
            ComponentParseError: The text is not what they read. The value stays.
        """
        if self._value is None:
            raise ThunkError("The thunk is not computed; await avalue() first.")
        if self._parsed is _NEVER:
            self._parsed = self.notes.read(cast("ModelOutputThunk", self))
        return self._parsed

    def __str__(self) -> str:
        return self._value or ""

    def __getstate__(self) -> dict[str, Any]:
        if self._value is None:
            raise ThunkError("A thunk that is not computed cannot be copied or pickled; await avalue() first.")
        state = {**self.__dict__, "notes": self.notes.kept()}
        if self._parsed is _NEVER:
            del state["_parsed"]
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update({"_parsed": _NEVER, **state})
