"""Emulators are an author's code: each call of one has a time limit, and what goes wrong in it is kept as the cause."""

from __future__ import annotations

import functools
import inspect
import itertools
import queue
import threading
from collections.abc import Callable
from typing import Any, TypeVar

from backbay.testing import Received

from .batchdesk import BatchDesk
from .problems import EmulatorError, SetUpError
from .scenarios import PLAIN
from .vendor import Asked, RawAsked, Vendor

LIMIT = 5.0
"""Seconds that one call of an emulator may take. Most take microseconds."""

MAX_EVENTS = 10_000
"""How many events an answer may have. The longest that the suite asks for has some hundreds."""

_V = TypeVar("_V", bound=Vendor)
_WATCH = "backbay_watch"
_GIVES_BYTES = ("whole", "error", "error_event", "models", "embeddings", "raw")
_GIVES: dict[str, type] = {"read": Asked, "read_raw": RawAsked, "batches": BatchDesk}
_hung: dict[tuple[type[Vendor], str], str] = {}


class _Watch:
    """Watches the calls of one emulator.

    Args:
        kind: Its class.
        label: What it is called in sentences; ``None`` for the class and its file.
        problems: Gets a sentence for each call that goes wrong.
    """

    def __init__(self, kind: type[Vendor], label: str | None, problems: list[str]) -> None:
        self.kind = kind
        self.problems = problems
        self._label = label

    def name(self, method: str | None = None) -> str:
        """Return what the emulator, or a method of it, is called in a sentence."""
        if self._label is not None:
            return self._label
        dotted = self.kind.__qualname__ if method is None else f"{self.kind.__qualname__}.{method}"
        try:
            file = inspect.getsourcefile(self.kind)
        except (OSError, TypeError):
            file = None
        return f"the emulator {dotted} ({file or self.kind.__module__})"

    def wrapped(self, name: str) -> Callable[..., Any]:
        """Return a method that is watched."""
        method = getattr(self.kind, name)

        @functools.wraps(method)
        def call(vendor: Vendor, *args: Any, **kwargs: Any) -> Any:
            try:
                return self.bounded(name, lambda: self._checked(name, method(vendor, *args, **kwargs)))
            except EmulatorError as failure:
                problem = str(failure)
            except Exception as failure:  # an author's own code may raise anything
                problem = self._raised(name, args, failure)
            self.problems.append(problem)
            raise EmulatorError(problem) from None

        return call

    def bounded(self, name: str, call: Callable[[], Any]) -> Any:
        """Return what ``call`` does in a thread of its own, or raise what it raises, within the limit."""
        if (self.kind, name) in _hung:
            raise EmulatorError(_hung[self.kind, name])
        done: queue.SimpleQueue[tuple[Any, BaseException | None]] = queue.SimpleQueue()

        def run() -> None:
            try:
                done.put((call(), None))
            except BaseException as failure:
                done.put((None, failure))

        thread = threading.Thread(target=run, name=f"emulator {self.kind.__name__}.{name}", daemon=True)
        thread.start()
        try:
            given, failure = done.get(timeout=LIMIT)
        except queue.Empty:
            # Kept, or else every law would wait for it again.
            _hung[self.kind, name] = f"{self.name(name)} did not return within {LIMIT:g} s. Find what it waits for."
            raise EmulatorError(_hung[self.kind, name]) from None
        thread.join()
        if isinstance(failure, Exception):
            raise failure
        if failure is not None:  # such as SystemExit, which must not end pytest
            raise EmulatorError(f"{self.name(name)} raised {_words(failure)}.")
        return given

    def hung(self, name: str) -> bool:
        """Whether a method did not return once."""
        return (self.kind, name) in _hung

    def _checked(self, name: str, given: Any) -> Any:
        """Return what a method gave, if it is what it must be; events as a list, whatever they came in."""
        if name == "stream":
            given = list(itertools.islice(given, MAX_EVENTS + 1))
            if len(given) > MAX_EVENTS:
                raise EmulatorError(f"{self.name(name)} gave more than {MAX_EVENTS} events, and did not end.")
            wrong = next((type(event).__name__ for event in given if not isinstance(event, bytes)), None)
            said = None if wrong is None else f"an event that is a {wrong}; give bytes"
        elif name in _GIVES_BYTES:
            said = None if isinstance(given, bytes) else f"a {type(given).__name__}; give bytes"
        else:
            wanted = _GIVES.get(name, object)
            said = None if isinstance(given, wanted) else f"a {type(given).__name__}; give {_called(wanted)}(...)"
        if said is not None:
            raise EmulatorError(f"{self.name(name)} gave {said}.")
        return given

    def _raised(self, name: str, args: tuple[Any, ...], failure: Exception) -> str:
        request = next((value for value in args if isinstance(value, Received)), None)
        if request is not None:
            return f"{self.name(name)} refused the request {request.method} {request.path}: {_words(failure)}"
        return f"{self.name(name)} failed: {_words(failure)}"


