"""What is found, whatever is asked; and exports that can be read back."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backbay_logs import LogError, Record
from backbay_logs.exporting import as_jsonl, as_markdown, read_jsonl
from backbay_logs.log import Query


@pytest.fixture
def log(filled, record):
    return filled(
        record("What is the capital of France?", "Paris.", time=100.0),
        record("Where is the Eiffel tower?", "In Paris, France.", time=200.0, model="m_2", backend="acme:http://x"),
        record('He said "foo-bar" AND left', "Café OR not", time=300.0, error={"type": "ServerError", "message": "x"}),
    )


def numbers(log, **query):
    return [each.record.id for each in log.find(Query(**query))]


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("paris", [1, 2]),
        ("paris france", [1, 2]),
        ("paris NOT tower", [1]),
        ("capital OR tower", [1, 2]),
        ('"the capital"', [1]),
        ('"capital the"', []),
        ("pari*", [1, 2]),
        ("prompt:france", [1]),
        ("cafe", [3]),
        ("foo-bar", [3]),
        ('"foo-bar"', [3]),
        ("nothing-there", []),
    ],
)
def test_words_phrases_operators_and_beginnings_are_found(log, words, found):
    assert numbers(log, words=words) == found


@pytest.mark.parametrize(
    "words",
    [
        "",
        " ",
        '"',
        '""',
        "'",
        "*",
        "(",
        ")",
        "AND",
        "NOT x",
        "a AND",
        "NEAR(",
        "x:y",
        "-x",
        "^",
        "a\0b",
        "\ud800",
        '"a',
        "+",
        "{a b}:c",
        "%s",
        "; DROP TABLE record",
    ],
)
def test_odd_words_are_words_and_no_error(log, words):
    assert isinstance(numbers(log, words=words), list)
    assert log.count()[0] == 3


def test_any_text_may_be_searched_for(log):
    @settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(st.text(alphabet=st.sampled_from("ab\"'*():^+-{},. \0ANDORTE\ud800é"), max_size=12))
    def check(words):
        log.find(Query(words=words, limit=3))

    check()


def test_what_is_quoted_is_found_wherever_it_stands(filled, record):
    odd = 'a "quoted" word-with-dashes, 100% (sure): x^2*y'
    log = filled(record(odd), record("another"))
    assert numbers(log, words=odd) == [1]


def test_an_excerpt_shows_where_the_words_stand(log):
    (found,) = log.find(Query(words="eiffel"))
    assert "[Eiffel]" in found.excerpt


def test_models_backends_times_and_errors_narrow_what_is_found(log):
    assert numbers(log, model="M-1") == [1, 3]
    assert numbers(log, model="m_") == [2]  # no wildcard
    assert numbers(log, backend="acme:") == [2]
    assert numbers(log, since=200.0) == [2, 3]
    assert numbers(log, errors=True) == [3]
    assert numbers(log, limit=2) == [2, 3]
    assert numbers(log, words="paris", model="m_2", limit=5) == [2]


def test_a_log_that_is_not_there_is_empty_and_is_not_made(tmp_path):
    from backbay_logs import Log

    log = Log(tmp_path / "nothing.db")
    assert (log.find(), list(log.records()), log.count(), log.clear()) == ([], [], (0, 0), 0)
    with pytest.raises(LogError, match="no record 1"):
        log.get(1)
    assert not log.file.exists()


def test_a_number_that_no_record_has_is_one_error(log):
    for number in (0, 4, -1, 1 << 70):
        with pytest.raises(LogError) as caught:
            log.get(number)
        assert caught.value.code == "unknown_record"


def test_clearing_removes_all_and_gives_the_room_back(filled, record):
    log = filled(*(record(f"{number} " + "word " * 500) for number in range(100)))
    before = log.file.stat().st_size
    assert log.clear() == 100
    assert log.count() == (0, 0)
    assert log.file.stat().st_size < before / 4
    assert numbers(log, words="word") == []


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


def test_what_is_exported_can_be_read_back(filled, record):
    @settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(st.text(), st.text(), st.dictionaries(st.text(), json_values, max_size=3))
    def check(prompt, text, options):
        log = filled(record(prompt, text, options=options, thinking=text or None))
        kept = list(log.records())
        assert (kept[-1].text, kept[-1].options, kept[-1].messages[0]["content"]) == (text, options, prompt)
        lines = list(as_jsonl(kept))
        assert all(line.isascii() and line.count("\n") == 1 for line in lines)
        assert list(read_jsonl(lines)) == kept
        assert [json.loads(line)["id"] for line in lines] == [each.id for each in kept]

    check()


def test_a_line_that_is_no_record_is_said_by_its_number(record):
    lines = [*as_jsonl([record()]), "{}\n"]
    with pytest.raises(ValueError, match="line 2"):
        list(read_jsonl(lines))
    for broken in ("[]", "x", "1"):
        with pytest.raises(ValueError, match="line 1"):
            list(read_jsonl([broken]))


def test_markdown_has_everything_and_nothing_in_it_breaks_out(record):
    made = record(
        "```\n# no heading\n````",
        "An answer with ``` in it.",
        id=7,
        thinking="Hm.",
        tool_calls=[{"id": "c", "name": "lo`ok", "arguments": "{}"}],
        error={"type": "ServerError", "message": "broken"},
        options={"temperature": 0},
        usage={"input": 1, "output": None},
    )
    (text,) = as_markdown([made])
    assert text.startswith("## 7 · ")
    for said in ("An answer with", "Hm.", "lo`ok", "ServerError: broken", '{"temperature": 0}', "1 input", "`````text"):
        assert said in text
    fence = None
    headings = []
    for line in text.splitlines():
        if fence is None and line.startswith("```"):
            fence = line.rstrip("abcdefghijklmnopqrstuvwxyz")
        elif line == fence:
            fence = None
        elif fence is None and line.startswith("#"):
            headings.append(line)
    assert fence is None
    assert [line for line in headings if "no heading" in line] == []


def test_records_are_values(record):
    one = record(usage={"input": 1})
    assert Record.from_document(json.loads(json.dumps(one.document()))).document() == one.document()
