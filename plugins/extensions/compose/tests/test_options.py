"""Options: which one counts, what is said of those that do not, and what of them is on the wire."""

from __future__ import annotations

import math

import pytest

import backbay
from backbay.errors import InvalidRequestError, OptionConflictError, UnknownOptionError, UnsupportedError
from backbay.testing import Reply
from backbay_compose import CBlock, Composer, ComposeWarning, ModelOption, SimpleContext

UNIFIED = {value for name, value in vars(ModelOption).items() if name.isupper()}


@pytest.fixture
def body(served, said, finish):
    """Returns the body that a server gets, and the thunk, for options of three levels."""

    def ask(call=None, composer=None, backend=None, name="openai:m-1", reply=None):
        reply = said("x") if reply is None else reply
        connect = {"defaults": backend} if backend else {}
        with served(reply, name, connect=connect, model_options=composer) as (server, made):

            async def main():
                thunk, _ = await made.generate_from_context(CBlock("a"), SimpleContext(), model_options=call)
                await thunk.avalue()
                await made.backend.aclose()
                return thunk

            thunk = finish(main())
        return server.requests[0].json, thunk

    return ask


def test_l14_a_calls_option_wins_over_the_composers_and_that_over_the_backends(body):
    found, thunk = body(
        {"temperature": 0.1},
        {"temperature": 0.2, ModelOption.SEED: 2},
        {"temperature": 0.3, "seed": 3, "top_p": 0.3},
    )
    assert (found["temperature"], found["seed"], found["top_p"]) == (0.1, 2, 0.3)
    assert thunk.notes.options == {"temperature": 0.1, "seed": 2}
    assert thunk.notes.conflicts == ()


def test_l14_a_calls_spelling_takes_the_place_of_the_composers_however_that_spelled_it(body):
    found, thunk = body({ModelOption.MAX_NEW_TOKENS: 5}, {"max_tokens": 9})
    assert [found.get(name) for name in ("max_tokens", "max_completion_tokens")].count(5) == 1
    assert thunk.notes.options == {"max_tokens": 5}
    _, thunk = body({"max_tokens": 5}, {ModelOption.MAX_NEW_TOKENS: 9})
    assert thunk.notes.options == {"max_tokens": 5}


def test_none_takes_back_an_option_of_the_composer(body):
    found, thunk = body({"temperature": None, ModelOption.SEED: None}, {"temperature": 0.5, "seed": 7})
    assert "temperature" not in found
    assert "seed" not in found
    assert thunk.notes.options == {}


@pytest.mark.parametrize(
    ("unified", "value", "other", "core"),
    [
        (ModelOption.MAX_NEW_TOKENS, 5, "max_tokens", "max_tokens"),
        (ModelOption.MAX_NEW_TOKENS, 5, "max_completion_tokens", "max_tokens"),
        (ModelOption.MAX_NEW_TOKENS, 5, "num_predict", "max_tokens"),
        (ModelOption.SEED, 5, "random_seed", "seed"),
        (ModelOption.STOP_SEQUENCES, ["5"], "stop_sequences", "stop"),
        (ModelOption.THINKING, "low", "reasoning_effort", "reasoning"),
        (ModelOption.SYSTEM_PROMPT, "S", "system_prompt", "system"),
        ("max_tokens", 5, "max_completion_tokens", "max_tokens"),
    ],
)
def test_l14_of_two_spellings_the_unified_one_counts_and_the_conflict_is_told(body, unified, value, other, core):
    with pytest.warns(ComposeWarning, match=other):
        found, thunk = body({unified: value, other: value * 2})
    assert thunk.notes.options == {core: value}
    [conflict] = thunk.notes.conflicts
    assert conflict.startswith(f"{other}: ")
    assert value * 2 not in found.values()


