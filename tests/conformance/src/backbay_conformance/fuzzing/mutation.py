"""Inputs made from good ones: whole events moved about, values within their JSON changed, and single bytes.

All chance comes from the ``Random`` that is handed in: with the same one, the same inputs. Under hypothesis that is one
whose every draw hypothesis knows, and makes smaller.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from random import Random
from typing import Any

from .framing import TEXT, Framing

LONGEST = 65536
"""Bytes of an input at most; what is larger is a matter of time, and of its own tests."""

Seed = Sequence[bytes]
"""A good input, as its events."""

_SCALARS: tuple[Any, ...] = (
    None,
    True,
    False,
    0,
    -1,
    1,
    2**31,
    2**63,
    -(2**64),
    10**40,
    10**400,
    0.5,
    1e308,
    -0.0,
    float("nan"),
    float("inf"),
    "",
    " ",
    "0",
    "1e999",
    "null",
    "stop",
    "[DONE]",
    "\x00",
    "\ud800",
    "\U0001f30d",
    "\u2028",
    "e\u0301",
    "a" * 300,
    "{",
    "}",
    '{"a":1}',
    "data: {}\n\n",
    "====",
    "AAAA",
    [],
    {},
    [[]],
    [None],
    {"": None},
)
_TOKENS = (
    b"\n",
    b"\r",
    b"\r\n",
    b"\n\n",
    b"data:",
    b"data: [DONE]\n\n",
    b"event: error\n",
    b": ",
    b"id: \x00\n",
    b"retry: 1\n",
    b"{",
    b"}",
    b"[",
    b"]",
    b'"',
    b"\\",
    b",",
    b"null",
    b"NaN",
    b"1e999",
    b"\\ud800",
    b"\xef\xbb\xbf",
    b"\xff",
    b"\xc3",
    b"\xe2\x80\xa8",
    b"\x00",
    b"<html>",
    b"\x85",
    b"0" * 40,
    b"9" * 4400,
    b"-1",
    b"1e-400",
    b"[[[[[[[[",
    b'{"a":',
)


class Mutator:
    """Makes inputs from seeds.

    Args:
        seeds: Good inputs.
        framing: How their events are built.
    """

    def __init__(self, seeds: Sequence[Seed], framing: Framing = TEXT) -> None:
        self._seeds = [tuple(seed) for seed in seeds if seed]
        self._framing = framing
        self._events = [event for seed in self._seeds for event in seed]
        self._changes: tuple[Callable[[Random, list[bytes]], None], ...] = (
            self._move, self._rejson, self._rejson, self._rejson, self._rebyte,
        )  # fmt: skip

    def make(self, rng: Random) -> bytes:
        """Return an input: a seed, changed in one to four places."""
        events = list(rng.choice(self._seeds))
        for _ in range(rng.randrange(1, 5)):
            rng.choice(self._changes)(rng, events)
            if not events:
                break
        return b"".join(events)[:LONGEST]

    def mutate(self, rng: Random, body: bytes) -> bytes:
        """Return another input for one that something else found, such as a fuzzer that looks at coverage."""
        events = list(self._framing.cut(body)) or [rng.choice(self._events)]
        rng.choice(self._changes)(rng, events)
        return b"".join(events)[:LONGEST]

    def _move(self, rng: Random, events: list[bytes]) -> None:
        """Lose, repeat, swap, bring in or cut off events."""
        place = rng.randrange(len(events))
        what = rng.randrange(6)
        if what == 0:
            del events[place]
        elif what == 1:
            events.insert(place, events[place])
        elif what == 2:
            other = rng.randrange(len(events))
            events[place], events[other] = events[other], events[place]
        elif what == 3:
            events.insert(place, rng.choice(self._events))
        elif what == 4:
            del events[place + 1 :]
        else:
            events[place] = events[place][: rng.randrange(len(events[place]) + 1)]

    def _rejson(self, rng: Random, events: list[bytes]) -> None:
        place = rng.randrange(len(events))
        events[place] = self._framing.refit(events[place], lambda text: change_json(rng, text))

    def _rebyte(self, rng: Random, events: list[bytes]) -> None:
        place = rng.randrange(len(events))
        events[place] = change_bytes(rng, events[place])


def change_bytes(rng: Random, data: bytes) -> bytes:
    """Return ``data`` with a bit turned, a token put in, or a part lost or repeated."""
    start = rng.randrange(len(data) + 1)
    end = min(len(data), start + rng.randrange(1, 17))
    what = rng.randrange(5)
    if what == 0 and start < len(data):
        return data[:start] + bytes([data[start] ^ (1 << rng.randrange(8))]) + data[start + 1 :]
    if what == 1:
        return data[:start] + data[end:]
    if what == 2:
        return data[:end] + data[start:end] * rng.randrange(1, 9) + data[end:]
    if what == 3:
        return data[:start] + bytes([rng.randrange(256)]) + data[end:]
    return data[:start] + rng.choice(_TOKENS) + data[start:]


def change_json(rng: Random, text: bytes) -> bytes:
    """Return a JSON text with a value in it changed, lost, repeated, wrapped or of another kind."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return change_bytes(rng, text)
    places = list(_places(value))
    if not places:
        return change_bytes(rng, text)
    for _ in range(rng.randrange(1, 3)):
        _change_at(rng, rng.choice(places), places)
    if rng.randrange(40) == 0:
        return b'{"a":' * (depth := rng.choice((3, 150, 2000))) + text + b"}" * depth
    try:
        return json.dumps(value, ensure_ascii=rng.randrange(2) == 0).encode("utf-8", "surrogatepass")
    except (ValueError, RecursionError):  # a value was put into itself
        return text


_Place = tuple[Any, Any]
"""A list or an object, and the index or key of a value in it."""


def _places(value: Any) -> Iterator[_Place]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in list(items):
        yield value, key
        yield from _places(inner)


def _change_at(rng: Random, place: _Place, places: Sequence[_Place]) -> None:
    holder, key = place
    if key not in holder if isinstance(holder, dict) else key >= len(holder):
        return  # an earlier change took it away
    other, other_key = rng.choice(places)
    what = rng.randrange(8)
    if what < 3:
        holder[key] = rng.choice(_SCALARS)
    elif what == 3:
        del holder[key]
    elif what == 4:
        holder[key] = [holder[key]] if rng.randrange(2) else {"text": holder[key]}
    elif what == 5 and isinstance(holder[key], list | str):
        holder[key] = holder[key] * 2
    elif what == 6 and isinstance(holder[key], str):
        cut = rng.randrange(len(holder[key]) + 1)
        holder[key] = holder[key][:cut] + rng.choice(("", "\ud83c", "\\", '"', "}", " ")) + holder[key][cut:]
    elif isinstance(other, dict) and other_key in other:
        copied = json.loads(json.dumps(other[other_key]))
        if isinstance(holder, dict) and rng.randrange(2):
            holder[other_key] = copied
        else:
            holder[key] = copied
