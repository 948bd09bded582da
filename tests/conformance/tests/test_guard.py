"""A law cannot be changed by whom it judges, and what is set up wrongly is one clear failure."""

from __future__ import annotations

import pytest

import backbay_conformance.suite  # noqa: F401 (loaded here, it is the same suite in every run that a test makes)

LAW = "test_a_body_that_is_no_answer_is_a_decode_error"
OTHER = "test_any_split_of_the_bytes_gives_the_same_events"
HEAD = """
import pytest
from backbay import BackendSpec, Capabilities
from backbay_conformance import BackendConformance, Engine
from backbay_conformance.vendors.openai_chat import *
from backbay_conformance import vendors

ACME = BackendSpec(
    name="acme", wires=("openai_chat",), default_base_url="https://acme.example/v1", credential_env=("ACME_API_KEY",),
    capabilities=Capabilities.of(full="generate streaming", unsupported="tools"),
)
"""


@pytest.fixture
def conformance(pytester, monkeypatch):
    """Run pytest on a class of a conformance test with this body; only the laws about bad bodies, unless said."""
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)

    def run(body, *arguments, before="", law=LAW):
        lines = "\n".join(f"    {line}" for line in body.splitlines())
        pytester.makepyfile(test_acme=f"{HEAD}{before}\nclass TestAcme(BackendConformance):\n{lines}\n")
        options = ["-p", "no:cacheprovider", "-p", "no:xdist", *([f"--backbay-law={law}"] if law else [])]
        return pytester.runpytest_inprocess(*options, *arguments)

    return run


def test_an_untouched_class_keeps_its_laws(conformance):
    result = conformance("spec = ACME")
    result.assert_outcomes(passed=2)


@pytest.mark.parametrize(
    ("body", "word"),
    [
        (f"spec = ACME\ndef {LAW}(self): return None", "overrides"),
        (f"spec = ACME\n{LAW} = None", "deletes"),
        (f"spec = ACME\n@pytest.mark.skip\ndef {LAW}(self, subject, how): super().{LAW}(subject, how)", "overrides"),
    ],
)
def test_a_law_that_is_overridden_or_deleted_fails_by_name(conformance, body, word):
    result = conformance(body)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([f"*test_acme.py: TestAcme {word} the law {LAW}.*expected_failures*"])
    result.stdout.no_fnmatch_line("*Traceback*")


def test_a_law_that_is_overridden_in_a_class_between_fails_too(conformance):
    between = f"class Between(BackendConformance):\n    def {LAW}(self): return None\n"
    result = conformance("spec = ACME", before=between.replace("class Between", "class _Between"))
    result.assert_outcomes(passed=2)  # nobody inherits from it yet
    between += "BackendConformance = Between\n"
    result = conformance("spec = ACME", before=between)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([f"*Between overrides the law {LAW}.*"])


def test_the_fixture_of_the_laws_cannot_be_replaced(conformance):
    result = conformance("spec = ACME\n@pytest.fixture\ndef subject(self): return None")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*replaces subject, which is the suite's own*"])


def test_a_constructor_that_would_hide_the_laws_fails(conformance):
    result = conformance("spec = ACME\ndef __init__(self): return None")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*TestAcme has __init__*"])


@pytest.mark.parametrize("mark", ["skip", "skipif(True, reason='no')"])
def test_a_skipped_law_fails(conformance, mark):
    result = conformance("spec = ACME", before=f"pytestmark = pytest.mark.{mark}")
    result.assert_outcomes(errors=2)
    result.stdout.fnmatch_lines(["*was skipped, and a law is never skipped*"])


def test_a_mark_for_an_expected_failure_is_no_way_around(conformance):
    result = conformance("spec = ACME", before="pytestmark = pytest.mark.xfail(reason='no', strict=False)")
    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines(["*was marked as an expected failure*"])


def test_a_test_of_the_authors_own_may_be_skipped(conformance):
    result = conformance(f"spec = ACME\n@pytest.mark.skip\ndef {LAW}_of_mine(self): return None")
    result.assert_outcomes(passed=2, skipped=1)


