"""Recorded exchanges stand in for an emulator: an honest codec goes green on them, and a broken one red."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pytest

from backbay_conformance import BackendConformance
from backbay_conformance.exchanges import Recorded
from backbay_conformance.scenarios import SCENARIOS

OWN_WIRE = Path(__file__).parent / "own_wire"
sys.path.append(str(OWN_WIRE))  # where the spec and the codec of the example are, as if they were installed

import own_wire_spec  # noqa: E402

TEST = """
from pathlib import Path
import own_wire_spec
from backbay_conformance import BackendConformance

class TestAcme(BackendConformance):
    spec = own_wire_spec.spec
    exchanges = Path(__file__).parent / "exchanges"
"""
ANSWERS = "test_the_answer_is_the_canonical_one_or_the_request_is_refused"
ASKED = "test_what_was_asked_stands_on_the_wire"


class TestOwnWire(BackendConformance):
    """A vendor with a wire of its own, by recorded exchanges alone, keeps every law."""

    spec = own_wire_spec.spec
    exchanges = OWN_WIRE / "exchanges"


@pytest.fixture
def broken(pytester, monkeypatch):
    """Run a law on the example with one line of its codec changed."""
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)

    def run(right, wrong, law):
        shutil.copytree(OWN_WIRE, pytester.path, dirs_exist_ok=True)
        codec = pytester.path / "own_wire_codec.py"
        source = codec.read_text(encoding="utf-8")
        assert right in source
        codec.write_text(source.replace(right, wrong), encoding="utf-8")
        pytester.makepyfile(test_acme=TEST)
        return pytester.runpytest_subprocess("-q", "-p", "no:cacheprovider", "-p", "no:xdist", f"--backbay-law={law}")

    return run


@pytest.mark.parametrize(
    ("right", "wrong", "law", "said"),
    [
        ('"limit": Finish.LENGTH', '"limit": Finish.STOP', f"{ANSWERS}[length_stop", "*finish*"),
        ('line["usage"].get("out")', "None", f"{ANSWERS}[unicode", "*token counts differ*"),
        ('if "call" in line', "if False", f"{ANSWERS}[one_tool", "*call_a*"),
        ('not {"id", "model"} <= line.keys()', "False", "test_a_body_that_is_no_answer", "*KeyError*"),
        ('"text": message.text', '"text": message.text.strip(".")', f"{ASKED}[plain", "*sent were the turns*"),
        ('"must"] = request.tool_choice', '"need"] = request.tool_choice', f"{ASKED}[forced_tool", "*/need is 'get_w*"),
        (
            'said["answers"] =',
            'said["answer"] =',
            f"{ASKED}[tool_results",
            "*/turns/2/answers was not sent, recorded is*",
        ),
        ('"max": request.max_tokens', '"max": None', f"{ASKED}[length_stop", "*max_tokens was sent as None*"),
        ('"schema": tool.parameters', '"schema": {}', f"{ASKED}[one_tool", "*refused the request POST /v1/say: *"),
    ],
)
def test_a_broken_codec_is_red_at_the_law_that_is_meant_for_it(broken, right, wrong, law, said):
    result = broken(right, wrong, law)
    outcomes = result.parseoutcomes()
    assert outcomes.get("failed", 0) >= 1, outcomes
    result.stdout.fnmatch_lines([said])


def _recorded(folder, **changes):
    """Return the emulation by a copy of the example's files, with some of them changed."""
    shutil.copytree(OWN_WIRE / "exchanges", folder, dirs_exist_ok=True)
    for name, content in changes.items():
        file = folder / f"{name}.json"
        found = json.loads(file.read_text(encoding="utf-8"))
        file.write_text(json.dumps({**found, **content}), encoding="utf-8")
    return Recorded(folder, own_wire_spec.spec, "here")


def test_counts_that_an_answer_lacks_are_left_out_and_text_is_repeated(tmp_path):
    recorded = _recorded(tmp_path / "exchanges")
    whole = json.loads(recorded.whole(SCENARIOS["no_usage"].answer))
    assert "usage" not in whole
    lines = [json.loads(line) for line in recorded.stream(SCENARIOS["long_answer"].answer)]
    assert len(lines) == 402
    assert lines[-1]["usage"] == {"in": 12, "out": 800}


def test_an_event_may_be_text_as_it_stands_on_the_wire(tmp_path):
    events = ['event: say\ndata: {"text": "{{text}}"}\n\n', {"end": "stop", "usage": {"out": "{{output}}"}}]
    recorded = _recorded(tmp_path / "x", plain={"stream": events}, wire={"stream_type": "text/event-stream"})
    assert recorded.stream(SCENARIOS["white_space"].answer) == [
        b'event: say\ndata: {"text": "\\n\\n"}\n\n',
        b'event: say\ndata: {"text": "  kept  "}\n\n',
        b'event: say\ndata: {"text": "\\n"}\n\n',
        b'data: {"end": "stop", "usage": {"out": 5}}\n\n',
    ]


def test_vectors_come_out_of_order_where_the_wire_numbers_them(tmp_path):
    numbered = {"embeddings": {"data": [{"n": "{{index}}", "v": "{{vector}}"}]}}
    recorded = _recorded(tmp_path / "x", wire=numbered)
    assert json.loads(recorded.embeddings([[1.0], [2.0]])) == {"data": [{"n": 1, "v": [2.0]}, {"n": 0, "v": [1.0]}]}
    plain = _recorded(tmp_path / "y", wire={"embeddings": {"data": ["{{vector}}"]}})
    assert json.loads(plain.embeddings([[1.0], [2.0]])) == {"data": [[1.0], [2.0]]}
