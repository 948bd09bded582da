"""Whatever bytes come: typed errors alone, the grammar, and no matter of splits."""

from __future__ import annotations

import pytest

from backbay.errors import DecodeError
from backbay_cohere import spec
from backbay_cohere.codec import CohereV2
from backbay_conformance.fuzzing.examples import hold
from backbay_conformance.fuzzing.shipped import surfaces_of

pytestmark = pytest.mark.hypothesis


@pytest.mark.parametrize("surface", surfaces_of("cohere"), ids=str)
def test_of_any_input_come_only_typed_errors_and_what_the_grammar_allows(surface):
    hold(surface)


@pytest.mark.parametrize("vector", ['"ž"', '"A"', "[1%s]" % (400 * "0")])
def test_a_vector_that_no_floats_can_be_is_a_decode_error(vector):
    """Found by fuzzing."""
    body = f'{{"embeddings": {{"float": [{vector}]}}}}'
    with pytest.raises(DecodeError):
        CohereV2(spec, {}).decode_embeddings(body.encode(), 1)
