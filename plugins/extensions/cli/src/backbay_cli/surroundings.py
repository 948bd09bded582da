"""What a plugin may change in the process around it while it is loaded, and must not."""

from __future__ import annotations

import builtins
import logging
import os
import signal
import socket
import ssl
import sys
import threading
from collections.abc import Callable, Mapping

_FUNCTIONS: Mapping[str, Callable[[], object]] = {
    "socket.socket": lambda: socket.socket,
    "socket.getaddrinfo": lambda: socket.getaddrinfo,
    "ssl.create_default_context": lambda: ssl.create_default_context,
    "ssl.SSLContext.wrap_socket": lambda: ssl.SSLContext.wrap_socket,
    "builtins.open": lambda: builtins.open,
    "builtins.__import__": lambda: builtins.__import__,
    "sys.excepthook": lambda: sys.excepthook,
    "logging.Logger.handle": lambda: logging.Logger.handle,
}


def surroundings() -> Mapping[str, object]:
    """Return what is compared: each by a name that says what it is."""
    found: dict[str, object] = {f"the variable {name} was set": value for name, value in os.environ.items()}
    found |= {f"{name} was replaced": get() for name, get in _FUNCTIONS.items()}
    for number in signal.valid_signals():
        found[f"a handler of {_name(number)} was set"] = signal.getsignal(number)
    found["handlers were added to the root logger"] = tuple(logging.getLogger().handlers)
    found["threads were left running"] = frozenset(threading.enumerate())
    found["the working folder was changed"] = os.getcwd()  # noqa: PTH109 (compared, and not used)
    return found


def effects(before: Mapping[str, object], after: Mapping[str, object]) -> list[str]:
    """Return what is not as it was, sorted. Values are not shown: a variable may hold a key."""
    said = {name for name, value in after.items() if name not in before or before[name] != value}
    gone = {name.replace(" was set", " was taken away") for name in before.keys() - after.keys()}
    return sorted(said | gone)


def _name(number: signal.Signals | int) -> str:
    return number.name if isinstance(number, signal.Signals) else f"signal {int(number)}"
