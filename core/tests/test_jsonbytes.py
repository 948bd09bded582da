"""U8: the model is written into a caller's own bytes, and no other byte changes."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backbay.errors import InvalidRequestError
from backbay.jobs import with_model
from backbay.jsonbytes import JSONBody

texts = st.text(alphabet=st.characters(exclude_categories=["Cs"]))
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)
keys = texts | st.sampled_from(["model", "model ", "Model", "mode", '"model"', "messages", "stream"])
objects = st.dictionaries(keys, values, max_size=6)
dumps = st.sampled_from(
    [
        {"ensure_ascii": True},
        {"ensure_ascii": False},
        {"indent": 2, "ensure_ascii": False},
        {"separators": (" ,\t", " :\r\n "), "ensure_ascii": True},
    ]
)
spaces = st.text(alphabet=" \t\r\n", max_size=3)


def written(value, how, before, after):
    return (before + json.dumps(value, **how) + after).encode()


@given(objects, dumps, spaces, spaces, texts)
def test_with_a_model_the_rest_reads_the_same(value, how, before, after, model):
    data = written(value, how, before, after)
    changed = JSONBody(data).with_("model", model).data
    assert json.loads(changed) == {**value, "model": model}
    assert [name for name in json.loads(changed) if name != "model"] == [name for name in value if name != "model"]


@given(objects, dumps, spaces, spaces, texts)
def test_with_a_model_every_other_byte_stays(value, how, before, after, model):
    data = written(value, how, before, after)
    changed, said = JSONBody(data).with_("model", model).data, json.dumps(model, ensure_ascii=False).encode()
    if value.get("model") == model and "model" in value:
        assert changed == data
        return
    found = changed.find(said)
    while found >= 0:
        # Of the places where the name stands, one is where it was written: without it the bytes are the old ones.
        head, tail = changed[:found], changed[found + len(said) :]
        if data.startswith(head) and data.endswith(tail) and len(head) + len(tail) <= len(data) and "model" in value:
            return
        comma = b"," if value else b""
        if head.endswith(b'{"model":') and head.removesuffix(b'"model":') + tail.removeprefix(comma) == data:
            return
        found = changed.find(said, found + 1)
    pytest.fail(f"{data!r} became {changed!r}")


@given(objects | st.fixed_dictionaries({"model": texts, "messages": values}), dumps, spaces, st.tuples(texts, texts))
def test_what_was_read_before_changes_to_the_same_bytes(value, how, around, models):
    data, (model, other) = written(value, how, around, around), models
    walked = JSONBody(data)
    _ = walked.members  # From here on it knows where each member stands, and takes no short way.
    read = JSONBody(data)
    assert read.parsed == value
    once, twice = read.with_("model", model), read.with_("model", model).with_("model", other)
    assert once.data == walked.with_("model", model).data
    # A name that is there already stays as it is written.
    assert twice.data == walked.with_("model", other).data or other == value.get("model") or "model" not in value
    assert once.parsed == {**value, "model": model}
    assert twice.parsed == json.loads(twice.data) == {**value, "model": other}
    assert twice.get("model") == other


@pytest.mark.parametrize("key", ["model", "\\u006dodel", "mod\\u0065l", "\\u006D\\u006fdel"])
def test_a_second_model_is_seen_however_it_is_written_and_after_the_first_was_changed(key):
    data = f'{{"model": "a", "x": {{"model": 1}}, "{key}": "b"}}'.encode()
    with pytest.raises(InvalidRequestError, match="twice"):
        JSONBody(data).with_("model", "c")
    with pytest.raises(InvalidRequestError, match="twice"):
        JSONBody(data.replace(b'"x"', b'"stream": true, "stream"')).get("stream")
    nested = f'{{"model": "a", "x": {{"{key}": "b"}}}}'.encode()
    changed = JSONBody(nested).with_("model", "c")
    assert changed.data == nested.replace(b'"a"', b'"c"')
    assert changed.get("stream") is None


def test_what_is_no_object_cannot_be_parsed():
    for data in (b"", b"[]", b'"a"', b"{", b'{"a": NaN}', b'{"a": "\xff"}', b"[" * 1000, b'\xef\xbb\xbf{"a": 1}'):
        with pytest.raises(InvalidRequestError, match="no JSON"):
            _ = JSONBody(data).parsed


@given(objects, dumps, spaces, spaces)
def test_without_a_member_the_rest_reads_the_same(value, how, before, after):
    data = written(value, how, before, after)
    for name in [*value, "not there"]:
        left = json.loads(JSONBody(data).without(name).data)
        assert left == {key: other for key, other in value.items() if key != name}
        assert list(left) == [key for key in value if key != name]


@given(objects, dumps, spaces, spaces)
def test_members_are_those_that_json_reads(value, how, before, after):
    body = JSONBody(written(value, how, before, after))
    assert set(body.members) == set(value)
    for name, member in value.items():
        if not isinstance(member, int | float | list | dict) or isinstance(member, bool):
            assert body.get(name) == member


@given(st.binary(max_size=40) | st.text(alphabet='{}[]":,\\u0041 \n1eE+-.mod', max_size=30).map(str.encode))
def test_what_is_taken_is_what_json_takes(data):
    def no_number(word):
        raise ValueError(word)

    try:
        wanted = json.loads(data.decode(), parse_constant=no_number)
    except (ValueError, RecursionError):
        wanted = None
    try:
        members = JSONBody(data).members
    except InvalidRequestError:
        assert not isinstance(wanted, dict)
    else:
        assert isinstance(wanted, dict)
        assert set(members) == set(wanted)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"  ",
        b"[]",
        b'"model"',
        b"null",
        b"{",
        b'{"a"',
        b'{"a":',
        b'{"a":1',
        b'{"a":1,',
        b'{"a":1,}',
        b"{,}",
        b'{"a" 1}',
        b'{"a":1}{}',
        b'{"a":1} x',
        b"{'a':1}",
        b"{1:2}",
        b'{"a":NaN}',
        b'{"a":Infinity}',
        b'{"a":"\xff"}',
        b'{"a":"\n"}',
        b"\xef\xbb\xbf{}",
        '{"a":1}'.encode("utf-16"),
        b'{"a":' + b"[" * 200_000 + b"]" * 200_000 + b"}",
    ],
    ids=lambda data: repr(data[:20]),
)
def test_what_is_no_json_object_is_refused(data):
    with pytest.raises(InvalidRequestError):
        _ = JSONBody(data).members


def test_two_models_are_refused_whatever_their_spelling():
    for data in (b'{"model":"a","model":"b"}', rb'{"model":"a","mod\u0065l":"a"}'):
        with pytest.raises(InvalidRequestError, match="twice"):
            with_model(data, "c")
        with pytest.raises(InvalidRequestError, match="twice"):
            JSONBody(data).without("model")


def test_an_escaped_key_is_the_same_key():
    assert with_model(rb'{"mod\u0065l" : "a" , "x":1}', "b") == rb'{"mod\u0065l" : "b" , "x":1}'


def test_an_inner_model_is_not_touched():
    data = b'{"tools":[{"model":"x"}],"t":"\\"model\\":","model":"a"}'
    assert with_model(data, "b") == b'{"tools":[{"model":"x"}],"t":"\\"model\\":","model":"b"}'


def test_numbers_of_any_length_are_walked_over():
    digits = b"1" * 5000
    assert with_model(b'{"n":' + digits + b',"f":1.0e999}', "m") == b'{"model":"m","n":' + digits + b',"f":1.0e999}'


def test_a_mapping_stays_as_it_is():
    request = {"model": "a", "x": [1]}
    assert with_model(request, "b") == {"model": "b", "x": [1]}
    assert request == {"model": "a", "x": [1]}


@pytest.mark.parametrize("value", [{"x": float("nan")}, {"x": float("inf")}, {"x": "\ud800"}, {"x": object()}])
def test_a_mapping_that_is_no_json_is_refused(value):
    with pytest.raises(InvalidRequestError):
        JSONBody.of(value)
