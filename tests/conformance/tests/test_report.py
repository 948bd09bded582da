"""The report says what was tried, what came of it, and why; it never holds a key."""

from __future__ import annotations

import json
from html.parser import HTMLParser

import pytest

from backbay_conformance import BackendConformance, recording
from backbay_conformance.evidence import HIDDEN, without
from backbay_conformance.subject import KEY
from backbay_conformance.verdict import verdict

SHARED = (BackendConformance, recording)
"""Loaded here, since runs within this process must have one of each: pytester forgets what a run imported, and the
package does not."""

SOURCE = """
from backbay import BackendSpec, Capabilities
from backbay_conformance import BackendConformance
from backbay_conformance.vendors import VENDORS

class Leaky(VENDORS["openai_chat"]):
    def whole(self, answer):
        return b'{"leak": "KEY"}'

class TestAcme(BackendConformance):
    spec = BackendSpec(
        name="acme", label="Acme <& Sons>", wires=("openai_chat",), default_base_url="https://acme.example/v1",
        credential_env=("ACME_API_KEY",),
        capabilities=Capabilities.of(full="generate streaming stop", unsupported="tools"),
    )
    vendor = VENDOR
    expected_failures = EXPECTED
"""
LAW = "test_the_answer_is_the_canonical_one_or_the_request_is_refused"


@pytest.fixture
def report(pytester, monkeypatch):
    """Run laws of a class and return the folder with what was written."""
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)

    def run(*arguments, vendor="None", expected="{}", law=LAW, path="out", separate=False):
        source = SOURCE.replace("VENDOR\n", f"{vendor}\n").replace("EXPECTED", expected).replace("KEY", KEY)
        pytester.makepyfile(test_acme=source)
        options = ["-p", "no:cacheprovider", f"--backbay-law={law}", f"--backbay-report={path}", *arguments]
        result = pytester.runpytest_subprocess(*options) if separate else pytester.runpytest_inprocess(*options)
        return result, pytester.path / path

    return run


def _read(folder):
    return json.loads((folder / "conformance.json").read_text(encoding="utf-8"))


