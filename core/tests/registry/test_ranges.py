"""The quick reading of the usual range agrees with the full one."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from packaging.specifiers import SpecifierSet

from backbay.ranges import unmet

VERSIONS = st.lists(st.integers(0, 3), min_size=1, max_size=4).map(lambda numbers: ".".join(map(str, numbers)))
RANGES = st.lists(st.tuples(st.sampled_from([">=", "<"]), VERSIONS).map("".join), min_size=1, max_size=3)


@given(RANGES, VERSIONS)
def test_a_plain_range_holds_exactly_where_packaging_says_so(clauses: list[str], installed: str) -> None:
    expected = SpecifierSet(",".join(clauses)).contains(installed, prereleases=True)
    assert (unmet([f"backbay{','.join(clauses)}"], installed) is None) == expected
