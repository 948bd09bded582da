"""The key: equal if and only if what is sent is equal."""

from __future__ import annotations

import asyncio
import json
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import backbay
from backbay import Capability, InvalidRequestError
from backbay.testing import connect_fake
from backbay_cache.backend import Cached
from backbay_cache.keys import of_answer, of_vectors


def key_of(backend, messages, **options):
    """Return the key of a call, as the cache makes it."""
    call = Cached(backend, "unused", ttl=None, max_bytes=1, refresh=False, only_deterministic=False, replay="fast")
    asked = of_answer(backend, call._prepare(messages, options, Capability.GENERATE))
    assert asked is not None
    return asked.key


def canonical(body):
    """A body as what it means: no order of its fields, but the order inside of them."""
    return json.dumps(dict(sorted(body.items())))


words = st.text(max_size=3) | st.sampled_from(["hi", "", "é", "e\u0301"])
schemas = st.permutations(["a", "b"]).map(
    lambda names: {"type": "object", "properties": {name: {"type": "string"} for name in names}}
)
turns = st.lists(
    st.builds(dict, role=st.sampled_from(["user", "assistant", "system"]), content=words.filter(bool)),
    min_size=1,
    max_size=2,
)
calls = st.fixed_dictionaries(
    {"messages": words.filter(bool) | turns},
    optional={
        "temperature": st.sampled_from([0, 0.0, 1, 1.0, 0.5]),
        "max_tokens": st.sampled_from([1, 2]),
        "stop": st.sampled_from(["a", ["a"], ["a", "b"], ["b", "a"]]),
        "system": st.sampled_from(["x", "y"]),
        "model": st.sampled_from(["m-1", "m-2"]),
        "response_format": schemas,
        "limits": st.sampled_from([{"total": 5}, {"idle": 3}]),
        "on_unsupported": st.sampled_from(["error", "warn"]),
        "extra": st.sampled_from(
            [{"a": 1, "b": 1}, {"b": 1, "a": 1}, {"a": True, "b": 1}, {"a": 1.0, "b": 1}, {"a": [1, 2]}]
        ),
    },
)


@pytest.fixture
def sent(vendor, run):
    """A function that sends calls; gives each one's key, and its body as it was on the wire."""

    def send(many):
        async def inner():
            found = []
            async with backbay.connect("acme:m-1") as backend:
                for call in many:
                    given = dict(call)
                    messages = given.pop("messages")
                    key = key_of(backend, messages, **given)
                    await backend.complete(messages, **given)
                    found.append((key, canonical(vendor.bodies[-1])))
            return found

        return asyncio.run(inner())

    return send


def test_the_key_is_equal_if_and_only_if_what_is_sent_is_equal(sent):
    @settings(max_examples=60)
    @given(st.lists(calls, min_size=2, max_size=6))
    def check(many):
        # And what differs in one thing alone, since chance seldom makes calls that are nearly equal.
        near = [{**many[0], name: each[name]} for each in many[1:] for name in each]
        found = sent([*many, *near[:12]])
        for one in found:
            for other in found:
                assert (one[0] == other[0]) == (one[1] == other[1])

    check()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"messages": "hi"}, {"messages": [{"role": "user", "content": "hi"}]}),
        (
            {"messages": "hi", "system": "x"},
            {"messages": [{"role": "system", "content": "x"}, {"role": "user", "content": "hi"}]},
        ),
        ({"messages": "hi", "stop": "a"}, {"messages": "hi", "stop": ["a"]}),
        ({"messages": "hi", "temperature": 1}, {"messages": "hi", "temperature": 1.0}),
        ({"messages": "hi"}, {"messages": "hi", "limits": {"total": 3}}),
        ({"messages": "hi"}, {"messages": "hi", "on_unsupported": "warn"}),
        ({"messages": "hi"}, {"messages": "hi", "on_unsupported": "warn", "seed": 3}),
        ({"messages": "hi"}, {"messages": "hi", "model": "m-1"}),
        ({"messages": "hi", "extra": {"a": 1, "b": 2}}, {"messages": "hi", "extra": {"b": 2, "a": 1}}),
    ],
)
def test_what_is_sent_alike_has_one_key(sent, one, other):
    (key, body), (same, again) = sent([one, other])
    assert body == again
    assert key == same


def test_what_is_sent_otherwise_has_another_key(sent):
    properties = [{"properties": {name: {} for name in names}} for names in (["a", "b"], ["b", "a"])]
    tool = {"name": "look", "parameters": properties[0]}
    many = [
        {"messages": "hi"},
        {"messages": "hi "},
        {"messages": "hi", "temperature": 0},
        {"messages": "hi", "extra": {"a": 1}},
        {"messages": "hi", "extra": {"a": True}},
        {"messages": "hi", "extra": {"a": 1.0}},
        {"messages": "hi", "response_format": properties[0]},
        {"messages": "hi", "response_format": properties[1]},
        {"messages": "hi", "tools": [tool]},
        {"messages": "hi", "tools": [tool], "tool_choice": "look"},
        {"messages": [{"role": "user", "content": [{"type": "image", "url": "http://x/1.png"}]}]},
        {"messages": [{"role": "user", "content": [{"type": "image", "url": "http://x/2.png"}]}]},
    ]
    found = sorted(sent(many))
    assert all(one[0] != other[0] for one, other in pairwise(found))
    assert len({body for _, body in found}) == len(many)


def test_another_address_another_wire_and_another_setting_are_another_backend(vendor, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-other")
    made = [
        backbay.connect("openai:m", base_url=vendor.url, wire="openai_chat"),
        backbay.connect("openai:m", base_url=vendor.url, wire="openai_responses"),
        backbay.connect("openai:m", base_url=f"{vendor.url}/2", wire="openai_chat"),
        backbay.connect("openai:m", base_url=vendor.url, wire="openai_chat", max_tokens_field="max_tokens"),
    ]
    assert len({key_of(backend, "hi") for backend in made}) == len(made)
    same = backbay.connect("openai:m", base_url=vendor.url, wire="openai_chat", api_key="sk-another")
    assert key_of(same, "hi") == key_of(made[0], "hi")


def test_the_spec_s_own_defaults_count_as_the_callers_do():
    from dataclasses import replace

    from backbay.testing.fake import FAKE_SPEC, FakeBackend

    with_default = FakeBackend(replace(FAKE_SPEC, defaults={"max_tokens": 9}))
    assert key_of(with_default, "hi") == key_of(connect_fake(), "hi", max_tokens=9)
    assert key_of(with_default, "hi", max_tokens=8) == key_of(connect_fake(), "hi", max_tokens=8)


def test_what_cannot_be_told_has_no_key_and_the_backend_says_why(run):
    deep = []
    for _ in range(100_000):
        deep = [deep]
    assert of_vectors(connect_fake(), None, ["a"], {"x": object()}) is None
    assert of_vectors(connect_fake(), None, ["a"], {"x": deep}) is None

    async def main(backend):
        with pytest.raises(backbay.ConfigurationError, match="no model"):
            await backend.complete("hi")
        with pytest.raises(InvalidRequestError):
            await backend.complete([{"role": "user", "content": "x", "tool_call_id": "1"}])

    run(main, "acme")
