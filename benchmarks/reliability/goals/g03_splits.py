"""G3: how bytes are cut into chunks changes nothing.

Each case of ``sse-peers.json`` through the decoder of server-sent events, and each stream of ``stream-golden.json``
through its codec: whole, byte by byte, in two at every place (of long ones at 800, and at 800 of those
around line ends), and at 200 random splits in many.
"""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import backbay
from backbay.http.codec import Codec
from backbay.http.sse import SSEDecoder

from ..clients import Client
from ..dialects import CHAT, Dialect
from ..figures import Effort, Figure, none_of
from ..places import corpus_file
from .g02_truncation import golden

RANDOM = 200
PLACES = 800
"""Places at which a longer stream is split in two, and as many of those around its line ends."""


def splits(data: bytes, rng: random.Random, effort: Effort) -> Iterator[Sequence[bytes]]:
    """Yield ways to cut ``data``."""
    yield [data[at : at + 1] for at in range(len(data))]
    near = [at for at in range(1, len(data)) if b"\n" in data[at - 2 : at + 2]]
    every = sorted({*near[:: 1 + len(near) // PLACES], *range(1, len(data), 1 + len(data) // PLACES)})
    for at in every[:: max(1, round(1 / effort.scale))]:
        yield [data[:at], data[at:]]
    for _ in range(effort.count(RANDOM, 5)):
        places = sorted(rng.choices(range(len(data) + 1), k=rng.randint(1, 20)))
        yield [data[a:b] for a, b in zip([0, *places], [*places, len(data)], strict=True)]


def measure(client: Client, effort: Effort) -> list[Figure]:
    """Return the figures."""
    rng = random.Random(3)
    differ: list[str] = []
    tried = 0
    for name, data, decode in _cases(client):
        whole = decode([data])
        for pieces in splits(data, rng, effort):
            tried += 1
            if decode(pieces) != whole:
                differ.append(f"{name} in {len(pieces)}, the first of {len(pieces[0])} bytes")
    wanted = f"splits that changed what was read, {len(list(_cases(client)))} streams"
    return [none_of(wanted, len(differ), tried, cases=differ[:20])]


def _codec(dialect: Dialect) -> Codec:
    backend: Any = backbay.connect("openai:m" if dialect is CHAT else "anthropic:m", api_key="sk-example")
    found: Codec = backend._codec  # noqa: SLF001 (what its driver uses)
    return found


Decode = Callable[[Sequence[bytes]], object]


def _cases(client: Client) -> Iterator[tuple[str, bytes, Decode]]:
    for case in json.loads(corpus_file("sse-peers.json").read_text("utf-8"))["cases"]:
        yield case["name"], base64.b64decode(case["bytes"]), _frames
    for dialect in client.dialects:
        codec = _codec(dialect)
        for name, data in golden(dialect):
            yield name, data, _answer(codec)


def _frames(pieces: Sequence[bytes]) -> object:
    decoder = SSEDecoder()
    fed = [event for piece in pieces for event in decoder.feed(piece)]
    return fed, decoder.finish(), decoder.retry


def _answer(codec: Codec) -> Decode:
    def decode(pieces: Sequence[bytes]) -> object:
        decoder = codec.decoder()
        found = [event for piece in pieces for event in decoder.feed(piece)]
        found += decoder.finish()
        return found, repr(decoder.failure)

    return decode
