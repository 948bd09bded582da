"""The composer: raw prompts, what it owns, and what it refuses before anything is sent."""

from __future__ import annotations

import asyncio

import pytest
from pydantic import BaseModel

from backbay import Backend
from backbay.errors import (
    ClosedError,
    InvalidRequestError,
    ServerError,
    UnknownBackendError,
    UnknownOptionError,
    UnsupportedError,
)
from backbay.testing import Pause, Reply, connect_fake
from backbay_compose import (
    CBlock,
    ChatContext,
    ChatTemplate,
    Composer,
    ComposeWarning,
    Instruction,
    ModelOption,
    ModelOutputThunk,
    SimpleContext,
    SpanError,
    tool,
)


class Word(BaseModel):
    word: str


@tool
def pick() -> str:
    """Pick."""
    return "x"


def completion(text, pause=0.0):
    choice = {"index": 0, "text": text, "finish_reason": "stop"}
    body = Reply.json({"id": "1", "object": "text_completion", "model": "m", "choices": [choice]})
    return Reply(headers=body.headers, steps=[Pause(pause), *body.steps] if pause else body.steps)


# L11: raw prompts


def test_l11_each_prompt_has_its_thunk_in_order_even_where_later_ones_answer_first(served, finish):
    def answer(request):
        number = int(request.json["prompt"])
        return completion(f"<{number}>", pause=0.3 - 0.05 * number)

    with served(answer, "vllm:m-1") as (server, composer):

        async def main():
            ended = []
            composer.listen(lambda thunk: thunk.when_done(lambda: ended.append(thunk.value)))
            thunks = await composer.generate_from_raw([CBlock(str(number)) for number in range(5)])
            assert [thunk.value for thunk in thunks] == [f"<{number}>" for number in range(5)]
            assert ended != [thunk.value for thunk in thunks]
            assert all(thunk.is_computed() and thunk.error is None for thunk in thunks)
            assert all(thunk.notes.raw and thunk.metadata.attempts == 1 for thunk in thunks)
            await composer.backend.aclose()

        finish(main())
        assert {request.path for request in server.requests} == {"/v1/completions"}


def test_l11_no_prompts_are_no_thunks_and_no_request(served, finish):
    with served(completion("x"), "vllm:m-1") as (server, composer):

        async def main():
            assert await composer.generate_from_raw([]) == []

        finish(main())
        assert server.connections == 0


def test_l11_the_prompt_is_sent_as_it_is_with_its_thunks_computed_and_without_a_context(served, said, bundle, finish):
    text = 'a "quoted"\n\nlíne\t{{ x }} 🎈'

    def answer(request):
        return completion("x") if request.path.endswith("/completions") and "prompt" in request.json else said("inner")

    with served(answer, "vllm:m-1", record_prompts=True) as (server, composer):

        async def main():
            inner, _ = await composer.generate_from_context(CBlock("a"), SimpleContext(), lazy=True)
            ctx = ChatContext().add(CBlock("not this"))
            actions = [CBlock(text), bundle(inner, CBlock(" and "), inner), Instruction("{{ a }}", {"a": "b"})]
            thunks = await composer.generate_from_raw(actions, ctx, model_options={"temperature": 0})
            assert [thunk.action for thunk in thunks] == actions
            assert [thunk.prompt[0].text for thunk in thunks] == [text, "inner and inner", "b"]
            await composer.backend.aclose()

        finish(main())
        bodies = [request.json for request in server.requests if "prompt" in request.json]
        assert sorted(body["prompt"] for body in bodies) == sorted([text, "inner and inner", "b"])
        assert all("messages" not in body and body["temperature"] == 0 for body in bodies)
        assert len(server.requests) == 4


def test_l11_one_that_fails_keeps_the_others_and_has_its_error(served, finish):
    def answer(request):
        if request.json["prompt"] == "bad":
            return Reply.json({"error": {"message": "no"}}, status=500)
        return completion("good")

    with served(answer, "vllm:m-1") as (_, composer):

        async def main():
            thunks = await composer.generate_from_raw([CBlock("one"), CBlock("bad"), CBlock("two")])
            assert [thunk.value for thunk in thunks] == ["good", "", "good"]
            assert [type(thunk.error) for thunk in thunks] == [type(None), ServerError, type(None)]
            assert all(thunk.is_computed() and not thunk.cancelled for thunk in thunks)
            assert await thunks[1].avalue() == ""
            with pytest.raises(ServerError):
                await composer.generate_from_raw([CBlock("bad"), CBlock("bad")])
            await composer.backend.aclose()

        finish(main())


