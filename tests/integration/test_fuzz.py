"""Whatever bytes come, and whatever a program configures: typed errors alone, the grammar, and no matter of splits."""

from __future__ import annotations

import itertools
import json
import time
from pathlib import Path

import pytest

import backbay
from backbay.connecting import build
from backbay.events import ToolDelta
from backbay.http.codec import Codec
from backbay.http.setup import codec as codec_of
from backbay.ranges import unmet
from backbay.settings import Settings
from backbay.spec import BackendSpec
from backbay.testing import sse
from backbay.wires.tool_deltas import ToolDeltas
from backbay_conformance.fuzzing.examples import hold
from backbay_conformance.fuzzing.laws import check_stream, check_whole
from backbay_conformance.fuzzing.shipped import core_surfaces, shippers
from backbay_conformance.fuzzing.surfaces import own_surfaces

pytestmark = pytest.mark.hypothesis

WIRES = ("anthropic_messages", "openai_chat", "openai_responses")
HUGE = "1" + 400 * "0"
FEWER = {"http_heads.aiohttp": 1_000}
"""Inputs of surfaces that are slow, and mostly another's: aiohttp's parser."""


def wire(name: str) -> Codec:
    return codec_of(BackendSpec(name="example", wires=(name,)), Settings(), at_home=True)


@pytest.mark.parametrize("surface", [*own_surfaces(), *core_surfaces()], ids=str)
def test_of_any_input_come_only_typed_errors_and_what_the_grammar_allows(surface):
    hold(surface, inputs=FEWER.get(surface.name))


def test_every_plugin_with_a_wire_of_its_own_has_a_test_of_its_surfaces():
    backends = Path(__file__).parents[2] / "plugins" / "backends"
    tests = {name: backends / name / "tests" / "test_fuzz.py" for name in shippers()}
    assert len(tests) > 3
    for name, path in tests.items():
        assert path.exists(), f"{name} has a wire of its own, and no {path}"
        assert f'surfaces_of("{name}")' in path.read_text(encoding="utf-8")


# What fuzzing found, each as small as it could be made.


@pytest.mark.parametrize("count", ["1e999", HUGE, "-1", "0.5", '"1"', "true"])
def test_a_token_count_that_is_no_number_of_tokens_is_left_out(count):
    choice = '{"message": {"content": "a"}, "finish_reason": "stop"}'
    body = f'{{"choices": [{choice}], "usage": {{"prompt_tokens": {count}}}}}'
    try:
        usage = wire("openai_chat").decode(body.encode()).events[-2]
    except backbay.errors.DecodeError:
        assert count in ("1e999", "NaN")  # which are no numbers of JSON
        return
    counted = getattr(getattr(usage, "usage", None), "input", None)
    assert counted == (int(HUGE) if count == HUGE else None)


@pytest.mark.parametrize("values", [f"[{HUGE}]", '"ž"', '"A"'])
def test_a_vector_that_no_floats_can_be_is_a_decode_error(values):
    with pytest.raises(backbay.errors.DecodeError):
        wire("openai_chat").decode_embeddings(b'{"data": [{"embedding": %b}]}' % values.encode(), 1)


def test_a_score_that_no_float_can_be_is_a_decode_error():
    with pytest.raises(backbay.errors.DecodeError):
        wire("openai_chat").decode_rerank(b'{"results": [{"index": 0, "relevance_score": %b}]}' % HUGE.encode(), 1)


@pytest.mark.parametrize(
    "choices",
    [
        [{"logprobs": {"content": {"a": []}}}, {"logprobs": {"content": [1]}}],
        [{"logprobs": {"content": 3}}, {"logprobs": [1]}],
        [{"index": 1, "logprobs": 3}, {"index": 1, "logprobs": {"content": []}}],
        [{"delta": {"reasoning_details": [{}]}}, {"delta": {"reasoning_details": [{"type": []}]}}],
    ],
    ids=["an object, then a list", "a number, then a list", "of another choice", "a kind that is a list"],
)
def test_fields_that_change_their_type_within_a_stream_break_nothing(choices):
    check_stream(b"".join(sse({"choices": [choice]}) for choice in choices), wire("openai_chat").decoder)


@pytest.mark.parametrize("name", WIRES)
@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b"[" * 5000, b'{"a":' * 3000, b"9" * 5000, b'"\\ud800"', b"\xff\xfe"]
)
def test_bodies_that_no_reader_of_json_likes_are_typed_errors(name, body):
    check_whole(body, wire(name).decode)
    check_stream(body, wire(name).decoder)
    check_stream(b"data: " + body + b"\n\n", wire(name).decoder)