class _Page(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.tags = []
        self.words = ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.words += data


def test_a_backend_that_keeps_its_laws_is_reported_with_versions_facts_and_matrix(report):
    result, folder = report("-p", "no:xdist")
    result.stdout.fnmatch_lines(["conformance report: *conformance.json*conformance.html*"])
    found = _read(folder)
    assert (found["schema"], found["verdict"]) == (1, "kept")
    assert found["suite"]["name"] == "backbay-conformance"
    assert found["core"]["version"][0].isdigit()
    assert found["date"].endswith("Z")
    assert found["seconds"] > 0
    [backend] = found["backends"]
    assert (backend["name"], backend["plugin"], backend["verdict"]) == ("acme", None, "kept")
    assert backend["spec"]["wires"] == ["openai_chat"]
    verdicts = {row["capability"]: (row["declared"], row["verdict"]) for row in backend["capabilities"]}
    assert verdicts["stop"] == ("full", "proven")
    assert verdicts["streaming"] == ("full", "proven")
    assert verdicts["tools"] == ("unsupported", "refused")
    assert verdicts["embeddings"] == ("unknown", "not covered")
    [law] = backend["laws"]
    assert (law["group"], law["name"], law["verdict"]) == ("answers", LAW, "kept")
    assert law["claim"] == "the answer is the canonical one or the request is refused"
    assert law["why"].startswith("What is declared works")
    assert len(law["cases"]) > 40
    assert all(case["evidence"] is None for case in law["cases"])


def test_a_broken_law_has_its_message_and_the_bytes_and_no_key(report):
    result, folder = report("-p", "no:xdist", vendor="Leaky", law=f"{LAW}[plain")
    assert result.ret == 1
    found = _read(folder)
    assert found["verdict"] == "broken"
    [law] = found["backends"][0]["laws"]
    broken = [case for case in law["cases"] if case["verdict"] == "broken"]
    assert [case["case"] for case in broken] == ["plain-complete"]
    evidence = broken[0]["evidence"]
    assert "DecodeError" in evidence["message"]
    [exchange] = evidence["exchanges"]
    assert exchange["request"]["line"] == "POST /v1/chat/completions"
    assert "Say pong." in exchange["request"]["body"]
    assert exchange["answer"]["status"] == 200
    assert HIDDEN in exchange["answer"]["body"]
    row = next(row for row in found["backends"][0]["capabilities"] if row["capability"] == "generate")
    assert (row["verdict"], row["laws"]) == ("failed", [LAW])
    for file in folder.iterdir():
        assert KEY not in file.read_text(encoding="utf-8")


def test_a_key_is_taken_out_in_every_form():
    key = 'se/cr"et-key'
    shown = without({key}, {"a": [f"x {key}", "se%2Fcr%22et-key", 'se/cr\\"et-key', "c2UvY3IiZXQta2V5", key[::-1]]})
    assert shown == {"a": [f"x {HIDDEN}", *[HIDDEN] * 4]}


def test_an_expected_failure_is_reported_with_its_reason_and_breaks_nothing(report):
    expected = f'{{"{LAW}[plain-complete]": "the server is old"}}'
    result, folder = report("-p", "no:xdist", vendor="Leaky", expected=expected, law=f"{LAW}[plain")
    assert result.ret == 0
    [backend] = _read(folder)["backends"]
    assert backend["verdict"] == "kept"
    assert backend["counts"] == {
        "laws": 1,
        "kept": 0,
        "provisional_broken": 0,
        "expected_failure": 1,
        "broken": 0,
    }
    case = backend["laws"][0]["cases"][0]
    assert (case["verdict"], case["reason"]) == ("expected failure", "the server is old")
    assert "the server is old" in (folder / "conformance.html").read_text(encoding="utf-8")


def test_the_verdict_of_a_report_names_what_is_broken_and_what_is_expected(report):
    expected = f'{{"{LAW}[plain-complete]": "the server is old"}}'
    _, folder = report("-p", "no:xdist", vendor="Leaky", expected=expected)
    found = verdict(_read(folder))
    assert (found["verdict"], found["broken"], found["counts"]["broken"]) == ("broken", [LAW], 1)
    assert list(found["expected_failures"].values()) == ["the server is old"]
    words = {name: row["verdict"] for name, row in found["capabilities"].items()}
    assert (words["generate"], words["tools"], words["embeddings"]) == ("broken", "refused", "not covered")


def test_a_capability_whose_law_is_expected_to_fail_has_that_verdict(report):
    expected = f'{{"{LAW}[plain-complete]": "the server is old"}}'
    _, folder = report("-p", "no:xdist", vendor="Leaky", expected=expected, law=f"{LAW}[plain")
    found = verdict(_read(folder))
    assert (found["verdict"], found["counts"]["expected_failure"]) == ("kept", 1)
    assert found["capabilities"]["generate"]["verdict"] == "expected failure"


def test_there_is_no_verdict_on_several_backends_or_on_one_that_could_not_be_tried(report):
    _, folder = report("-p", "no:xdist", vendor="int")
    with pytest.raises(ValueError, match=r"could not be tried: .*vendor must be a subclass"):
        verdict(_read(folder))
    with pytest.raises(ValueError, match="about 0"):
        verdict({**_read(folder), "backends": []})


def test_workers_bring_the_same_report_as_one_process(report):
    pytest.importorskip("xdist")
    _, alone = report("-p", "no:xdist", path="alone", law=f"{LAW}[t")
    _, shared = report("-n2", path="shared", law=f"{LAW}[t", separate=True)
    kept = []
    for folder in (alone, shared):
        laws = _read(folder)["backends"][0]["laws"]
        kept.append([(law["name"], case["case"], case["verdict"]) for law in laws for case in law["cases"]])
    assert kept[0] == kept[1]
    assert kept[0]


def test_a_class_that_cannot_be_tried_is_a_problem_in_the_report(report):
    result, folder = report("-p", "no:xdist", vendor="int")
    assert result.ret == 1
    [backend] = _read(folder)["backends"]
    assert backend["verdict"] == "broken"
    assert "vendor must be a subclass" in backend["problems"][0]
    assert "It could not be tried" in (folder / "conformance.html").read_text(encoding="utf-8")


def test_the_page_stands_alone_and_has_real_tables(report):
    _, folder = report("-p", "no:xdist", vendor="Leaky", law=f"{LAW}[plain")
    text = (folder / "conformance.html").read_text(encoding="utf-8")
    page = _Page(text)
    tags = [tag for tag, _ in page.tags]
    assert not {"script", "link", "img", "iframe"} & set(tags)
    assert "url(" not in text
    assert [attrs["lang"] for tag, attrs in page.tags if tag == "html"] == ["en"]
    assert all(attrs.get("scope") in {"col", "row"} for tag, attrs in page.tags if tag == "th")
    assert "prefers-color-scheme: dark" in text
    assert "@media print" in text
    assert "Acme <& Sons>" in page.words  # text, not markup


@pytest.mark.parametrize(("path", "written"), [("a/x.json", "x.json"), ("a/x.html", "x.html")])
def test_the_ending_says_what_is_written(report, path, written):
    _, file = report("-p", "no:xdist", path=path, law=f"{LAW}[plain")
    assert [item.name for item in file.parent.iterdir()] == [written]


@pytest.mark.parametrize(
    ("path", "said"), [("x.txt", "*nothing ends with .txt*"), ("test_acme.py/x.json", "*is a file*")]
)
def test_a_path_that_cannot_be_written_is_said_before_anything_runs(report, path, said):
    result, _ = report("-p", "no:xdist", path=path)
    assert result.ret == 4
    result.stderr.fnmatch_lines([said])
    result.stderr.no_fnmatch_line("*Traceback*")
