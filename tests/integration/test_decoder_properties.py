"""Whatever a server streams, the decoder keeps the grammar, never raises, and minds no split of the bytes."""

from __future__ import annotations

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from backbay.errors import BackbayError
from backbay.events import Ended, Grammar
from backbay.folding import fold
from backbay.spec import BackendSpec
from backbay.testing import sse
from backbay.wires.openai_chat import OpenAIChat

pytestmark = pytest.mark.hypothesis

CODEC = OpenAIChat(BackendSpec(name="example", wires=("openai_chat",)), {})

words = st.text(max_size=6)
texts = st.one_of(st.none(), words)
junk = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.floats(allow_nan=False, allow_infinity=False) | words,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(words, inner, max_size=2),
    max_leaves=4,
)


def some(**fields):
    """An object with any of the fields, each now and then of a wrong type."""
    return st.fixed_dictionaries(
        {}, optional={name: st.one_of(kind, kind, kind, junk) for name, kind in fields.items()}
    )


functions = some(
    name=st.sampled_from(["f", "g", "fg", "", None]), arguments=st.sampled_from(["", "{", "}", '"a":1', "{}", None])
)
calls = some(
    index=st.sampled_from([None, 0, 0, 1, 2, 7]), id=st.sampled_from([None, "", "x", "y", "x_2"]), function=functions
)
deltas = some(
    role=st.just("assistant"),
    content=st.one_of(texts, st.lists(some(type=words, text=words, thinking=words), max_size=2)),
    reasoning_content=texts,
    reasoning=texts,
    refusal=texts,
    tool_calls=st.lists(calls, max_size=3),
    function_call=functions,
    audio=some(id=words, data=words, transcript=words),
    annotations=st.lists(junk, max_size=2),
)
finishes = st.sampled_from([None, None, None, "stop", "length", "tool_calls", "content_filter", "new", ""])
choices = some(
    index=st.sampled_from([0, 0, 0, 1, None]), delta=deltas, finish_reason=finishes, logprobs=some(content=junk)
)
usages = some(
    prompt_tokens=st.integers(-1, 5),
    completion_tokens=st.integers(0, 5),
    prompt_tokens_details=some(cached_tokens=junk),
)
errors = st.one_of(words, some(message=words, code=st.one_of(words, st.integers(100, 600)), type=words))
chunks = some(
    id=texts,
    model=texts,
    choices=st.lists(choices, max_size=2),
    usage=usages,
    error=st.one_of(st.none(), st.none(), st.none(), errors),
)
events = st.one_of(chunks, chunks, chunks, chunks, st.just("[DONE]"), junk, words.map(lambda text: f"{{{text}"))


def decode(pieces):
    """Return the events of one stream, and the kind and words of its failure."""
    decoder, found, grammar = CODEC.decoder(), [], Grammar()
    for data in [*pieces, None]:
        new = decoder.finish() if data is None else decoder.feed(data)
        for event in new:
            grammar.check(event)
        found += new
        assert decoder.failure is None or isinstance(decoder.failure, BackbayError)
    ended = any(type(event) is Ended for event in found)
    assert ended == (decoder.failure is None)
    assert list(decoder.feed(b"data: {}\n\n")) == list(decoder.finish()) == []
    return found, decoder.failure and (type(decoder.failure), str(decoder.failure))


def as_body(stream):
    return b"".join(sse(event) if isinstance(event, str) else sse(json.dumps(event)) for event in stream)


@given(st.lists(events, max_size=8))
@example([{"usage": {"prompt_tokens": 0}}, {"id": "late"}])
@example([{"choices": [{"delta": {"annotations": 1, "content": None}}]}])
def test_any_chunks_keep_the_grammar_and_fold_to_an_answer(stream):
    found, failure = decode([as_body(stream)])
    response = fold(found)
    assert (response.finish is None) == (failure is not None)
    assert len({call.id for call in response.tool_calls}) == len(response.tool_calls)
    assert response.message.role == "assistant"


@given(st.lists(events, max_size=5), st.lists(st.integers(1, 9), min_size=1, max_size=5))
def test_any_split_of_the_bytes_gives_the_same_events_and_the_same_failure(stream, sizes):
    body, at, pieces = as_body(stream), 0, []
    while at < len(body):
        size = sizes[len(pieces) % len(sizes)]
        pieces.append(body[at : at + size])
        at += size
    assert decode(pieces) == decode([body])


@given(st.binary(max_size=60), st.integers(1, 7))
def test_any_bytes_at_all_are_decoded_or_one_typed_error_at_any_split(body, size):
    pieces = [body[at : at + size] for at in range(0, len(body), size)]
    assert decode(pieces) == decode([body])


@given(chunks)
def test_any_whole_body_is_an_answer_or_one_typed_error(chunk):
    body = json.dumps(chunk).replace('"delta"', '"message"').encode()
    try:
        decoded = CODEC.decode(body)
    except BackbayError:
        return
    grammar = Grammar()
    for event in decoded.events:
        grammar.check(event)
    grammar.finish()
