"""The hook: it looks on at each call, and gives what it saw to the writer."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

from backbay import BackbayError, Backend, Capability, Event, Request, Response, fold, hooks
from backbay.hooks import Observer, hookimpl
from backbay.response import Embeddings, Ranking

from .records import Record, Seen
from .switch import DEFAULT_MAX_BYTES, Settings, default_file
from .writer import Writer

_LOGGED = (Capability.GENERATE, Capability.COMPLETE_RAW)


class Recorder:
    """Has the hook.

    Args:
        writer: Who writes.
    """

    def __init__(self, writer: Writer) -> None:
        self.writer = writer

    @hookimpl()
    def observe_call(
        self, backend: Backend, operation: Capability, model: str | None, request: Request | None
    ) -> Observer | None:
        """Look on at a call that generates; others have neither prompt nor answer that one could read."""
        if request is None or operation not in _LOGGED:
            return None
        return _Call(self.writer.put, backend, operation, model, request)


class _Call(Observer):
    def __init__(
        self, put: Callable[[Seen], None], backend: Backend, operation: Capability, model: str | None, request: Request
    ) -> None:
        self._put = put
        self._backend = backend
        self._operation = operation
        self._model = model
        self._request = request
        self._time = time.time()
        self._start = time.perf_counter()
        self._first: float | None = None
        self._events: list[Event] = []

    def on_event(self, event: Event) -> None:
        if self._first is None:
            self._first = time.perf_counter() - self._start
        self._events.append(event)

    def on_response(self, response: Response | Embeddings | Ranking) -> None:
        if isinstance(response, Response):
            self._ended(response, response.attempts)

    def on_error(self, error: BackbayError) -> None:
        self._ended(error.partial, error.attempts, failure=error)

    def on_close(self, attempts: int | None) -> None:
        # A stream that nobody read was no call.
        if attempts or self._events:
            self._ended(fold(self._events) if self._events else None, attempts, closed=True)

    def _ended(
        self,
        response: Response | None,
        attempts: int | None,
        *,
        failure: BackbayError | None = None,
        closed: bool = False,
    ) -> None:
        record = Record(
            time=self._time,
            backend=self._backend.id,
            model=self._model,
            operation=str(self._operation),
            messages=(),
            options={},
            duration=time.perf_counter() - self._start,
            first_event=self._first,
            attempts=attempts,
            closed=closed,
        )
        secret = self._backend.settings.api_key
        key = None if secret is None else secret.reveal()
        self._put(Seen(key=key, request=self._request, response=response, failure=failure, record=record))
        self._events = []


def recorder(settings: Settings) -> Recorder:
    """Return what logs calls as ``settings`` say."""
    return Recorder(Writer(settings.file, max_bytes=settings.max_bytes, data=settings.data))


_started: list[Recorder] = []


def start(
    file: str | os.PathLike[str] | None = None, *, max_bytes: int = DEFAULT_MAX_BYTES, data: bool = False
) -> None:
    """Log the calls of this program from now on, whatever the switch says.

    Args:
        file: The log, made if it is not there; ``None`` for the default one.
        max_bytes: Bytes that all records together may take; the oldest go.
        data: Whether images and other files are logged with their data, not with size and hash alone.
    """
    path = default_file() if file is None else Path(file).expanduser()
    made = recorder(Settings(on=True, file=path, max_bytes=max_bytes, data=data, source="program"))
    _started.append(made)
    hooks.add(made)


def stop() -> None:
    """End what ``start`` began, and wait until all is written."""
    while _started:
        ended = _started.pop()
        hooks.remove(ended)
        ended.writer.close()
