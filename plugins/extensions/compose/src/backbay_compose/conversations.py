"""Conversations about a context: what comes after it is all seen, whatever of the context itself is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from backbay.errors import UnsupportedError

from .components import Component, ToolResult
from .contexts import Context
from .errors import ContextTypeMismatchError
from .thunks import ModelOutputThunk

if TYPE_CHECKING:
    from .components import Span


class Continued(Context):
    """What is said after a context.

    The model sees what the context lets it see, and all that is added here: a repair needs the answer that it repairs,
    and a tool's result the call that it answers, also after a ``SimpleContext`` or behind a narrow window.

    Args:
        before: The context.

    Raises:
        ContextTypeMismatchError: It is none.
    """

    def __init__(self, before: Context) -> None:
        super().__init__()
        if not isinstance(before, Context):
            raise ContextTypeMismatchError(
                f"ctx is a {type(before).__name__}; give a Context, such as ChatContext() or SimpleContext()."
            )
        self._before = before

    def _settings_to(self, made: Self) -> None:
        made._before = self._before

    @property
    def is_chat_context(self) -> bool:
        """It is."""
        return True

    def view_for_generation(self) -> list[Span]:
        """Return what the context shows, and all that came after it.

        Raises:
            UnsupportedError: The context shows no list.
        """
        before = self._before.view_for_generation()
        if before is None:
            raise UnsupportedError(
                f"A {type(self._before).__name__} is no list of turns, and a backend takes nothing else."
            )
        return [*before, *self.as_list()]

    def actions_for_available_tools(self) -> list[Component[object]]:
        """Return the context's, and the components that came after it."""
        own = [span for span in self.as_list() if isinstance(span, Component)]
        return [*self._before.actions_for_available_tools(), *own]


def until(thunk: ModelOutputThunk, ctx: Context) -> Continued:
    """Return the conversation that led to a thunk, with what was asked at its end, and without the thunk.

    Args:
        thunk: The thunk.
        ctx: A context that has it, as ``generate_from_context`` returned it; or one that what was asked came after.

    Raises:
        ContextTypeMismatchError: ``ctx`` is no context.
    """
    Continued(ctx)  # Raises if it is none.
    node: Context | None = ctx
    while node is not None and node.node_data is not thunk:
        node = node.previous_node
    if node is None or node.previous_node is None:
        return Continued(ctx) if thunk.action is None else Continued(ctx).add(thunk.action)
    before = node.previous_node
    turn: list[Span] = []
    while (span := before.node_data) is not None and before.previous_node is not None and _belongs(span, turn):
        turn.append(span)
        before = before.previous_node
    asked = Continued(before)
    for span in reversed(turn):
        asked = asked.add(span)
    return asked


def _belongs(span: Span, later: list[Span]) -> bool:
    """Whether a span is part of a turn (what was asked, calls, results) whose later spans are given, newest first."""
    if isinstance(span, ModelOutputThunk):
        return bool(later) and isinstance(later[-1], ToolResult)
    return not later or isinstance(later[-1], ModelOutputThunk) or isinstance(span, ToolResult)
