"""The fuzzer finds what is wrong, says it once and small, and makes the same inputs of the same seed."""

from __future__ import annotations

import random

import pytest

from backbay.errors import DecodeError
from backbay_conformance.fuzzing.examples import hold
from backbay_conformance.fuzzing.heads import check_response, head_surfaces
from backbay_conformance.fuzzing.laws import BrokenLawError, check_frames
from backbay_conformance.fuzzing.mutation import Mutator
from backbay_conformance.fuzzing.running import run
from backbay_conformance.fuzzing.surface import surface

SEEDS = ([b'{"a": 1}\n', b'{"b": [2, "x"]}\n'], [b'{"c": {"d": null}}\n'])


def planted(check):
    return surface("planted", Mutator(SEEDS), check, SEEDS)


def breaks_on_null(data):
    if b"null" in data and b"d" in data:
        raise KeyError("d")


class MindsSplits:
    """Frames that are whatever came in one read."""

    def feed(self, data):
        return [data] if data else []

    def finish(self):
        return []


class Typed(MindsSplits):
    def feed(self, data):
        raise DecodeError("Nothing can be read.")


def test_a_defect_is_found_once_however_many_inputs_show_it_and_made_small():
    done = run(planted(breaks_on_null), 300)
    [finding] = done.findings.values()
    assert finding.words == "KeyError: 'd'"
    assert finding.times > 10
    assert len(finding.data) == len(b"nulld")


def test_two_defects_are_two_findings():
    def check(data):
        breaks_on_null(data)
        if b"[" in data:
            raise BrokenLawError("a list")

    assert len(run(planted(check), 300).findings) == 2


def test_the_same_seed_makes_the_same_inputs_and_another_makes_others():
    def inputs(seed):
        seen = []
        run(planted(seen.append), 50, seed=seed)
        return seen

    assert inputs(1) == inputs(1) != inputs(2)


def test_inputs_are_for_the_most_part_no_seeds():
    made = [planted(print).make(random.Random(number)) for number in range(200)]
    assert len(set(made)) > 150
    assert sum(data in {b"".join(seed) for seed in SEEDS} for data in made) < 20


def test_a_surface_with_a_defect_fails_its_test_with_the_input_that_shows_it():
    with pytest.raises(pytest.fail.Exception, match=r"planted: 1 findings\nKeyError: 'd'\n    by \d+ inputs"):
        hold(planted(breaks_on_null), inputs=300, examples=1)


def test_a_parser_that_minds_splits_breaks_a_law_and_one_that_fails_with_a_typed_error_breaks_none():
    with pytest.raises(BrokenLawError, match="split into"):
        check_frames(b"0123456789", MindsSplits)
    check_frames(b"0123456789", Typed)


@pytest.mark.parametrize("transport", head_surfaces(), ids=str)
def test_the_heads_that_are_seeds_are_good_ones_or_typed_errors(transport):
    for seed in transport.seeds:
        transport.check(seed)


def test_a_server_that_says_nothing_is_a_typed_error_and_no_hang():
    check_response(b"")