@pytest.mark.parametrize("wrong", ["@@@tool@@@", "@@@nonsense@@@", "@@@raw_logits@@@", "@@@"])
@pytest.mark.parametrize("inside", [False, True])
def test_l14_an_unknown_unified_key_is_an_error_before_any_request(served, said, finish, wrong, inside):
    options = {"extra": {wrong: 1}} if inside else {wrong: 1}
    with served(said("x")) as (server, composer):

        async def main():
            with pytest.raises(UnknownOptionError, match="unified option"):
                await composer.generate_from_context(CBlock("a"), SimpleContext(), model_options=options)
            with pytest.raises(UnknownOptionError):
                Composer(composer.backend, model_options=options)

        finish(main())
        assert server.connections == 0


def test_a_wrong_unified_key_names_the_nearest(echo, finish):
    async def main():
        with pytest.raises(UnknownOptionError, match="@@@tools@@@"):
            await echo.generate_from_context(CBlock("a"), SimpleContext(), model_options={"@@@tool@@@": []})

    finish(main())


def test_l14_all_unified_keys_are_different_and_none_is_ever_on_the_wire(body):
    assert len(UNIFIED) == len([name for name in vars(ModelOption) if name.isupper()])
    options = {
        ModelOption.MAX_NEW_TOKENS: 5,
        ModelOption.SYSTEM_PROMPT: "S",
        ModelOption.TEMPERATURE: 0.5,
        ModelOption.CONTEXT_WINDOW: 4096,
        ModelOption.THINKING: True,
        ModelOption.SEED: 1,
        ModelOption.STREAM: True,
        ModelOption.STREAM_TIMEOUT: 9,
        ModelOption.STOP_SEQUENCES: ["."],
        ModelOption.LOGITS: 2,
        ModelOption.TOOLS: [],
    }
    assert set(options) == UNIFIED
    with pytest.warns(ComposeWarning, match="CONTEXT_WINDOW"):
        found, thunk = body(options)
    assert "@@@" not in repr(found)
    assert "@@@" not in repr(thunk.notes.options)
    assert found["messages"][0] == {"role": "system", "content": "S"}
    assert (found["seed"], found["stop"], found["logprobs"], found["top_logprobs"]) == (1, ["."], True, 2)


@pytest.mark.parametrize("level", ["call", "composer"])
def test_l14_a_model_is_no_option(echo, finish, level):
    async def main():
        with pytest.raises(ValueError, match="model is no option"):
            await echo.generate_from_context(CBlock("a"), SimpleContext(), model_options={"model": "other"})

    if level == "call":
        finish(main())
    else:
        with pytest.raises(ValueError, match="model is no option"):
            Composer(echo.backend, model_options={"model": "other"})


def test_what_is_no_common_option_goes_to_the_vendor_as_it_is(body):
    found, thunk = body(
        {"repetition_penalty": 1.5, "extra": {"chat_template_kwargs": {"b": 2}}},
        {"min_p": 0.1, "extra": {"chat_template_kwargs": {"a": 1}, "own": 1}},
    )
    assert (found["repetition_penalty"], found["min_p"], found["own"]) == (1.5, 0.1, 1)
    assert found["chat_template_kwargs"] == {"a": 1, "b": 2}
    assert set(thunk.notes.options) == {"extra"}


def test_a_vendors_field_that_core_writes_is_refused_with_a_word_on_what_to_use(served, said, finish):
    with served(said("x")) as (server, composer):

        async def main():
            thunk, _ = await composer.generate_from_context(
                CBlock("a"), SimpleContext(), model_options={"messages": []}
            )
            with pytest.raises(OptionConflictError):
                await thunk.avalue()

        finish(main())
        assert server.connections == 0


@pytest.mark.parametrize(
    "wrong",
    [
        {"temperature": "hot"},
        {"temperature": -1},
        {ModelOption.MAX_NEW_TOKENS: 0},
        {"top_p": 3},
        {ModelOption.THINKING: "wildly"},
        {ModelOption.STREAM: "yes"},
        {ModelOption.STREAM_TIMEOUT: 0},
        {ModelOption.STREAM_TIMEOUT: math.inf},
        {ModelOption.STREAM_TIMEOUT: True},
        {ModelOption.CONTEXT_WINDOW: 0},
        {ModelOption.LOGITS: True},
        {"limits": {"whole": 3}},
        {7: 1},
        "temperature=1",
        [("temperature", 1)],
    ],
)
def test_a_wrong_value_is_an_error_before_any_request(served, said, finish, wrong):
    with served(said("x")) as (server, composer):

        async def main():
            with pytest.raises(InvalidRequestError):
                await composer.generate_from_context(CBlock("a"), SimpleContext(), model_options=wrong)

        finish(main())
        assert server.connections == 0


