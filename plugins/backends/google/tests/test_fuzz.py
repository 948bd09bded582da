"""Whatever bytes come: typed errors alone, the grammar, and no matter of splits."""

from __future__ import annotations

import pytest

from backbay.errors import DecodeError
from backbay_conformance.fuzzing.examples import hold
from backbay_conformance.fuzzing.laws import check_frames, check_whole
from backbay_conformance.fuzzing.shipped import surfaces_of
from backbay_google import spec
from backbay_google.codec import Gemini
from backbay_google.frames import ArrayFrames

pytestmark = pytest.mark.hypothesis


@pytest.mark.parametrize("surface", surfaces_of("google"), ids=str)
def test_of_any_input_come_only_typed_errors_and_what_the_grammar_allows(surface):
    hold(surface)


def test_what_is_wrong_with_an_array_is_the_same_at_any_split():
    """Found by fuzzing: the error showed what had come so far."""
    check_frames(b'[{"a": 1}, }}  ]', ArrayFrames)
    check_frames(b'[{"a": 1}, "\xc4\x8d"]', ArrayFrames)


@pytest.mark.parametrize("count", [b"1e999", b"NaN"])
def test_a_token_count_that_is_no_number_is_left_out(count):
    """Found by fuzzing."""
    answer = b'{"candidates": [{"content": {"parts": [{"text": "a"}]}, "finishReason": "STOP"}], "usageMetadata": %b}'
    check_whole(answer % (b'{"promptTokenCount": %b}' % count), Gemini(spec, {}).decode)


def test_a_vector_that_no_floats_can_be_is_a_decode_error():
    """Found by fuzzing."""
    with pytest.raises(DecodeError):
        Gemini(spec, {}).decode_embeddings(b'{"embeddings": [{"values": [1%b]}]}' % (400 * b"0"), 1)
