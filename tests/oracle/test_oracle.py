"""The vendors' own SDKs read the same bytes as Backbay, and every difference has its reason (N9, M4, M7 to M10).

Needs the SDKs, which only ``tox run -e oracle`` installs; skipped anywhere else.
"""

from __future__ import annotations

import json
import warnings
from importlib.metadata import PackageNotFoundError, version

import pytest
from recorded_traffic.corpus import REPOSITORY, exchanges, folder

for name in ("openai", "anthropic", "google-genai", "mistralai", "cohere", "ollama", "groq", "boto3"):
    try:
        version(name)
    except PackageNotFoundError:
        pytest.skip(f"{name} is not installed; `tox run -e oracle` has every SDK", allow_module_level=True)

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # what an SDK warns of when it is imported is its own
    from official_sdks.asking import SDKS, cases, findings, readings
    from official_sdks.facts import differences
    from official_sdks.page import page, without_versions
    from official_sdks.rules import RULES, explanation

# What an SDK leaves open is not Backbay's.
pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]

EXPECTED = {"text": "text", "thinking": "thinking", "finish": "finish_reason", "model": "model", "id": "response_id"}
"""Our facts, and their names in the corpus."""

PAIRS = sorted({(sdk.NAME, f"{exchange.vendor}/{exchange.api}") for sdk, exchange, _ in cases()})


@pytest.mark.parametrize(("sdk", "pair"), PAIRS, ids=lambda value: value)
def test_every_difference_between_an_sdk_and_backbay_is_explained(sdk, pair):
    group = [finding for finding in findings() if (finding.sdk, finding.pair) == (sdk, pair)]
    assert group
    assert [str(each) for finding in group for each in finding.differences if explanation(each) is None] == []


def test_every_rule_explains_something():
    used = {explanation(each) for finding in findings() for each in finding.differences}
    assert [rule.name for rule in RULES if rule not in used] == []


def test_every_sdk_reads_something():
    assert {finding.sdk for finding in findings()} == {sdk.NAME for sdk in SDKS}


@pytest.mark.parametrize("feature", ["tools", "tools_stream", "error_400"])
@pytest.mark.parametrize("sdk", SDKS, ids=lambda sdk: sdk.NAME)
def test_a_wrong_fact_of_ours_would_be_noticed(sdk, feature):
    case = next((case for case in cases() if case[0] is sdk and case[1].feature == feature), None)
    if case is None:
        pytest.skip(f"the corpus has no exchange of {feature} that {sdk.NAME} reads")
    _, exchange, _ = case
    ours, theirs = readings(*case)
    differing = {each.fact for each in differences(exchange.id, sdk.NAME, ours, theirs)}
    agreed = [fact for fact in theirs if fact not in differing and (fact != "signatures" or theirs[fact])]
    assert len(agreed) > 1
    for fact in agreed:
        wrong = {**ours, fact: ["wrong"]}
        found = differences(exchange.id, sdk.NAME, wrong, theirs)
        assert [each.fact for each in found if each.fact not in differing and explanation(each) is None] == [fact]


def test_where_backbay_is_right_the_corpus_says_the_same():
    wrong = []
    for finding in findings():
        for each in finding.differences:
            rule = explanation(each)
            if rule is None or rule.right != "Backbay":
                continue
            expected = finding.exchange.expected
            if each.fact == "tool_call_ids":
                right = each.ours == [call["id"] for call in expected["tool_calls"]]
            elif each.fact == "tool_calls":
                right = each.ours == [(call["name"], call["arguments"]) for call in expected["tool_calls"]]
            elif each.fact in EXPECTED:
                right = (each.ours or None) == (expected[EXPECTED[each.fact]] or None)
            else:
                continue
            if not right:
                wrong.append(str(each))
    assert wrong == []


def test_exchanges_that_an_sdk_is_known_to_misread_are_misread_here_too():
    differing = {finding.exchange.id for finding in findings() if finding.differences}
    compared = {finding.exchange.id for finding in findings()}
    known = set()
    for exchange in exchanges():
        oracle = json.loads((folder() / f"{exchange.id}.json").read_text(encoding="utf-8"))["oracle"]
        if {"sdk_disagrees", "sdk_failed", "sdk_accumulator_failed"} & oracle.keys():
            known.add(exchange.id)
    # A list of OpenAI's shape, on which Amazon's SDK was tried, and failed. OpenAI's reads it.
    assert known & compared - differing == {"bedrock/models/models/001"} & compared
    assert len(known & compared) > 13


def test_the_page_says_what_was_found():
    written = (REPOSITORY / "docs" / "oracle.md").read_text(encoding="utf-8")
    assert without_versions(written) == without_versions(page()), "run `tox run -e oracle -- --page`"
