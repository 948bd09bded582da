"""What an author gets wrong is one failure with the file and the fix, and never a traceback from inside the suite."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from backbay_conformance import collecting, recording, suite, watched

# Loaded here, for the runs of pytest within this process to share: what one of them loads goes with it.
LOADED = (collecting, recording, suite)

OWN_WIRE = Path(__file__).parent / "own_wire"
LAW = "test_the_answer_is_the_canonical_one_or_the_request_is_refused[plain"
HEAD = """
import sys, time
from pathlib import Path
from backbay import BackendSpec, Capabilities
from backbay_conformance import BackendConformance, Engine, Vendor
from backbay_conformance.vendors import VENDORS

HERE = Path(__file__).parent
OpenAI = VENDORS["openai_chat"]
ACME = BackendSpec(
    name="acme", wires=("openai_chat",), default_base_url="https://acme.example/v1", credential_env=("ACME_API_KEY",),
    capabilities=Capabilities.of(full="generate streaming", unsupported="tools"),
)
OWN = BackendSpec(
    name="own", wires=("own_lines",), codec="own_wire_codec:LinesCodec", default_base_url="https://acme.example/v1",
    credential_env=("ACME_API_KEY",), models_path="models",
    capabilities=Capabilities.of(
        full="generate streaming system_prompt tools forced_tool_choice temperature max_tokens stop list_models",
        unsupported="parallel_tool_calls reasoning structured_output image_input audio_input file_input top_p seed "
        "embeddings",
    ),
)
"""


@pytest.fixture
def tried(pytester, monkeypatch):
    """Run a law on a class with this body; return pytest's result."""
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    monkeypatch.setattr(watched, "LIMIT", 0.3)

    def run(body, before="", law=LAW):
        lines = "\n".join(f"    {line}" for line in body.splitlines())
        pytester.makepyfile(test_acme=f"{HEAD}{before}\nclass TestAcme(BackendConformance):\n{lines}\n")
        return pytester.runpytest_inprocess("-p", "no:cacheprovider", "-p", "no:xdist", f"--backbay-law={law}")

    return run


def _assert_said(result, *lines, failed=1):
    """Assert that so many tests failed with these lines, and no frame of the suite is shown."""
    result.assert_outcomes(failed=failed)
    result.stdout.fnmatch_lines(lines)
    result.stdout.no_fnmatch_line("*Traceback*")
    result.stdout.no_fnmatch_line("*backbay_conformance/*.py:[0-9]*")


BROKEN = "class Mine(OpenAI):\n    def {method}:\n        {does}\n"


@pytest.mark.parametrize(
    ("method", "does", "said"),
    [
        ("whole(self, answer)", "time.sleep(60)", "*emulator Mine.whole (*test_acme.py) did not return within 0.3 s.*"),
        ("stream(self, answer)", "time.sleep(60)", "*Mine.stream (*test_acme.py) did not return within 0.3 s.*"),
        (
            "stream(self, answer)",
            "\n        while True:\n            yield b'more'",
            "*Mine.stream (*) gave more than 10000 events, and did not end.",
        ),
        ("error(self, status, message)", "time.sleep(60)", "*Mine.error (*test_acme.py) did not return*"),
        ("read(self, request)", "time.sleep(60)", "*Mine.read (*test_acme.py) did not return*"),
        ("__init__(self)", "time.sleep(60)", "*Mine.__init__ (*test_acme.py) did not return*"),
        (
            "whole(self, answer)",
            "return answer.nothing",
            "*Mine.whole (*test_acme.py) failed: AttributeError: *nothing*",
        ),
        ("whole(self, answer)", "return 'pong'", "*Mine.whole (*test_acme.py) gave a str; give bytes.*"),
        ("stream(self, answer)", "return ['pong']", "*Mine.stream (*) gave an event that is a str; give bytes.*"),
        ("stream(self, answer)", "return [b'pong']", "*Mine.stream (*) gives 1 events for the scenario plain, and*3*"),
        ("models(self, ids)", "sys.exit(3)", "*Mine.models (*test_acme.py) raised SystemExit: 3.*"),
        (
            "__init__(self)",
            "raise OSError('no tape')",
            "*emulator Mine (*test_acme.py) could not be made: OSError: no tape*",
        ),
    ],
)
def test_an_emulator_that_hangs_or_fails_is_one_failure_that_names_method_class_and_file(tried, method, does, said):
    result = tried("spec = ACME\nvendor = Mine", BROKEN.format(method=method, does=does))
    _assert_said(result, said)