def test_l11_an_empty_answer_is_computed_and_no_error(served, finish):
    with served(Reply.json({"model": "m", "response": "", "done": True, "done_reason": "stop"}), "ollama:m-1") as (
        server,
        composer,
    ):

        async def main():
            [thunk] = await composer.generate_from_raw([CBlock("a")])
            assert (thunk.value, thunk.error) == ("", None)
            await composer.backend.aclose()

        finish(main())
        assert server.requests[0].json["raw"] is True


def test_l11_a_backend_without_raw_text_refuses_and_does_not_chat_instead(served, said, finish):
    with served(said("x"), "anthropic:m-1") as (server, composer):

        async def main():
            for actions in ([CBlock("a")], []):
                with pytest.raises(UnsupportedError, match="complete_raw"):
                    await composer.generate_from_raw(actions)

        finish(main())
        with pytest.raises(UnsupportedError):
            Composer(composer.backend, chat_template=ChatTemplate("x"))
        assert server.connections == 0


@pytest.mark.parametrize("wrong", [["text"], [None], "text", [CBlock("a"), 7]])
def test_l11_prompts_that_are_no_spans_are_refused_before_any_request(served, finish, wrong):
    with served(completion("x"), "vllm:m-1") as (server, composer):

        async def main():
            with pytest.raises(SpanError):
                await composer.generate_from_raw(wrong)

        finish(main())
        assert server.connections == 0


def test_l11_who_gives_up_cancels_all_of_them(served, finish):
    with served(completion("x", pause=5), "vllm:m-1") as (server, composer):

        async def main():
            thunks = []
            composer.listen(thunks.append)
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(composer.generate_from_raw([CBlock("a"), CBlock("b")]), 0.2)
            assert [thunk.cancelled for thunk in thunks] == [True, True]
            await composer.backend.aclose()

        finish(main())
        assert server.wait_for(lambda server: len(server.hangups) == 2, 1)


def test_l11_over_a_real_engine(finish):
    async def main():
        async with Composer("local:tiny") as composer:
            options = {ModelOption.MAX_NEW_TOKENS: 6, ModelOption.SEED: 1}
            thunks = await composer.generate_from_raw([CBlock("One, two,"), CBlock("The")] * 2, model_options=options)
            assert [thunk.value for thunk in thunks[:2]] == [thunk.value for thunk in thunks[2:]]
            assert all(thunk.error is None and thunk.value for thunk in thunks)
            assert all(thunk.metadata.usage.output <= 6 for thunk in thunks)
            [formed] = await composer.generate_from_raw(
                [CBlock("A word as JSON: ")], format=Word, model_options={"max_tokens": 200}
            )
            assert formed.notes.strategy == "schema"
            assert isinstance(formed.parsed, Word)

    finish(main(), 60)


def test_l12_a_form_is_on_the_wire_of_raw_text_where_there_is_a_place_for_it(served, finish):
    with served(completion('{"word": "x"}'), "vllm:m-1") as (server, composer):

        async def main():
            [thunk] = await composer.generate_from_raw([CBlock("a")], format=Word)
            assert thunk.parsed == Word(word="x")
            assert thunk.notes.strategy == "schema"
            await composer.backend.aclose()

        finish(main())
        assert "word" in server.requests[0].json["response_format"]["json_schema"]["schema"]["properties"]


@pytest.mark.parametrize(
    ("name", "connect"),
    [("openai:m-1", {}), ("vllm:m-1", {"capabilities": {"structured_output": "unsupported"}})],
)
def test_l12_a_form_that_raw_text_cannot_have_is_left_out_with_a_word_and_a_record(served, finish, name, connect):
    with served(completion("free text"), name, connect=connect) as (server, composer):

        async def main():
            with pytest.warns(ComposeWarning, match="schema") as warned:
                thunks = await composer.generate_from_raw([CBlock("a"), CBlock("b")], format=Word)
            assert len(warned) == 1
            assert warned[0].filename == __file__
            for thunk in thunks:
                assert thunk.value == "free text"
                assert thunk.notes.strategy is None
                assert "response_format" not in thunk.notes.options
                assert thunk.notes.dropped == ("format: this backend cannot hold an answer to a schema",)
            await composer.backend.aclose()

        finish(main())
        assert len(server.requests) == 2
        assert all("response_format" not in request.json for request in server.requests)


