"""A run: all thunks that a composer makes for a while, their figures, and a page that shows them."""

from __future__ import annotations

import datetime as dt
import threading
import weakref
from collections.abc import Callable
from os import PathLike
from pathlib import Path
from types import TracebackType
from typing import Self

from backbay.errors import InvalidRequestError

from .composer import Composer
from .run_rows import Price
from .summaries import RunSummary, summary_of
from .sync import SyncComposer
from .thunks import ModelOutputThunk

MAX_CHARS = 20_000
"""Characters of one text on a page, unless said otherwise."""

_recording: weakref.WeakKeyDictionary[Composer, tuple[int, bool]] = weakref.WeakKeyDictionary()
# By composer: how many runs record it now, and whether it recorded prompts before the first of them.
_lock = threading.Lock()


def record(composer: Composer | SyncComposer, *, name: str | None = None) -> Run:
    """Return a run that records, inside ``with``, all thunks that a composer makes, and their prompts.

        with record(composer) as run:
            ...
        run.page("run.html")

    Args:
        composer: The composer.
        name: What the run is called on its page; ``None`` for its date.
    """
    return Run(composer.composer if isinstance(composer, SyncComposer) else composer, name=name)


class Run:
    """What a composer made while it was recorded.

    It holds its thunks, with prompts and answers, until it goes itself, or ``clear`` is called; so one that the program
    drops while it is computed is computed to its end. A prompt is kept if it was sent while the composer was recorded.

    Args:
        composer: The composer.
        name: What the run is called on its page; ``None`` for its date.
    """

    def __init__(self, composer: Composer, *, name: str | None = None) -> None:
        self.name = name
        self.began: dt.datetime | None = None
        self._composer = composer
        self._thunks: list[ModelOutputThunk] = []
        self._stop: Callable[[], None] | None = None

    def __enter__(self) -> Self:
        if self._stop is not None:
            raise InvalidRequestError("This run is being recorded already; call record() again for another one.")
        self.began = self.began or dt.datetime.now(dt.UTC)
        self._stop = self._composer.listen(self._thunks.append)
        with _lock:
            runs, before = _recording.get(self._composer, (0, self._composer.record_prompts))
            _recording[self._composer] = (runs + 1, before)
            self._composer.record_prompts = True
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._stop is not None:
            self._stop()
            self._stop = None
        with _lock:
            runs, before = _recording.pop(self._composer, (1, False))
            if runs > 1:
                _recording[self._composer] = (runs - 1, before)
            else:
                self._composer.record_prompts = before

    @property
    def thunks(self) -> tuple[ModelOutputThunk, ...]:
        """The thunks, in the order in which they were made."""
        return tuple(self._thunks)

    def clear(self) -> None:
        """Let go of all thunks so far."""
        self._thunks.clear()

    def summary(self) -> RunSummary:
        """Return the figures of the run, as they are now."""
        return summary_of(self._thunks)

    def page(self, path: str | PathLike[str], *, price: Price | None = None, max_chars: int | None = MAX_CHARS) -> Path:
        """Write the run as one HTML file that needs nothing else, and return where it is.

        It has figures, a timeline, and for each generation its prompt and what came of it, as they are now. There is no
        program in it, and nothing that a prompt or an answer says can become one. Prompts and answers are in it as
        they are: keep it as carefully as them.

        Args:
            path: The file; one that is there is replaced.
            price: Gives what an answer cost, in dollars, for a model and its tokens; ``None`` where it does not know.
                The model is the one that was asked, or if that is unknown the one that answered. Called only where
                there are tokens. Without it the page has no costs.
            max_chars: Characters of one text at most; how many more there are is said. ``None`` for all.

        Raises:
            InvalidRequestError: ``price`` gives something else than a finite ``Decimal`` or ``None``, or
                ``max_chars`` is less than 1. Nothing was written.
            OSError: The file cannot be written.
        """
        from .run_page import page_of

        if max_chars is not None and max_chars < 1:
            raise InvalidRequestError(f"max_chars is {max_chars}; it must be 1 or more, or None.")
        text = page_of(self.thunks, name=self.name, began=self.began, price=price, max_chars=max_chars)
        where = Path(path)
        where.write_text(text, encoding="utf-8", newline="\n")
        return where
