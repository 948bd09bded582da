"""A surface: where bytes of others come in, how inputs for it are made, and what must hold of every one of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from random import Random

from backbay.http.codec import Codec

from ..scenarios import SCENARIOS, Scenario
from ..vendor import Vendor
from .laws import BrokenLawError, check_call, check_error, check_stream, check_whole
from .mutation import Mutator, Seed

_EVENTS = 12
"""Events of a seed at most: many small inputs find more than few large ones."""


@dataclass(frozen=True)
class Surface:
    """Where bytes of others come in.

    Attributes:
        name: What it is called: ``"mistral.stream"``.
        make: Makes an input.
        mutate: Makes an input from another one.
        check: Raises, if a law does not hold of an input.
        seeds: Good inputs.
    """

    name: str
    make: Callable[[Random], bytes]
    mutate: Callable[[Random, bytes], bytes]
    check: Callable[[bytes], object]
    seeds: Sequence[bytes]

    def __str__(self) -> str:
        return self.name


def surface(name: str, mutator: Mutator, check: Callable[[bytes], object], seeds: Sequence[Seed]) -> Surface:
    """Return the surface whose inputs ``mutator`` makes of ``seeds``."""
    return Surface(name, mutator.make, mutator.mutate, check, [b"".join(seed) for seed in seeds])


def wire_surfaces(
    name: str, codec: Codec, vendor: Vendor, *, streams: Sequence[bytes] = (), bodies: Sequence[bytes] = ()
) -> Iterator[Surface]:
    """Yield the surfaces of one wire: streams, whole answers, errors, and whatever lists its codec decodes.

    Args:
        name: What they are called before the dot: the backend's name, or the wire's.
        codec: The codec.
        vendor: The emulator of the wire; its answers are the seeds.
        streams: Further seeds: streamed bodies.
        bodies: Further seeds: whole answers.
    """
    framing = vendor.framing
    seeds = [*_streams(vendor), *(list(islice(framing.cut(body), _EVENTS)) for body in streams)]
    seeds = [seed for seed in seeds if seed]
    yield surface(f"{name}.stream", Mutator(seeds, framing), lambda data: check_stream(data, codec.decoder), seeds)
    wholes = [[vendor.whole(scenario.answer)] for scenario in _scenarios(vendor)] + [[body] for body in bodies]
    yield surface(f"{name}.whole", Mutator(wholes), lambda data: check_whole(data, codec.decode), wholes)
    errors = [[vendor.error(status, "It failed.")] for status in (400, 401, 429, 503)]
    errors += [
        [b"<html><title>502</title></html>"],
        [b"upstream failed"],
        [b'{"errors": [{"message": "m", "loc": [1]}]}'],
    ]
    yield surface(f"{name}.error", Mutator(errors), lambda data: check_error(data, codec), errors)
    lists = [[vendor.models(["m-1", "m-2"])], [vendor.embeddings([[0.5, 1.0], [0.25, 0.0]])]]
    lists += [[json.dumps(body).encode()] for body in _RANKINGS]
    yield surface(f"{name}.lists", Mutator(lists), lambda data: _check_lists(data, codec), lists)


_RANKINGS = (
    {"results": [{"index": 1, "relevance_score": 0.9}, {"index": 0, "relevance_score": 0.1}]},
    {"input_tokens": 12, "tokens": [1, 2], "totalTokens": 3},
)


def _streams(vendor: Vendor) -> Iterator[Sequence[bytes]]:
    for scenario in _scenarios(vendor):
        events = list(vendor.stream(scenario.answer))
        # Of a long one the beginning and the end.
        yield events if len(events) <= _EVENTS else [*events[: _EVENTS - 4], *events[-4:]]
    for after in (0, 2):
        yield [*list(vendor.stream(SCENARIOS["text_and_tool"].answer))[:after], vendor.error_event("It failed.")]


def _scenarios(vendor: Vendor) -> Iterator[Scenario]:
    """Yield one of each kind of answer."""
    seen: set[object] = set()
    for scenario in SCENARIOS.values():
        if scenario.answer.finish in vendor.finishes and repr(scenario.answer) not in seen:
            seen.add(repr(scenario.answer))
            yield scenario


def _check_lists(data: bytes, codec: Codec) -> None:
    def models() -> None:
        codec.decode_models(data)
        codec.next_page(data)

    def count() -> None:
        if not isinstance(codec.decode_count(data), int):
            raise BrokenLawError("a count that is no number")

    for call in (
        models,
        lambda: codec.decode_embeddings(data, 2),
        lambda: codec.decode_rerank(data, 2),
        count,
    ):
        check_call(call)
