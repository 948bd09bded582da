"""Takes keys out of what HTTP libraries log: at DEBUG they log headers, in which a vendor may repeat the key.

Backbay itself logs nothing: not a single module of it, or of its plugins, has a logger.
"""

from __future__ import annotations

import logging
import weakref
from collections.abc import Callable
from contextvars import ContextVar

from ..secrets import redact

# Each logger that the libraries make (httpx2 2.16, httpx 0.28, aiohttp 3.13): a filter holds for its own logger alone.
LOGGERS = (
    "aiohttp.client",
    "aiohttp.internal",
    *(
        f"{library}.{part}"
        for library in ("httpcore", "httpcore2")
        for part in ("connection", "http11", "http2", "proxy", "socks")
    ),
    "httpx",
    "httpx2",
)
"""The loggers that are filtered."""


class Hidden:
    """What one backend must not show: asked for anew each time, since tokens change.

    Args:
        values: Returns the secrets.
    """

    def __init__(self, values: Callable[[], list[str]]) -> None:
        self._values = values
        self._reference = weakref.ref(self)
        _hidden.add(self)
        _install()

    def watch(self) -> None:
        """Say that what is logged in this context from here on belongs to this backend.

        It is not taken back: the next backend that sends something in the context says so itself.
        """
        _current.set(self._reference)

    def redact(self, text: str) -> str:
        """Return ``text`` without the secrets."""
        for value in self._values():
            text = redact(text, value)
        return text


_hidden: weakref.WeakSet[Hidden] = weakref.WeakSet()

_current: ContextVar[weakref.ref[Hidden] | None] = ContextVar("_current", default=None)


class _Filter(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        said = shown = record.getMessage()
        reference = _current.get()
        current = None if reference is None else reference()
        # A record of no backend's context may be anybody's; looking at all of them costs more, the more there are.
        for hidden in [current] if current is not None else list(_hidden):
            shown = hidden.redact(shown)
        if shown != said:
            record.msg, record.args = shown, None
        return True


_filter = _Filter()


def _install() -> None:
    """Put the filter on the libraries' loggers; a logger takes the same one only once."""
    for name in LOGGERS:
        logging.getLogger(name).addFilter(_filter)