def watched(
    kind: type[_V], make: Callable[[type[_V]], _V], problems: list[str], *, where: str, label: str | None = None
) -> _V:
    """Return an emulator whose calls are watched.

    Args:
        kind: The emulator's class.
        make: Makes one of a subclass of it.
        problems: Gets a sentence for each call that goes wrong.
        where: Who names the class, for errors.
        label: What the emulator is called in sentences; ``None`` for its class and file.

    Raises:
        SetUpError: It cannot be made, or what it says of its streams is wrong.
    """
    watch = _Watch(kind, label, problems)
    replaced: dict[str, Any] = {name: watch.wrapped(name) for name in _methods(kind)}
    replaced |= {"__module__": kind.__module__, "__qualname__": kind.__qualname__, _WATCH: watch}
    own = type(kind.__name__, (kind,), replaced)
    try:
        vendor: _V = watch.bounded("__init__", lambda: make(own))
        kind_of_stream, last = watch.bounded("stream_type", lambda: (vendor.stream_type, vendor.events_that_finish))
    except SetUpError:
        raise
    except EmulatorError as failure:
        raise SetUpError(f"{where}: {failure}") from None
    except Exception as failure:
        raise SetUpError(f"{where}: {watch.name()} could not be made: {_words(failure)}") from None
    if not isinstance(kind_of_stream, str) or type(last) is not int or last < 1:
        raise SetUpError(
            f"{where}: {watch.name()} says stream_type {kind_of_stream!r} and events_that_finish {last!r}; they must "
            "be a content type, and a number, 1 or more."
        )
    return vendor


def probe(vendor: Vendor) -> str | None:
    """Try each method of a watched emulator once; return what is wrong, or ``None``."""
    watch: _Watch = getattr(vendor, _WATCH)
    try:
        vendor.whole(PLAIN.answer)
        events = vendor.stream(PLAIN.answer)
        vendor.error(500, "words")
        vendor.error_event("words")
        vendor.models(())
        vendor.embeddings(((0.5, 1.0),))
    except EmulatorError as failure:
        return str(failure)
    if len(events) <= vendor.events_that_finish:
        return (
            f"{watch.name('stream')} gives {len(events)} events for the scenario plain, and events_that_finish is "
            f"{vendor.events_that_finish}. Give an event for each piece of text, and those that finish it."
        )
    try:
        vendor.read(Received("POST", "/", {}, b"{}", 1, 0.0))
    except EmulatorError as failure:
        # To refuse this request is right; not to come back is not.
        return str(failure) if watch.hung("read") else None
    return None


def _methods(kind: type[Vendor]) -> list[str]:
    """Return the methods that are the author's: those that ``Vendor`` wants, and those of its own that are replaced."""
    wanted: frozenset[str] = getattr(Vendor, "__abstractmethods__", frozenset())
    public = [name for name, value in vars(Vendor).items() if inspect.isfunction(value) and not name.startswith("_")]
    return [name for name in public if name in wanted or getattr(kind, name) is not getattr(Vendor, name)]


def _called(kind: type) -> str:
    return f"backbay_conformance.{kind.__name__}"


def _words(failure: BaseException) -> str:
    said = " ".join(str(failure).split())
    return said if type(failure) is ValueError and said else f"{type(failure).__name__}: {said}"
