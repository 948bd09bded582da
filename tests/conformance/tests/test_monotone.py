"""The backend that always answers the same words, which a suite of types lets pass, breaks laws of every kind here."""

from __future__ import annotations

import json

import pytest

from backbay_conformance.saboteurs.intended import LEAST_BROKEN

# Without laws in which a server waits for a request that this one never sends: seconds each.
QUICK = "not stopped_stream and not closing_a_backend"
SOURCE = """
from backbay_conformance import BackendConformance
from backbay_conformance.saboteurs import SABOTEURS
from backbay_conformance.saboteurs.intended import ENGINE

class TestSameWords(BackendConformance):
    spec = SABOTEURS[{name!r}].spec
    engine = None if spec.speaks_http else ENGINE
"""
MUST = {
    "SameWords": {
        "test_a_stop_sequence_ends_an_answer_and_is_not_in_it": "the stop sequence is in every answer",
        "test_max_tokens_ends_an_answer_with_the_finish_length": "max_tokens is ignored",
        "test_an_answer_says_what_it_used": "0 stands for unknown usage",
        "test_total_ends_a_call_that_goes_on": "limits are ignored",
        "test_a_tool_is_called_with_arguments_that_fit": "tools are declared, and never called",
        "test_an_answer_of_a_schema_fits_it": "a schema is declared, and not kept",
    },
    "SameWordsOverHTTP": {
        "test_what_was_asked_stands_on_the_wire": "the prompt and every option are ignored",
        "test_an_option_is_sent_if_and_only_if_it_was_given": "stop, temperature and max_tokens are not sent",
        "test_the_answer_is_the_canonical_one_or_the_request_is_refused": "the answer is invented",
        "test_token_counts_are_read_in_every_dialect_of_the_wire": "0 stands for unknown usage",
        "test_an_error_status_is_one_typed_error_whatever_its_body": "no error is raised",
        "test_a_stream_that_is_cut_raises_with_what_came": "a cut stream is a whole answer",
        "test_silence_is_ended_by_total_and_by_first_event": "limits are ignored",
        "test_health_tells_a_server_that_is_there_from_one_that_is_not_well": "everything is fine",
    },
}


@pytest.mark.parametrize("name", LEAST_BROKEN)
def test_the_backend_that_always_answers_the_same_breaks_laws_of_every_kind(name, pytester, monkeypatch):
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    pytester.makepyfile(test_same_words=SOURCE.format(name=name))
    options = ["-q", "--tb=no", "-p", "no:cacheprovider", "-p", "no:xdist", "--backbay-report=out.json"]
    options += ["-k", QUICK] if "HTTP" in name else []
    result = pytester.runpytest_subprocess(*options)
    assert result.ret == 1
    [backend] = json.loads((pytester.path / "out.json").read_text(encoding="utf-8"))["backends"]
    broken = {law["name"] for law in backend["laws"] if law["verdict"] == "broken" and law["group"] != "importing"}
    assert not {law: why for law, why in MUST[name].items() if law not in broken}
    assert len(broken) >= LEAST_BROKEN[name], f"{name} breaks {len(broken)} laws: {sorted(broken)}"