@pytest.mark.parametrize("name", WIRES)
@pytest.mark.parametrize("blank", [b" ", b"\n         \n", b"\xef\xbb\xbf", b"\xef\xbb\xbf \t\r\n"])
@pytest.mark.parametrize("rest", [b"data: {}\n\n", b'{"error": {"message": "x"', b"\x85[", b"<html>", b"data"])
def test_white_space_before_an_answer_says_the_same_in_a_read_of_its_own_and_in_one_with_it(name, blank, rest):
    def told(*pieces):
        decoder = wire(name).decoder()
        events = [event for piece in pieces for event in decoder.feed(piece)] + list(decoder.finish())
        return events, repr(decoder.failure), decoder.failure and decoder.failure.body

    assert told(blank + rest) == told(blank, rest) == told(rest)


@pytest.mark.parametrize("url", [5.5, True, ["https://example.com"], {}, b"https://example.com"])
def test_a_base_url_that_is_no_string_is_a_configuration_error(url):
    spec = BackendSpec(name="example", wires=("openai_chat",), base_path="/v1", requires_credential=False)
    with pytest.raises(backbay.ConfigurationError, match="the base URL is not a URL"):
        build(spec, base_url=url)


@pytest.mark.parametrize(
    "text", [f"backbay>={'9' * 4301}", f"backbay>=0; python_version > '{'9' * 4301}'", "backbay[" * 500]
)
def test_a_requirement_with_a_number_that_python_will_not_read_cannot_be_read(text):
    reason = unmet([text], "0.1.0")
    assert reason is not None
    assert "cannot be read" in reason


# Time is linear: what is eight times as long takes at most eight times as long, and as much again for a loaded machine.

DELTAS = {
    "new ids": lambda n: [{"id": f"c{i}", "index": i, "function": {"name": "f", "arguments": "{}"}} for i in range(n)],
    "one id": lambda n: [{"id": "c", "index": i, "function": {"name": "f", "arguments": "{}"}} for i in range(n)],
    "no ids": lambda n: [{"function": {"name": "f", "arguments": "{}"}} for _ in range(n)],
    "no names": lambda n: [{"id": f"c{i}", "index": i, "function": {}} for i in range(n)],
    "one call, its name repeated": lambda n: [
        {"function": {"name": "f", "arguments": '{"a' if not i else "}{"}} for i in range(n)
    ],
    "one call of brackets": lambda n: [{"function": {"name": "f", "arguments": "{]"}} for _ in range(n)],
    "two calls in turn": lambda n: [
        {"index": i % 2, "id": f"c{i % 2}", "function": {"name": "f", "arguments": "x"}} for i in range(n)
    ],
}


def seconds(work, *arguments):
    best = float("inf")
    for _ in range(2):
        started = time.process_time()
        work(*arguments)
        best = min(best, time.process_time() - started)
    return best


@pytest.mark.parametrize("deltas", DELTAS.values(), ids=DELTAS)
def test_tool_calls_are_put_together_in_linear_time(deltas):
    def work(count):
        calls = ToolDeltas("example")
        found = [event for delta in deltas(count) for event in calls.add(delta)] + list(calls.end())
        assert all(type(event) is ToolDelta for event in found)

    assert seconds(work, 8_000) < 16 * seconds(work, 1_000) + 0.05


@pytest.mark.parametrize("name", WIRES)
def test_a_stream_is_read_in_linear_time_whatever_its_pieces(name):
    from backbay_conformance.scenarios import SCENARIOS
    from backbay_conformance.vendors import VENDORS

    events = list(VENDORS[name]().stream(SCENARIOS["text_and_tool"].answer))

    def work(place, count, size):
        decoder = wire(name).decoder()
        body = b"".join(events[:place]) + events[place] * count + b'data: {"a": "' + 100 * count * b"x"
        for start in range(0, len(body), size):
            decoder.feed(body[start : start + size])
        decoder.finish()

    for place, size in itertools.product(range(len(events)), (100, 1_000_000)):
        short, long = seconds(work, place, 100, size), seconds(work, place, 800, size)
        assert long < 16 * short + 0.05, f"{json.dumps(events[place].decode())} in pieces of {size} bytes"
