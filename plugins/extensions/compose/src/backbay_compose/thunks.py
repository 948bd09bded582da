"""The thunk: a result that may still be on its way, as a value that can be awaited, read, embedded and shared."""

from __future__ import annotations

import weakref
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

from backbay.events import Event, Text

from .errors import ThunkError
from .generation import Generation, Work
from .metadata import GenerationNotes
from .outcomes import Outcome
from .tools import ModelToolCall, bound

if TYPE_CHECKING:
    from .components import Span

T = TypeVar("T")


def _delta(event: Event) -> str | None:
    return event.delta if type(event) is Text else None


class ModelOutputThunk(Outcome):
    """What a model said, or will say.

    Any number of tasks may await it, read its pieces, or hold it in prompts of their own: it is generated once, and its
    outcome is set once. A failure is raised to each of them, the same each time. While it is computed it belongs to
    one event loop; after that it can be used anywhere, copied and pickled.

        thunk, context = await composer.generate_from_context(CBlock("Why is the sky blue?"), ChatContext())
        async for piece in thunk:
            print(piece, end="")

    Args:
        value: The text of a thunk that is computed already, ``""`` too; ``None`` for one that no work stands behind.
        meta: What the program wants to remember with it.
        parsed_repr: What its component reads from it, where that is known.
        tool_calls: The calls that the model wants made, in order.

    Attributes:
        meta: As given.
        tool_calls: As given; once computed, the model's, each bound to its tool or with an ``error``.
        error: Why there is no value, or only an empty one (a soft failure of ``generate_from_raw``); else ``None``.
        action: What it was generated for, or ``None``.
        notes: What was decided for its generation: options that were dropped, conflicts, the strategy for its format.
        timing: When it was started, sent, and done.
        waits_for: Thunks that had to be computed before its prompt was whole.
        prompt: The messages that were sent, where the composer records them; else empty.
    """

    def __init__(
        self,
        value: str | None = None,
        meta: Mapping[str, object] | None = None,
        parsed_repr: object = None,
        tool_calls: Sequence[ModelToolCall] = (),
    ) -> None:
        super().__init__(value, meta, parsed_repr, tool_calls)
        self._generation: Generation | None = None
        self._streamed: int | None = None
        self._trace: TracebackType | None = None
        self.action: Span | None = None
        self.waits_for: tuple[ModelOutputThunk, ...] = ()

    @classmethod
    def of(
        cls, work: Work, *, action: Span, notes: GenerationNotes, waits_for: tuple[ModelOutputThunk, ...] = ()
    ) -> Self:
        """Return the thunk of some work, which begins with whoever starts or awaits it first.

        Args:
            work: Makes the answer.
            action: What it is made for.
            notes: What was decided for it.
            waits_for: Thunks that ``work`` awaits, for those who want to see why it waits.
        """
        made = cls()
        made._generation = generation = Generation(work)
        made.action, made.notes, made.waits_for = action, notes, waits_for
        made.timing = generation.timing
        held = weakref.ref(made)

        def ended() -> None:
            if (thunk := held()) is not None:
                thunk._adopt(generation)  # noqa: SLF001 (of this class)

        generation.on_end[ended] = None
        return made

    def __repr__(self) -> str:
        if self._value is not None:
            text = self._value if len(self._value) <= 40 else f"{self._value[:39]}…"
            return f"<ModelOutputThunk {'cancelled after ' if self._cancelled else ''}{text!r}>"
        state = "failed" if self.error else "not started"
        if self._generation is not None and self._generation.started and not self.error:
            state = f"{len(self._generation.events)} events so far"
        return f"<ModelOutputThunk {state}>"

    # How it is had.

    async def avalue(self) -> str:
        """Return the text, once it is there; starts the work if nobody has.

        Raises:
            ThunkError: No work stands behind it.
            LoopError: It is being computed on another loop.
            Exception: What the generation failed with, the same object each time.
        """
        if self._value is None:
            if self.error is None:
                await self._work().finished()
            self._raise_failure()
        assert self._value is not None
        return self._value

    async def wait(self) -> None:
        """Return once the outcome is set, whatever it is; starts the work if nobody has.

        Raises:
            ThunkError: No work stands behind it.
            LoopError: It is being computed on another loop.
        """
        if not self.is_done:
            await self._work().finished()

    async def astream(self) -> str:
        """Return the text that is new since the last call, waiting until there is some; ``""`` if none is left.

        For one reader; ``async for`` serves any number.

        Raises:
            ThunkError: It is computed, and all of it was given.
            Exception: As ``avalue`` raises.
        """
        generation = self._generation
        if generation is None:
            self._raise_failure()
            raise ThunkError("The thunk is computed; its text is in value.")
        seen = self._streamed or 0
        while True:
            found = generation.events[seen:]
            self._streamed = seen = seen + len(found)
            text = "".join(event.delta for event in found if type(event) is Text)
            if generation.done:
                self._generation = None
                if not text:
                    self._raise_failure()
            if text or generation.done:
                return text
            await generation.more(seen)

    def events(self) -> AsyncIterator[Event]:
        """Yield all events of the answer, those that came before too; any number of readers. None once computed.

        Raises:
            Exception: As ``avalue`` raises.
        """
        return self._read(lambda event: event)

    def __aiter__(self) -> AsyncIterator[str]:
        """Yield the pieces of the text, as ``events`` does."""
        return self._read(_delta)

    async def _read(self, piece: Callable[[Event], T | None]) -> AsyncIterator[T]:
        if self.is_done:
            self._raise_failure()
            return
        generation = self._work()
        seen = 0
        while await generation.more(seen):
            for event in generation.events[seen:]:
                seen += 1
                if (found := piece(event)) is not None:
                    yield found
        self._raise_failure()

    # How it is ended.

    async def cancel_generation(self) -> None:
        """End the work and let go of its connection; ``value`` is what had come. Does nothing once it is done.

        Raises:
            LoopError: It is being computed on another loop.
        """
        if not self.is_done and self._generation is not None:
            await self._generation.cancel()

    async def aclose(self) -> None:
        """End unfinished work; as ``cancel_generation``."""
        await self.cancel_generation()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    def __del__(self) -> None:
        # Work that nobody can await any more would cost money for nothing.
        generation = getattr(self, "_generation", None)
        if generation is not None and not generation.done:
            generation.abandon()

    def __getstate__(self) -> dict[str, Any]:
        left_behind = {"_generation": None, "_streamed": None, "_trace": None, "waits_for": ()}
        return {**super().__getstate__(), **left_behind}

    # What the composer does with it.

    def start(self) -> None:
        """Start the work now, without waiting for it; does nothing where it is under way, or done.

        Raises:
            ThunkError: No work stands behind it.
            LoopError: No loop runs, or it is being computed on another one.
        """
        if not self.is_done:
            self._work().start()

    def check_start(self) -> None:
        """Raise what ``start`` would raise."""
        if not self.is_done:
            self._work().check_loop()

    def when_done(self, listener: Callable[[], None]) -> None:
        """Call ``listener`` once the outcome is set; now, if it is."""
        if self.is_done:
            listener()
        else:
            self._work().on_end[listener] = None

    def forget(self, listener: Callable[[], None]) -> None:
        """Call ``listener`` no more; nothing happens where it was called, or never given."""
        if self._generation is not None:
            self._generation.on_end.pop(listener, None)

    def _work(self) -> Generation:
        if self._generation is None:
            raise ThunkError("No work stands behind this thunk: it was made without a value.")
        return self._generation

    def _adopt(self, generation: Generation) -> None:
        """Take over the outcome of its generation, and let go of that."""
        self._cancelled, self.error, self._response = generation.cancelled, generation.error, generation.response
        self._trace = None if self.error is None else self.error.__traceback__
        if generation.response is not None:
            self._value = generation.response.text
            self.tool_calls = bound(generation.response.tool_calls, self.notes.tools)
        elif generation.cancelled or self.notes.soft:
            self._value = "".join(event.delta for event in generation.events if type(event) is Text)
        if self._streamed is None:
            self._generation = None  # Whoever reads the events holds it.

    def failure(self) -> BaseException:
        """Return its error, ready to be raised once more.

        Raises:
            ThunkError: It has none.
        """
        if self.error is None:
            raise ThunkError("This thunk has no error.")
        # Each raise would add to the traceback, which would never end where many await one failure.
        return self.error.with_traceback(self._trace)

    def _raise_failure(self) -> None:
        if self.error is not None and self._value is None:
            raise self.failure()
