"""Whatever bytes come: typed errors alone, the grammar, and no matter of splits."""

from __future__ import annotations

import pytest

from backbay_conformance.fuzzing.examples import hold
from backbay_conformance.fuzzing.shipped import surfaces_of

pytestmark = pytest.mark.hypothesis


@pytest.mark.parametrize("surface", surfaces_of("azure"), ids=str)
def test_of_any_input_come_only_typed_errors_and_what_the_grammar_allows(surface):
    hold(surface)
