"""Takes what came over the wire out of the frames and the causes of an error, which reports of errors often show.

A vendor may repeat the key in an answer; then every function that had the answer in its hands has the key, and so has
each traceback that goes through it. Files and lines stay, and the local variables of whatever has ended go.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator
from functools import wraps
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


def seal(error: BaseException) -> None:
    """Empty the frames below the caller's of an error, and those of its causes, contexts and parts.

    Args:
        error: The error, where it is caught. Frames that still run, which are the caller's and those above it, stay.
    """
    for found in _chain(error):
        traceback.clear_frames(found.__traceback__)


def unshown(function: Callable[P, T]) -> Callable[P, T]:
    """Return ``function`` so that a traceback of what it raises shows none of its arguments, nor what it made of them.

    A key may be where none belongs, such as in an address.
    """

    @wraps(function)
    def called(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return function(*args, **kwargs)
        except BaseException as error:
            del args, kwargs
            seal(error)
            raise

    return called


def uncover(error: BaseException, redact: Callable[[str], str]) -> None:
    """Take away the causes of an error if there is a secret in one: a library repeats what a peer sent.

    Args:
        error: The error; its own words are not looked at.
        redact: Takes secrets out of a text.
    """
    for found in _chain(error):
        said = f"{found} {found!r} {found.args!r} {vars(found)!r}"
        if found is not error and redact(said) != said:
            error.__cause__ = error.__context__ = None
            return


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and all that is behind it, each once."""
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        found = waiting.pop()
        if found is None or id(found) in seen:
            continue
        seen.add(id(found))
        yield found
        waiting += [found.__cause__, found.__context__, *getattr(found, "exceptions", ())]
