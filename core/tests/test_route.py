"""A route sends each request to one backend: by model, by need, or as a function says."""

import asyncio
from dataclasses import replace

import pytest

import backbay
from backbay import errors
from backbay.capabilities import Capability, Support
from backbay.response import Embeddings, ModelInfo, Ranked, Ranking
from backbay.testing.fake import FAKE_SPEC, FakeBackend

HOW = pytest.mark.parametrize("how", ["complete", "stream"])


class Vendor(FakeBackend):
    async def _embed(self, model, inputs, extra):
        return Embeddings(vectors=[[1.0] for _ in inputs], model=f"{self.id}/{model}")

    async def _rerank(self, model, query, documents, top_n, extra):
        return Ranking(results=[Ranked(index=0, score=1.0)], model=f"{self.id}/{model}")

    async def _count_tokens(self, request):
        return len(self.id)


def vendor(name, *answers, model="m-1", can=None):
    backend = Vendor(replace(FAKE_SPEC, name=name, capabilities=FAKE_SPEC.capabilities.with_(can or {})), model)
    backend.answers = list(answers) or ["Hello."]
    return backend


def served(backend, how="complete", messages="Hi.", **options):
    async def main():
        if how == "complete":
            return await backend.complete(messages, **options)
        return await backend.stream(messages, **options).collect()

    return asyncio.run(main()).served_by


@HOW
def test_the_longest_beginning_of_the_models_name_decides(how):
    some = {"gpt-": vendor("one"), "gpt-5": vendor("two"), "Claude": vendor("three"), "": vendor("four")}
    routed = backbay.route(some)
    models = ("gpt-4o", "gpt-5.4", "claude-opus", "o3", None)
    assert [served(routed, how, model=model) for model in models] == ["one", "two", "three", "four", "four"]
    assert [request.model for request in some["gpt-5"].requests] == ["gpt-5.4"]
    assert [request.model for request in some[""].requests] == ["o3", "m-1"]


def test_a_model_that_no_backend_is_for_is_refused_with_those_there_are():
    routed = backbay.route({"gpt-": vendor("one"), "claude-": vendor("two")})
    with pytest.raises(errors.InvalidRequestError, match=r"'o3'.*'gpt-', 'claude-'"):
        routed.stream("Hi.", model="o3")
    with pytest.raises(errors.InvalidRequestError, match="no model to route by"):
        routed.stream("Hi.")
    with pytest.raises(errors.UnsupportedError):
        asyncio.run(routed.embed("x", model="o3"))


@HOW
def test_the_first_that_can_do_all_that_is_asked_is_asked(how):
    small = vendor("small", can={"tools": "unsupported", "image_input": "unsupported"})
    routed = backbay.route([small, vendor("large")])
    tool = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
    picture = {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}
    assert served(routed, how) == "small"
    assert served(routed, how, tools=[tool]) == "large"
    assert served(routed, how, tools=[tool], on_unsupported="warn") == "large", "before anything is left out"
    assert served(routed, how, [{"role": "user", "content": [picture]}]) == "large"


def test_a_need_that_none_has_is_refused_before_any_io():
    members = [vendor(name, can={"seed": "unsupported"}) for name in ("one", "two")]
    routed = backbay.route(members)
    with pytest.raises(errors.UnsupportedError, match="seed"):
        served(routed, seed=1)
    assert not members[0].requests
    assert served(routed, seed=1, on_unsupported="warn") == "one"


@HOW
def test_a_function_chooses_by_the_whole_request(how):
    routed = backbay.route(
        {"short": vendor("one"), "long": vendor("two")},
        lambda request: "long" if sum(len(message.text) for message in request.messages) > 10 else "short",
    )
    assert served(routed, how, "Hi.") == "one"
    assert served(routed, how, "A rather long question.") == "two"
    assert served(routed, how, "Hi.", system="A rather long rule.") == "two"


