"""A law that is new in a minor release warns until the next one; then it counts."""

from __future__ import annotations

import json

import pytest

from backbay_conformance.provisional import counts_from, is_provisional, provisional, since_of

LAW = "test_a_body_that_is_no_answer_is_a_decode_error"
SOURCE = """
from backbay_conformance import BackendConformance
from backbay_conformance.laws import AnswerLaws
from backbay_conformance.provisional import provisional
from backbay_conformance.saboteurs import HONEST, SABOTEURS

provisional(since=SINCE)(AnswerLaws.LAW)

class TestAcme(BackendConformance):
    spec = SPEC
    expected_failures = EXPECTED
"""
WRONG = "SABOTEURS['TakesAnythingForAnAnswer'].spec"


@pytest.fixture
def laws(pytester, monkeypatch):
    """Run one law, marked as provisional since a release, with a backend that breaks it."""
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)

    def run(*arguments, since="99.0", spec=WRONG, expected="{}"):
        source = SOURCE.replace("SINCE", repr(since)).replace("EXPECTED", expected).replace("SPEC", spec)
        pytester.makepyfile(test_acme=source.replace("LAW", LAW))
        options = ["-q", "-p", "no:cacheprovider", f"--backbay-law={LAW}", "--backbay-report=out", *arguments]
        result = pytester.runpytest_subprocess(*options)
        return result, json.loads((pytester.path / "out" / "conformance.json").read_text(encoding="utf-8"))

    return run


def _one_law(report):
    [backend] = report["backends"]
    [law] = backend["laws"]
    return backend, law


def test_a_provisional_law_that_is_broken_warns_and_fails_nothing(laws, pytester):
    result, report = laws("-p", "no:xdist")
    assert result.ret == 0
    result.stdout.fnmatch_lines(
        [f"provisional: broken: *{LAW}* (new in 99.0, counts from 99.1: *", "*--backbay-strict*"]
    )
    backend, law = _one_law(report)
    assert (report["verdict"], backend["verdict"]) == ("kept", "kept")
    assert (law["verdict"], law["provisional_since"]) == ("provisional: broken", "99.0")
    assert backend["counts"] == {"laws": 1, "kept": 0, "provisional_broken": 1, "expected_failure": 0, "broken": 0}
    assert all("DID NOT RAISE" in case["evidence"]["message"] for case in law["cases"])
    page = (pytester.path / "out" / "conformance.html").read_text(encoding="utf-8")
    assert "provisional: broken" in page
    assert "1 broken that will count later" in page


def test_workers_send_it_along(laws):
    pytest.importorskip("xdist")
    result, report = laws("-n2")
    assert result.ret == 0
    result.stdout.fnmatch_lines([f"provisional: broken: *{LAW}*"])
    assert _one_law(report)[1]["verdict"] == "provisional: broken"


def test_strict_makes_it_count_now(laws):
    result, report = laws("-p", "no:xdist", "--backbay-strict")
    assert result.ret == 1
    assert _one_law(report)[1]["verdict"] == "broken"


def test_it_counts_from_the_next_minor_release(laws):
    result, report = laws("-p", "no:xdist", since="0.0")
    assert result.ret == 1
    assert _one_law(report)[1]["verdict"] == "broken"


def test_one_that_is_kept_says_nothing(laws):
    result, report = laws("-p", "no:xdist", spec="HONEST")
    assert result.ret == 0
    result.stdout.no_fnmatch_line("*provisional*")
    assert _one_law(report)[1]["verdict"] == "kept"


def test_an_expected_failure_stays_one_and_must_be_true(laws):
    expected = f'{{"{LAW}": "the server is old"}}'
    result, report = laws("-p", "no:xdist", expected=expected)
    assert (result.ret, _one_law(report)[1]["verdict"]) == (0, "expected failure")
    result, report = laws("-p", "no:xdist", expected=expected, spec="HONEST")
    assert (result.ret, _one_law(report)[1]["verdict"]) == (1, "broken")


@pytest.mark.parametrize(
    ("since", "suite", "held"),
    [
        ("0.2", "0.2.0", True),
        ("0.2", "0.2.9", True),
        ("0.2", "0.2", True),
        ("0.2", "0.2rc1", True),
        ("0.2", "0.3.0", False),
        ("0.2", "0.3.dev1", False),
        ("0.2", "1.0", False),
        ("0.9", "0.10", False),
        ("0.10", "0.9.1", True),
        ("1.0", "0.9", True),
        ("0.2", "unknown", False),
    ],
)
def test_it_is_held_back_in_its_own_minor_release_alone(since, suite, held):
    @provisional(since=since)
    def law():
        """A law."""

    assert since_of(law) == since
    assert is_provisional(law, suite) is held
    assert not is_provisional(print, suite)


def test_the_release_in_which_it_counts():
    assert (counts_from("0.2"), counts_from("0.9"), counts_from("1.0")) == ("0.3", "0.10", "1.1")


@pytest.mark.parametrize("since", ["", "1", "0.2.1", "v0.2", "0.x"])
def test_a_release_that_is_none_is_refused(since):
    with pytest.raises(ValueError, match="minor release"):
        provisional(since=since)