def test_l12_tools_and_what_else_belongs_to_a_conversation_are_left_out_of_raw_text_with_a_word(served, finish):
    with served(completion("x"), "vllm:m-1", model_options={ModelOption.SYSTEM_PROMPT: "S"}) as (server, composer):

        async def main():
            with pytest.warns(ComposeWarning, match="a raw prompt has no place"):
                [thunk] = await composer.generate_from_raw(
                    [CBlock("a")], model_options={ModelOption.TOOLS: [pick]}, tool_calls=True
                )
            assert [each.split(":")[0] for each in thunk.notes.dropped] == ["system", "tools"]
            assert thunk.value == "x"
            await composer.backend.aclose()

        finish(main())
        assert not {"tools", "system", "messages"} & server.requests[0].json.keys()


# What a composer is made of


def test_a_composer_closes_what_it_connected_and_nothing_else(finish):
    async def main():
        backend = connect_fake("x")
        async with Composer(backend) as composer:
            await composer.aclose()
        thunk, _ = await composer.generate_from_context(CBlock("a"), SimpleContext())
        assert await thunk.avalue() == "x"
        async with Composer("local:tiny") as owned:
            assert isinstance(owned.backend, Backend)
        await owned.aclose()
        thunk, _ = await owned.generate_from_context(CBlock("a"), SimpleContext())
        with pytest.raises(ClosedError):
            await thunk.avalue()

    finish(main(), 60)


@pytest.mark.parametrize(
    ("settings", "error"),
    [
        ({"concurrency": 0}, InvalidRequestError),
        ({"model_options": {"model": "x"}}, InvalidRequestError),
        ({"model_options": {"@@@x@@@": 1}}, UnknownOptionError),
        ({"backend": "nonsense:x"}, UnknownBackendError),
    ],
)
def test_wrong_settings_are_refused(settings, error):
    with pytest.raises(error):
        Composer(**{"backend": connect_fake(), **settings})


@pytest.mark.parametrize("wrong", ["text", None, 7, [CBlock("x")]])
def test_an_action_that_is_no_span_is_refused_before_any_request(served, said, finish, wrong):
    with served(said("x")) as (server, composer):

        async def main():
            with pytest.raises(SpanError, match=type(wrong).__name__):
                await composer.generate_from_context(wrong, SimpleContext())

        finish(main())
        assert server.connections == 0


def test_who_listens_hears_of_each_thunk_until_that_ends(echo, finish):
    async def main():
        heard = []
        stop = echo.listen(heard.append)
        one, _ = await echo.generate_from_context(CBlock("a"), SimpleContext())
        stop()
        two, _ = await echo.generate_from_context(CBlock("b"), SimpleContext())
        await asyncio.gather(one.avalue(), two.avalue())
        assert heard == [one]

    finish(main())


def test_what_waits_for_a_failure_fails_with_it_and_asks_nothing(staged, bundle, finish):
    async def say(request):
        raise ServerError("broken", status=500)
        yield ""

    async def main():
        composer = staged(say)
        inner, _ = await composer.generate_from_context(CBlock("a"), SimpleContext())
        outer, after = await composer.generate_from_context(bundle(inner), ChatContext())
        last, _ = await composer.generate_from_context(CBlock("b"), after)
        with pytest.raises(ServerError) as caught:
            await last.avalue()
        assert caught.value is inner.error is outer.error is last.error
        assert len(composer.backend.requests) == 1
        # And what is asked later, of a context that has a failed thunk in it, says so too.
        later, _ = await composer.generate_from_context(CBlock("c"), after)
        with pytest.raises(ServerError):
            await later.avalue()

    finish(main())


def test_what_was_cancelled_stands_in_later_prompts_with_what_had_come(staged, finish):
    async def say(request):
        yield f"<{len(request.messages)}>"
        if len(request.messages) == 1:
            await asyncio.sleep(30)

    async def main():
        composer = staged(say)
        thunk, ctx = await composer.generate_from_context(CBlock("a"), ChatContext())
        assert await thunk.astream() == "<1>"
        later, _ = await composer.generate_from_context(CBlock("b"), ctx)
        await thunk.cancel_generation()
        assert await later.avalue() == "<3>"
        assert composer.backend.requests[-1].messages[1].text == "<1>"

    finish(main())


def test_a_thunk_can_be_said_again(echo, finish):
    async def main():
        thunk, _ = await echo.generate_from_context(ModelOutputThunk("given"), ChatContext().add(CBlock("a")))
        assert await thunk.avalue() == "<given>"
        assert echo.backend.requests[0].messages[-1].role == "assistant"

    finish(main())