def test_a_name_that_does_not_exist_is_refused_and_what_the_function_raises_is_raised():
    with pytest.raises(errors.ConfigurationError, match=r"'huge'.*'small'"):
        served(backbay.route({"small": vendor("one")}, lambda request: "huge"))
    with pytest.raises(ZeroDivisionError):
        served(backbay.route({"small": vendor("one")}, lambda request: 1 // 0))


@HOW
def test_only_the_chosen_one_is_asked_and_its_error_is_raised_as_it_is(how):
    error, other = errors.OverloadedError("x", retryable=False), vendor("two")
    with pytest.raises(errors.OverloadedError) as caught:
        served(backbay.route([vendor("one", error), other]), how)
    assert (caught.value, caught.value.backend, caught.value.attempts) == (error, "one", 1)
    assert not other.requests


def test_a_route_to_a_chain_says_who_answered_in_the_end():
    chain = backbay.fallback(vendor("one", errors.ConnectError("x")), vendor("two"))
    assert served(backbay.route({"": chain})) == "two"


def test_capabilities_are_those_of_the_one_for_the_model_and_of_all_without_one():
    routed = backbay.route({"a": vendor("one", can={"seed": "unsupported"}), "b": vendor("two")})
    assert routed.capabilities("a-1")[Capability.SEED] is Support.UNSUPPORTED
    assert routed.capabilities("b-1")[Capability.SEED] is Support.FULL
    assert routed.capabilities()[Capability.SEED] is Support.VERSIONED
    assert routed.capabilities("c-1")[Capability.GENERATE] is Support.UNSUPPORTED


def test_other_calls_are_routed_too():
    can = {"embeddings": "full", "rerank": "full", "count_tokens": "full"}
    plain, able = vendor("plain"), vendor("able", can=can)
    for routed in (backbay.route({"e-": able, "": plain}), backbay.route([plain, able])):
        assert asyncio.run(routed.embed("x", model="e-1")).model == "able/e-1"
        assert asyncio.run(routed.rerank("q", ["d"], model="e-1")).model == "able/e-1"
        assert asyncio.run(routed.count_tokens("Hi.", model="e-1")) == len("able")


def test_a_function_has_no_request_to_choose_by_where_nothing_is_generated():
    routed = backbay.route({"one": vendor("one", can={"embeddings": "full"})}, lambda request: "one")
    with pytest.raises(errors.UnsupportedError):
        asyncio.run(routed.embed("x"))


def test_the_models_are_those_of_all_and_a_list_that_cannot_be_had_is_an_error():
    class Lists(Vendor):
        async def _list_models(self):
            if self.model is None:
                raise errors.ServerError("x")
            return [ModelInfo(id="shared"), ModelInfo(id=self.model)]

    one, two, broken = (Lists(replace(FAKE_SPEC, name="v"), model) for model in ("a", "b", None))
    silent = vendor("v", can={"list_models": "unsupported"})
    listed = asyncio.run(backbay.route([one, silent, two]).list_models())
    assert [each.id for each in listed] == ["shared", "a", "b"]
    with pytest.raises(errors.ServerError):
        asyncio.run(backbay.route([one, broken]).list_models())


def test_the_whole_can_be_reached_if_each_can():
    class Dead(Vendor):
        async def _probe(self):
            raise errors.ConnectError("refused")

    assert asyncio.run(backbay.route([vendor("one"), vendor("two")]).health())
    found = asyncio.run(backbay.route([vendor("one"), Dead()]).health())
    assert not found
    assert "refused" in found.last_error


@pytest.mark.parametrize(
    ("backends", "choose"),
    [
        ([], None),
        ("openai:m", None),
        ({1: "x"}, None),
        ([vendor("one")], lambda request: "one"),
        ({"a": 3}, None),
        (3, None),
    ],
)
def test_what_cannot_be_a_route_is_refused(backends, choose):
    with pytest.raises(backbay.BackbayError):
        backbay.route(backends, choose)