def test_what_the_backend_lacks_is_an_error_before_any_request(staged, finish):
    async def say(request):
        yield "x"

    async def main():
        composer = staged(say, {"seed": "unsupported"})
        with pytest.raises(UnsupportedError, match="seed"):
            await composer.generate_from_context(CBlock("a"), SimpleContext(), model_options={ModelOption.SEED: 1})
        thunk, _ = await composer.generate_from_context(
            CBlock("a"), SimpleContext(), model_options={ModelOption.SEED: 1, "on_unsupported": "warn"}
        )
        await thunk.avalue()
        assert thunk.response.dropped == ("seed",)
        assert len(composer.backend.requests) == 1

    finish(main())


def test_silence_that_is_too_long_is_an_error(served, said, finish):
    with served(said("x", before=3)) as (_, composer):

        async def main():
            thunk, _ = await composer.generate_from_context(
                CBlock("a"), SimpleContext(), model_options={ModelOption.STREAM_TIMEOUT: 0.1}
            )
            with pytest.raises(backbay.LimitExceededError):
                await thunk.avalue()
            await composer.backend.aclose()

        finish(main())


def test_a_limit_of_ones_own_stays_beside_the_streams(body):
    _, thunk = body({ModelOption.STREAM_TIMEOUT: 5, "limits": backbay.Limits(total=9, idle=2)})
    assert thunk.notes.options["limits"] == {"first_event": 5.0, "idle": 2, "total": 9}


def test_an_answer_can_be_had_in_one_piece(body):
    answer = Reply.json(
        {
            "id": "1",
            "object": "chat.completion",
            "model": "m",
            "choices": [{"index": 0, "message": {"role": "assistant", "content": "whole"}, "finish_reason": "stop"}],
        }
    )
    found, thunk = body({ModelOption.STREAM: False}, reply=answer)
    assert not found.get("stream")
    assert thunk.value == "whole"
    assert not thunk.metadata.streaming
    assert thunk.log.model_output["id"] == "1"


def test_a_window_and_logits_go_where_a_wire_has_them(body):
    done = {"model": "m", "message": {"role": "assistant", "content": "x"}, "done": True, "done_reason": "stop"}
    line = Reply.json(done, headers={"content-type": "application/x-ndjson"})
    found, thunk = body({ModelOption.CONTEXT_WINDOW: 4096, "seed": 1}, name="ollama:m-1", reply=line)
    assert found["options"] == {"seed": 1, "num_ctx": 4096}
    assert thunk.notes.dropped == ()
    found, thunk = body({ModelOption.LOGITS: 3}, name="ollama:m-1", reply=line)
    assert (found["logprobs"], found["top_logprobs"]) == (True, 3)


def test_logits_and_a_window_that_have_no_place_are_left_out_with_a_word(echo, finish):
    async def main():
        with pytest.warns(ComposeWarning) as warned:
            thunk, _ = await echo.generate_from_context(
                CBlock("a"),
                SimpleContext(),
                model_options={ModelOption.LOGITS: 3, ModelOption.CONTEXT_WINDOW: 9, "temperature": 1},
            )
        assert await thunk.avalue() == "<a>"
        assert thunk.notes.dropped == (
            "CONTEXT_WINDOW: this backend takes none in a request",
            "LOGITS: this backend gives none",
        )
        assert [str(each.message) for each in warned] == list(thunk.notes.dropped)
        assert {each.filename for each in warned} == {__file__}  # Whoever called, and not the library.

    finish(main())