BROKEN = "class Broken(vendors.VENDORS['openai_chat']):\n    def whole(self, answer): return b'nothing'\n"
PLAIN = "test_the_answer_is_the_canonical_one_or_the_request_is_refused[plain-complete]"


def test_a_broken_law_with_a_reason_is_an_expected_failure(conformance):
    body = f'spec = ACME\nvendor = Broken\nexpected_failures = {{"{PLAIN}": "the server is old"}}'
    result = conformance(body, "-rx", before=BROKEN, law="refused[plain-complete]")
    result.assert_outcomes(xfailed=1)
    result.stdout.fnmatch_lines(["*the server is old*"])


def test_a_law_that_holds_though_it_was_expected_to_fail_fails(conformance):
    result = conformance(f'spec = ACME\nexpected_failures = {{"{LAW}": "the server is old"}}')
    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines([f"*The law {LAW} holds, and expected_failures says that it is broken*"])


@pytest.mark.parametrize(
    ("expected", "said"),
    [
        ("{'test_no_such_law': 'x'}", "*names 'test_no_such_law', and there is no such law*"),
        (f"{{'{LAW}': ' '}}", f"*gives no reason for {LAW}*"),
        (f"['{LAW}']", "*expected_failures is a list*"),
        (f"{{'{LAW}[nothing]': 'x'}}", "*there is no such case. Cases of*[[]complete[]]*"),
    ],
)
def test_an_expectation_that_means_nothing_fails(conformance, expected, said):
    result = conformance(f"spec = ACME\nexpected_failures = {expected}")
    assert result.parseoutcomes()["failed"] == 1
    result.stdout.fnmatch_lines([said])


SERVED = "engine = Engine(model='x', base_url='http://127.0.0.1:9/v1')"
ENGINE = "HERE = BackendSpec(name='here', backend='acme_package.module:Backend')\n"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("spec = None", "*class TestAcme has no spec. Write spec = *"),
        ("spec = 'acme'", "*class TestAcme: spec is a str*"),
        ("spec = HERE", "*class TestAcme: here runs in this process; set engine = Engine(model=...).*"),
        ("spec = ACME\nengine = Engine(model='x')", "*acme speaks HTTP; take engine away, or say which server*"),
        (
            "spec = ACME\nvendor = vendors.VENDORS['openai_chat']\n" + SERVED,
            "*engine names a server*vendor means nothing*",
        ),
        ("spec = HERE\n" + SERVED, "*here runs in this process, so that base_url means nothing*"),
        ("spec = BackendSpec(name='own', wires=('own_wire',))", "*the wire 'own_wire'*no emulator for*Vendor*"),
        ("spec = ACME\nvendor = int", "*vendor must be a subclass of backbay_conformance.Vendor*"),
        ("spec = ACME\nconfig = 3", "*config is a int*"),
    ],
)
def test_a_class_that_is_set_up_wrongly_is_one_failure_that_says_what_to_write(conformance, body, said):
    result = conformance(body, before=ENGINE, law=None)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([f"*test_acme.py: {said}"])
    result.stdout.no_fnmatch_line("*Traceback*")
    result.stdout.no_fnmatch_line("*backbay_conformance/*.py:*")


def test_laws_about_bytes_are_not_there_for_a_backend_in_this_process(conformance):
    result = conformance("spec = HERE\nengine = Engine(model='x')", "--collect-only", "-q", before=ENGINE, law=None)
    result.stdout.no_fnmatch_line(f"*{OTHER}*")
    result.stdout.no_fnmatch_line("*deselected*")
    result.stdout.no_fnmatch_line("*skipped*")


def test_laws_about_bytes_are_not_there_where_a_server_answers(conformance):
    result = conformance(f"spec = ACME\n{SERVED}", "--collect-only", "-q", law=None)
    result.stdout.no_fnmatch_line(f"*{OTHER}*")
    result.stdout.fnmatch_lines(["*test_eight_calls_at_once_are_all_answered*"])


def test_the_suites_own_class_is_no_test(conformance):
    result = conformance("spec = ACME", "-o", "python_classes=Test* BackendConformance")
    result.assert_outcomes(passed=2)
