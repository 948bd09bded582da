"""Whatever bytes come: typed errors alone, the grammar, and no matter of splits."""

from __future__ import annotations

import pytest

from backbay.errors import DecodeError
from backbay_conformance.fuzzing.examples import hold
from backbay_conformance.fuzzing.shipped import surfaces_of
from backbay_ollama import spec
from backbay_ollama.codec import OllamaChat

pytestmark = pytest.mark.hypothesis


@pytest.mark.parametrize("surface", surfaces_of("ollama"), ids=str)
def test_of_any_input_come_only_typed_errors_and_what_the_grammar_allows(surface):
    hold(surface)


def test_a_vector_that_no_floats_can_be_is_a_decode_error():
    """Found by fuzzing."""
    with pytest.raises(DecodeError):
        OllamaChat(spec, {}).decode_embeddings(b'{"embeddings": [[1%b]]}' % (400 * b"0"), 1)
