"""Which connections this process opens, by Python's audit events. A hook of those stays; it listens on request."""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Opened:
    """A connection that was opened, or a name that was looked up for one.

    Attributes:
        event: ``"socket.connect"`` or ``"socket.getaddrinfo"``.
        host: The host, or the path of a local socket.
        port: The port; ``None`` where there is none.
    """

    event: str
    host: str
    port: int | None

    def __str__(self) -> str:
        return f"{self.event} to {self.host}" + ("" if self.port is None else f":{self.port}")


class _Listeners:
    installed = False
    listening: tuple[list[Opened], ...] = ()
    lock = threading.Lock()


@contextlib.contextmanager
def connections() -> Iterator[list[Opened]]:
    """Give a list that gets every connection and look-up of this process, on any thread, until the end."""
    heard: list[Opened] = []
    with _Listeners.lock:
        if not _Listeners.installed:
            sys.addaudithook(_hear)
            _Listeners.installed = True
        _Listeners.listening = (*_Listeners.listening, heard)
    try:
        yield heard
    finally:
        with _Listeners.lock:
            _Listeners.listening = tuple(each for each in _Listeners.listening if each is not heard)


def _hear(event: str, args: tuple[object, ...]) -> None:
    # Called for everything that Python audits, imports too: it must be quick, and never raise.
    if not _Listeners.listening or event not in ("socket.connect", "socket.getaddrinfo"):
        return
    opened = _opened(event, args)
    for heard in _Listeners.listening:
        heard.append(opened)


def _opened(event: str, args: tuple[object, ...]) -> Opened:
    where: object = args[:2] if event == "socket.getaddrinfo" else args[1]
    if not isinstance(where, tuple) or len(where) < 2:
        return Opened(event, _text(where), None)
    port = where[1]
    number = int(port) if isinstance(port, int) or (isinstance(port, str) and port.isdigit()) else None
    return Opened(event, _text(where[0]), number)


def _text(value: object) -> str:
    return value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else str(value)
