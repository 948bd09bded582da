"""Keys that are looked for, and every log record to look in."""

from __future__ import annotations

import json
import logging
import pickle
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from urllib.parse import quote

LIBRARIES = ("httpx", "httpx2", "httpcore", "httpcore2", "aiohttp", "urllib3")
"""Loggers of HTTP libraries."""

_LONG, _TELLING = 20, 12
"""Characters of a key whose beginning tells more than what kind of key it is, and of that beginning."""


class Canary:
    """A key that is looked for. Its ``repr`` does not show it, so that a law's own variables are no leak."""

    def __init__(self, shape: str, value: str) -> None:
        self.shape = shape
        self.reveal: Callable[[], str] = lambda: value

    def __repr__(self) -> str:
        return f"Canary({self.shape})"

    def seen_in(self, text: str) -> bool:
        """Whether the key is in ``text``: plain, or escaped as in a URL, in JSON, or in a Python literal.

        Of a long key the beginning is enough, as an excerpt may have it.
        """
        value = self.reveal()
        in_json = json.dumps(value)[1:-1]
        if len(value) >= _LONG and value[:_TELLING] in text:
            return True
        forms = (value, quote(value, safe=""), in_json, in_json.replace("/", "\\/"), repr(value)[1:-1])
        return any(form in text for form in forms)


CANARIES = (
    Canary("long", "sk-proj-" + "Xq7Zb3Lw9Kf2Rt5Vn8Yc1Hd4Js6Pm0Gu" * 3),
    Canary("short", "k3y-9Qz"),
    Canary("base64", "Qm9v+c2/VyZXQ9Zx81q7Lw0mTt=="),
    Canary("escapable", "Zq\"9\\x81<Lw>&7'{mTt}%41"),
    Canary("uuid", "3f2b8c1e-7a4d-4e6f-9b0a-5d8c2e1f6a7b"),
)
"""Keys of the shapes that vendors give, and one that is changed by every way of writing it down."""


@contextmanager
def listening() -> Iterator[Sequence[logging.LogRecord]]:
    """Collect every log record of every logger, down to DEBUG, those of HTTP libraries too."""
    records: list[logging.LogRecord] = []
    handler = logging.Handler(logging.DEBUG)
    handler.emit = records.append  # type: ignore[assignment, method-assign]
    names = (*LIBRARIES, "asyncio", "backbay")
    loggers = [logging.getLogger(), *map(logging.getLogger, names)]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.DEBUG)
    loggers[0].addHandler(handler)
    try:
        yield records
    finally:
        loggers[0].removeHandler(handler)
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def renderings(error: BaseException) -> dict[str, str]:
    """Return every way in which programs write an error down, for people, logs, collectors and other processes."""
    chain: list[BaseException] = []
    waiting: list[BaseException | None] = [error.__cause__, error.__context__]
    while waiting:
        found = waiting.pop()
        if found is not None and not any(found is other for other in chain):
            chain.append(found)
            waiting += [found.__cause__, found.__context__]
    with_locals = traceback.TracebackException.from_exception(error, capture_locals=True)
    return {
        "str": str(error),
        "repr": repr(error),
        "args": repr(error.args),
        "attributes": repr(vars(error)),
        "pickle": pickled(error),
        "causes": " ".join(f"{each!r} {each} {vars(each)!r}" for each in chain),
        "traceback": "".join(traceback.format_exception(error)),
        "traceback with local variables": "".join(with_locals.format()),
    }


def pickled(item: object) -> str:
    """Return what ``pickle`` makes of something, as text; ``""`` if it cannot be pickled."""
    try:
        return pickle.dumps(item).decode("latin-1")
    except Exception:
        return ""


def assert_unlogged(canary: Canary, records: Sequence[logging.LogRecord]) -> None:
    """Assert that the key is in no log record: neither in its words nor in what was attached to it for a collector."""
    for record in records:
        text = f"{record.getMessage()} {vars(record)!r} {logging.Formatter().format(record)}"
        assert not canary.seen_in(text), f"the key is in what the logger {record.name} was told: {text}"
