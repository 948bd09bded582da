"""Whatever bytes come: typed errors alone, the grammar, and no matter of splits."""

from __future__ import annotations

import json

import pytest

from backbay_bedrock import spec
from backbay_bedrock.converse import Converse
from backbay_conformance.fuzzing.examples import hold
from backbay_conformance.fuzzing.laws import check_whole
from backbay_conformance.fuzzing.shipped import surfaces_of

pytestmark = pytest.mark.hypothesis


@pytest.mark.parametrize("surface", surfaces_of("bedrock"), ids=str)
def test_of_any_input_come_only_typed_errors_and_what_the_grammar_allows(surface):
    hold(surface)


def test_arguments_with_half_a_character_break_nothing():
    """Found by fuzzing."""
    body = {"output": {"message": {"content": [{"toolUse": {"input": "\ud800", "toolUseId": "a", "name": "f"}}]}}}
    check_whole(json.dumps(body).encode(), Converse(spec, {}).decode)


def test_reasoning_that_is_a_word_where_an_object_belongs_breaks_nothing():
    """Found by fuzzing."""
    block = {"reasoningContent": {"reasoningText": "0", "text": "hm"}}
    body = {"output": {"message": {"content": [block]}}, "stopReason": "end_turn"}
    check_whole(json.dumps(body).encode(), Converse(spec, {}).decode)