def test_an_emulator_whose_stream_says_how_it_ends_wrongly_is_one_failure(tried):
    before = "class Mine(OpenAI):\n    events_that_finish = 0\n"
    _assert_said(
        tried("spec = ACME\nvendor = Mine", before), "*emulator Mine (*test_acme.py) says*events_that_finish 0;*"
    )


@pytest.mark.parametrize(
    ("does", "said"),
    [
        ("raise ValueError('that is no chat')", "that is no chat"),
        ("return request.json['prompt']", "KeyError: 'prompt'"),
        ("raise ConnectionError('x')", "ConnectionError: x"),
    ],
)
def test_an_emulator_that_refuses_a_request_is_the_cause_that_a_law_reports(tried, does, said):
    result = tried("spec = ACME\nvendor = Mine", BROKEN.format(method="read(self, request)", does=does))
    whole = f"the emulator Mine.read (*test_acme.py) refused the request POST /v1/chat/completions: {said}"
    _assert_said(result, whole, failed=2)
    result.stdout.no_fnmatch_line("*Server disconnected*")


def test_an_emulator_that_refuses_where_a_law_only_warms_up_is_the_cause_too(tried):
    before = BROKEN.format(method="read(self, request)", does="raise ValueError('no')")
    result = tried("spec = ACME\nvendor = Mine", before, "test_idle_ends_a_stall")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["the emulator Mine.read (*test_acme.py) refused the request POST *: no"])


def test_a_law_that_holds_by_accident_though_the_emulator_failed_fails(tried):
    before = BROKEN.format(method="reply(self, request, answer)", does="raise ValueError('no')")
    law = "test_closing_a_backend_ends_what_runs[complete"
    result = tried(
        "spec = ACME\nvendor = Mine\nexpected_failures = {'test_closing_a_backend_ends_what_runs': 'x'}", before, law
    )
    _assert_said(result, "the emulator Mine.reply (*test_acme.py) refused the request POST *: no")


def test_an_emulator_may_hang_only_once(tried, pytester):
    does = "(HERE / 'asked').open('a').write(request.json['model'] + ' ')\n        time.sleep(60)"
    before = BROKEN.format(method="read(self, request)", does=does)
    result = tried("spec = ACME\nvendor = Mine", before, "test_a_stream_keeps_the_grammar")
    assert result.parseoutcomes()["failed"] > 5
    assert (pytester.path / "asked").read_text(encoding="utf-8") == "conformance-1 "


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("spec = 3", "*class TestAcme: spec is a int. Write spec = your_package.spec, a BackendSpec."),
        ("spec = OWN", "*'own_lines'*no emulator for; write a subclass of*Vendor*, or record exchanges*"),
        ("spec = ACME\nvendor = Vendor", "*the vendor Vendor does not have embeddings, *whole. Write what is missing."),
        ("spec = ACME\nvendor = OpenAI()", "*must be a subclass of backbay_conformance.Vendor. Set the class, not *"),
        ("spec = ACME\nvendor = OpenAI\nexchanges = 'x'", "*vendor and exchanges are two emulators of one wire.*"),
        (
            "spec = OWN\nexchanges = 3",
            '*exchanges is a int. Name a folder: exchanges = Path(__file__).parent / "exchanges".',
        ),
        ("spec = OWN\nexchanges = HERE / 'none'", "*there is no folder */none. Make it, and record exchanges there;*"),
        (
            "spec = BackendSpec(name='here', backend='acme:Backend')\nengine = Engine(model='x')\nexchanges = 'x'",
            "*here runs in this process, so that exchanges means nothing. Remove the line.",
        ),
    ],
)
def test_a_class_without_what_it_needs_is_one_failure_with_the_fix(tried, body, said):
    _assert_said(tried(body), f"*test_acme.py: {said}")


def _change(**fields):
    def change(folder, name):
        file = folder / f"{name}.json"
        found = json.loads(file.read_text(encoding="utf-8")) | fields
        kept = {field: value for field, value in found.items() if value is not None}
        file.write_text(json.dumps(kept), encoding="utf-8")

    return change


