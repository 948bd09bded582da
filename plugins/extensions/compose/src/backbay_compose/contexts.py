"""Contexts: what came before, as a chain of spans that never changes. Adding to one gives another."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Self

from backbay.errors import InvalidRequestError

from .components import Component
from .errors import ContextTypeMismatchError
from .thunks import ModelOutputThunk
from .tools import ModelTool, as_tools
from .walks import checked

if TYPE_CHECKING:
    from .components import Span

_TOKEN = 4
# Bytes of text that count as one token, where only a rough count is needed.

_HEADROOM = 0.75
# Of a limit on tokens, since the count is rough.


class Context(ABC):
    """A chain of spans, the newest last. Every ``add`` shares all of the chain before it.

    A subclass says what of it a backend sees, in ``view_for_generation``; settings of its own it passes on by
    overriding ``_settings_to``.
    """

    def __init__(self) -> None:
        self._previous: Context | None = None
        self._data: Span | None = None
        self._length = 0

    def add(self, span: Span) -> Self:
        """Return this context with one more span behind it; this one stays as it is.

        Raises:
            SpanError: It is no span.
        """
        checked(span)
        return self._linked(self, span, self._length + 1)

    def _settings_to(self, made: Self) -> None:  # noqa: B027 (most contexts have none)
        """Give a new context of this chain the settings of this one."""

    @abstractmethod
    def view_for_generation(self) -> list[Span] | None:
        """Return what a backend sees, oldest first; ``None`` if that is no list."""

    @property
    def is_root_node(self) -> bool:
        """Whether nothing was added yet."""
        return self._previous is None

    @property
    def previous_node(self) -> Context | None:
        """The context that this one was made of; ``None`` at the root."""
        return self._previous

    @property
    def node_data(self) -> Span | None:
        """What was added last; ``None`` at the root."""
        return self._data

    @property
    def is_chat_context(self) -> bool:
        """Whether the view is a conversation."""
        return False

    def __len__(self) -> int:
        return self._length

    def __bool__(self) -> bool:
        # An empty context is one: ``given or ChatContext()`` must not take another in its place.
        return True

    def _backwards(self) -> Iterator[Span]:
        node: Context | None = self
        while node is not None and node.node_data is not None:
            yield node.node_data
            node = node.previous_node

    def as_list(self, last_n: int | None = None) -> list[Span]:
        """Return the spans, oldest first; the newest ``last_n`` of them, or all for ``None``.

        Raises:
            InvalidRequestError: ``last_n`` is negative.
        """
        if last_n is not None and last_n < 0:
            raise InvalidRequestError(f"last_n is {last_n}; it must be 0 or more, or None.")
        found: list[Span] = []
        for span in self._backwards():
            if last_n is not None and len(found) >= last_n:
                break
            found.append(span)
        found.reverse()
        return found

    def last_output(self, check_last_n: int = 3) -> ModelOutputThunk | None:
        """Return the newest thunk among the last ``check_last_n`` spans, or ``None``."""
        for span in reversed(self.as_list(check_last_n)):
            if isinstance(span, ModelOutputThunk):
                return span
        return None

    def last_turn(self) -> tuple[Span | None, ModelOutputThunk | None]:
        """Return the newest action and its result; ``None`` for what is not there."""
        last = self.as_list(2)
        if last and isinstance(last[-1], ModelOutputThunk):
            return (last[0] if len(last) == 2 else None), last[-1]
        return (last[-1] if last else None), None

    def actions_for_available_tools(self) -> list[Component[object]]:
        """Return the components of the view, oldest first, which may offer tools."""
        return [span for span in self.view_for_generation() or [] if isinstance(span, Component)]

    def __getstate__(self) -> dict[str, Any]:
        # As a list: a chain of objects that each hold the one before is deeper than pickle goes.
        return {**self.__dict__, "_previous": None, "_data": None, "_length": 0, "_chain": self.as_list()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        chain: list[Span] = state.pop("_chain")
        self.__dict__.update(state)
        node: Context = self._linked(None, None, 0)
        for span in chain[:-1]:
            node = node.add(span)
        if chain:
            self._previous, self._data, self._length = node, chain[-1], len(chain)

    def _linked(self, previous: Context | None, data: Span | None, length: int) -> Self:
        """Return a context with the settings of this one."""
        made = object.__new__(type(self))
        self._settings_to(made)
        made._previous, made._data, made._length = previous, data, length
        return made

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self._length}>"


class SimpleContext(Context):
    """A context that a backend sees nothing of: each generation stands by itself. ``as_list`` still has the chain."""

    def view_for_generation(self) -> list[Span]:
        """Return nothing."""
        return []


class ChatContext(Context):
    """A conversation, of which a backend sees all, or the newest part.

    Args:
        window_size: Spans that are seen at most, the newest; ``None`` for all.
        token_limit: Tokens that are seen at most, as a rough count has it (four bytes each, and a quarter is kept
            free); older spans are left out. ``None`` for no limit. Images and sounds count nothing.

    Raises:
        InvalidRequestError: One is less than 1.
    """

    def __init__(self, *, window_size: int | None = None, token_limit: int | None = None) -> None:
        super().__init__()
        for name, value in (("window_size", window_size), ("token_limit", token_limit)):
            if value is not None and value < 1:
                raise InvalidRequestError(f"{name} is {value}; it must be 1 or more, or None.")
        self._window_size = window_size
        self._token_limit = token_limit

    def _settings_to(self, made: Self) -> None:
        made._window_size, made._token_limit = self._window_size, self._token_limit

    @property
    def is_chat_context(self) -> bool:
        """It is."""
        return True

    def view_for_generation(self) -> list[Span]:
        """Return what is seen, oldest first."""
        found: list[Span] = []
        room = None if self._token_limit is None else int(self._token_limit * _HEADROOM * _TOKEN)
        for span in self._backwards():
            if self._window_size is not None and len(found) >= self._window_size:
                break
            if room is not None:
                room -= len(str(span).encode()) if not isinstance(span, Component) else _size_of(span)
                if room < 0 and found:
                    break
            found.append(span)
        found.reverse()
        return found


def _size_of(component: Component[object]) -> int:
    from .formatting import rough_text

    return len(rough_text(component).encode())


def added(context: Context, span: Span) -> Context:
    """Return ``context.add(span)``, which must be a context of the same type.

    Raises:
        ContextTypeMismatchError: It is not.
    """
    made = context.add(span)
    if type(made) is not type(context):
        raise ContextTypeMismatchError(
            f"add() of a {type(context).__name__} gave a {type(made).__name__}; it must give its own type."
        )
    return made


def offered_tools(context: Context, action: Span) -> dict[str, ModelTool]:
    """Return the tools that the components of a context offer, and then the action; a later name wins."""
    found: dict[str, ModelTool] = {}
    last = [action] if isinstance(action, Component) else []
    for component in [*context.actions_for_available_tools(), *last]:
        shown = component.format_for_llm()
        if not isinstance(shown, str) and shown.tools:
            found.update(as_tools(shown.tools))
    return found
