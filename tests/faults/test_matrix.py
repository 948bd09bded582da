"""Every fault of the corpus's http-faults.json, in both faces: the right error or the right answer."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from fault_rig import matrix
from fault_rig.asking import ask
from fault_rig.plan import Door

from backbay import BackbayError

NAMED = os.environ.get("BACKBAY_CORPUS")
FILE = (Path(NAMED) if NAMED else Path(__file__).resolve().parents[3] / "shared") / "data" / "http-faults.json"
CASES = matrix.cases(FILE) if FILE.exists() else []

BY_DESIGN = {
    "okstream": "a stream in place of a whole answer is understood",
    "null_choices": "tolerated, as the file allows",
    "invalid_utf8": "replaced, as the file allows",
    "delta_unknown_index": "the text counts",
    "done_no_finish": "without message_stop the messages wire calls it cut",
}
"""Where both outcomes are right, and what Backbay does; only that it is typed is looked at."""


def _params():
    for case in CASES:
        for face, said in (("", "async"), ("sync_", "sync")):
            yield pytest.param(case, face, id=f"{case['name']}-{said}")


def test_the_corpus_is_there(corpus):
    assert len(CASES) >= 152


@pytest.mark.parametrize("transport", ["direct", "aiohttp"])
@pytest.mark.parametrize(("case", "face"), [*_params()])
def test_matrix(bench, monkeypatch, transport, case, face):
    monkeypatch.setenv("BACKBAY_TRANSPORT", transport)
    how = face + ("stream" if case["mode"] == "stream" else "complete")
    reference = "anthropic:m-1" if case["protocol"] == "anthropic-messages" else "openai:m-1"
    with bench.rig.opened(Door(answers=[matrix.answer(case)])) as door:
        outcome = ask(door.url, how, options={"max_tokens": 100}, reference=reference, retries=0, limits=matrix.LIMITS)
        assert door.attempts == 1
        assert door.all_left()
    expected = case["expected"]
    name = case["name"].rpartition("/")[2]
    assert outcome.error is None or isinstance(outcome.error, BackbayError), repr(outcome.error)
    if name in BY_DESIGN or " or " in expected["outcome"]:
        return
    if expected["outcome"] == "ok":
        assert outcome.text == expected["partial_text"], repr(outcome.error)
        return
    assert outcome.error is not None, f"an answer was made of it: {outcome.response!r}"
    assert isinstance(outcome.error, matrix.kinds(case)), repr(outcome.error)
    assert outcome.partial == expected["partial_text"]
    assert outcome.error.attempts == 1