def _write(text):
    return lambda folder, name: (folder / f"{name}.json").write_bytes(text)


def _remove(folder, name):
    (folder / f"{name}.json").unlink()


def _remove_all(folder, name):
    for file in folder.iterdir():
        file.unlink()


@pytest.mark.parametrize(
    ("name", "change", "said"),
    [
        ("", _remove_all, "*exchanges has no .json file. Record exchanges there;*"),
        ("wire", _remove, "*exchanges/wire.json is missing. Write it;*"),
        ("plain", _remove, "*exchanges/plain.json is missing. Write it;*"),
        ("multi_turn", _write(b'{\n  "request": {,}\n}'), "*multi_turn.json: line 2, column 15: this is no JSON:*"),
        ("multi_turn", _write(b'{"\xff": 1}'), "*multi_turn.json: byte 2 is no UTF-8. Save the file as UTF-8."),
        ("multi_turn", _write(b"[1]"), "*multi_turn.json has a list; write one JSON object."),
        ("plain", _change(streem=[]), "*plain.json: there is no field 'streem'. Did you mean stream? It may have*"),
        ("wire", _change(evnets=2), "*wire.json: there is no field 'evnets'. It may have path,*"),
        ("wire", _change(model="model"), '*wire.json: model must be a JSON pointer, such as "/model".'),
        ("wire", _change(events_that_finish=0), "*wire.json: events_that_finish must be a number, 1 or more."),
        (
            "wire",
            _change(events_that_finish=2),
            "*plain.json: with 2 events that finish an answer, stream has no text*",
        ),
        ("wire", _change(error={}), "*wire.json: error must be a body, or text, in which {{message}} stands."),
        ("wire", _change(error=None), '*wire.json has no "error". Write it:*'),
        ("wire", _change(stream=None), '*wire.json has neither "stream", *nor "stream_path".'),
        (
            "wire",
            _change(model=None),
            '*wire.json has no "model". Write the pointer to it, or {{model}} into the path.',
        ),
        ("wire", _change(models={"models": []}), "*wire.json: models must be a body with a list*{{id}}*"),
        ("wire", _change(models=None), '*wire.json has no "models", and own declares list_models. Write it.'),
        (
            "wire",
            _change(options={}),
            "*wire.json: options has no pointer for temperature, which own declares. Write it.",
        ),
        ("plain", _change(whole={"text": "pong."}), "*plain.json: write {{text}} where the text of whole stands:*"),
        ("plain", _change(stream=[{"text": "pong."}, {}]), "*plain.json: {{text}} stands in 0 events of stream.*"),
        ("plain", _change(request=None), '*plain.json has no "request". Write it:*'),
        ("filtered", _change(stream=None), '*filtered.json has no "stream". Write the answer in both forms*'),
        ("filtered", _remove, '*filtered.json is missing: no other file covers filtered. Write "whole" and "stream".*'),
        ("one_tool", _remove, "*one_tool.json is missing:*which the spec declares with tools. Write*'tools'*"),
        (
            "later_system",
            _remove,
            "*later_system.json is missing*It asks system: 'You are a pirate.', user: 'Say pong.'*",
        ),
        ("after_text_and_tool", _remove, '*after_text_and_tool.json is missing:*Write "request".*'),
        ("plian", _write(b"{}"), "*plian.json: 'plian' is no scenario. Did you mean plain? Rename the file, or*"),
        (
            "mine",
            _write(b'{"messages": "Hi."}'),
            '*mine.json has no "request". Write the body that asks these messages.',
        ),
        (
            "mine",
            _write(b'{"messages": [{"role": "nobody", "content": "Hi."}], "request": {}}'),
            "*mine.json: messages or options: *role*",
        ),
    ],
)
def test_exchanges_that_are_missing_or_wrong_are_one_failure_with_the_file_and_the_fix(
    tried, pytester, name, change, said
):
    folder = pytester.path / "exchanges"
    shutil.copytree(OWN_WIRE / "exchanges", folder)
    change(folder, name)
    _assert_said(tried("spec = OWN\nexchanges = HERE / 'exchanges'"), said)
