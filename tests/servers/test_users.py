"""What a user does, done with servers that nobody here wrote, on each wire that they speak."""

from __future__ import annotations

import asyncio
import time

import pytest
from real_servers.processes import KEY
from real_servers.servers import LLAMA, LONG, MODEL

import backbay
from backbay import Ended, Finish, Text, ToolDelta, fold
from backbay.capabilities import Capability
from backbay.events import check_events

CAPITAL = "What is the capital of France?"
BOTH = pytest.mark.parametrize("how", ["complete", "stream"])
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Get the weather in a city.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
ADD = {
    "type": "function",
    "function": {
        "name": "add",
        "description": "Add two numbers.",
        "parameters": {
            "type": "object",
            "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}},
            "required": ["a", "b"],
        },
    },
}
PERSON = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"type": "integer"}, "city": {"type": "string"}},
    "required": ["name", "age", "city"],
    "additionalProperties": False,
}


@pytest.fixture
def tiny(peer, address):
    """Connect to a peer's server."""

    def connected(**config):
        settings = {"base_url": f"{address(peer.server)}/v1", "wire": peer.wire, "api_key": KEY, **peer.config}
        return backbay.connect(f"{peer.backend}:{MODEL}", **{**settings, **config})

    return connected


def ask(backend, how="complete", messages=CAPITAL, **options):
    async def main():
        async with backend:
            given = {"temperature": 0, **options}
            if how == "complete":
                return await backend.complete(messages, **given)
            return await backend.stream(messages, **given).collect()

    return asyncio.run(main())


def run(backend, call):
    async def main():
        async with backend:
            return await call(backend)

    return asyncio.run(main())


def test_a_plain_answer_and_the_same_one_streamed_are_equal(tiny):
    whole, streamed = (ask(tiny(), how) for how in ("complete", "stream"))
    assert whole.text == "The capital of France is Paris."
    assert (streamed.text, streamed.finish, streamed.raw_finish) == (whole.text, whole.finish, whole.raw_finish)
    assert (whole.finish, whole.tool_calls, whole.thinking) == (Finish.STOP, (), None)
    assert whole.id
    assert streamed.id


def test_both_ways_name_the_model(tiny):
    whole, streamed = (ask(tiny(), how) for how in ("complete", "stream"))
    assert whole.model
    assert streamed.model == whole.model


def test_a_stream_comes_in_pieces_and_folds_to_its_response(tiny):
    async def main(backend):
        stream = backend.stream(CAPITAL, temperature=0)
        events = [event async for event in stream]
        return events, stream.response

    events, response = run(tiny(), main)
    check_events(events)
    assert fold(events).text == response.text
    assert fold(events).usage == response.usage
    assert sum(type(event) is Text for event in events) > 3
    assert [type(event) is Ended for event in events].count(True) == 1


@BOTH
def test_usage_is_counted(tiny, how):
    usage = ask(tiny(), how).usage
    assert usage is not None
    assert (usage.input, usage.output) == (17, 8)


def test_a_system_prompt_and_a_history_are_read(tiny):
    messages = [
        {"role": "system", "content": "You are helpful."},
        {"role": "user", "content": "Hello"},
        {"role": "assistant", "content": "Hi!"},
        {"role": "user", "content": "What is the capital of Japan?"},
    ]
    assert "Tokyo" in ask(tiny(), "stream", messages).text


@BOTH
def test_text_of_any_script_is_taken(tiny, how):
    answer = ask(tiny(), how, "Bok! 🌍 čćžšđ 你好 שלום \u2028 👩‍👩‍👧 e\u0301", max_tokens=40)
    assert answer.text.encode()


@BOTH
def test_the_length_limit_ends_the_answer(tiny, how):
    answer = ask(tiny(), how, "Tell me a story.", max_tokens=3)
    assert answer.finish is Finish.LENGTH
    assert answer.usage is None or answer.usage.output == 3


@BOTH
def test_a_stop_sequence_ends_the_answer_and_is_not_in_it(tiny, how):
    if not tiny().capabilities().allows(Capability.STOP):
        with pytest.raises(backbay.UnsupportedError):
            ask(tiny(), how, stop="Paris")
        return
    answer = ask(tiny(), how, stop="Paris")
    assert answer.text.strip() == "The capital of France is"
    assert answer.finish is Finish.STOP


@BOTH
def test_a_tool_is_called(tiny, how):
    answer = ask(tiny(), how, "What is the weather in Paris?", tools=[WEATHER, ADD], max_tokens=200)
    (call,) = answer.tool_calls
    assert (call.name, call.error) == ("get_weather", None)
    assert isinstance(call.arguments["city"], str)
    assert call.id
    assert answer.finish is Finish.TOOL_CALLS


@BOTH
def test_some_tool_can_be_required(tiny, how):
    answer = ask(tiny(), how, "What is the weather in Rome?", tools=[WEATHER], tool_choice="required", max_tokens=200)
    assert [call.name for call in answer.tool_calls] == ["get_weather"]
    assert answer.finish is Finish.TOOL_CALLS


@BOTH
def test_one_tool_can_be_required_by_its_name(tiny, how):
    tools = [WEATHER, ADD]
    answer = ask(tiny(), how, "What is 17 + 25?", tools=tools, tool_choice="get_weather", max_tokens=200)
    assert [call.name for call in answer.tool_calls] == ["get_weather"]
    assert answer.finish is Finish.TOOL_CALLS


def test_a_tool_call_streams_in_deltas_and_its_result_is_answered(tiny):
    question = "What is the weather in Paris?"

    async def main(backend):
        stream = backend.stream(question, tools=[WEATHER], temperature=0, max_tokens=200)
        deltas = [event async for event in stream if type(event) is ToolDelta]
        call = stream.response.tool_calls[0]
        assert "".join(delta.fragment for delta in deltas) == call.raw_arguments
        result = {"role": "tool", "tool_call_id": call.id, "content": '{"temperature": 21, "sky": "sunny"}'}
        turns = [{"role": "user", "content": question}, stream.response.message, result]
        return await backend.complete(turns, tools=[WEATHER], temperature=0, max_tokens=200)

    answer = run(tiny(), main)
    assert answer.text
    assert answer.finish is Finish.STOP


@BOTH
def test_a_json_schema_is_kept(tiny, how):
    """The question has nothing to do with it: the server keeps the schema, not the model."""
    if not tiny().capabilities().allows(Capability.STRUCTURED_OUTPUT):
        with pytest.raises(backbay.UnsupportedError):
            ask(tiny(), how, CAPITAL, response_format=PERSON)
        return
    found = ask(tiny(), how, CAPITAL, response_format=PERSON, max_tokens=200).json()
    assert set(found) == {"name", "age", "city"}
    assert isinstance(found["age"], int)


@pytest.mark.parametrize("way", ["leave", "cancel"])
def test_leaving_an_answer_frees_its_slot(tiny, peer, address, way):
    """The server has not generated the rest, by its own word; one that says nothing is soon free for somebody else."""
    server, url = peer.server, address(peer.server)
    options = {"max_tokens": server.long, "temperature": 0}

    async def leave(backend):
        if way == "leave":
            async with backend.stream(LONG, **options) as stream:
                async for event in stream:
                    if type(event) is Text:
                        break
                assert server.busy is None or server.busy(url) == 1
        else:
            task = asyncio.create_task(backend.complete(LONG, **options))
            await asyncio.sleep(0.1)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    async def until_free(backend):
        start = time.monotonic()
        if server.busy is None:
            await backend.complete(CAPITAL, temperature=0, max_tokens=20)
        while server.busy is not None and server.busy(url):
            await asyncio.sleep(0.02)
        return time.monotonic() - start

    async def main(backend):
        start = time.monotonic()
        if server.made is None:
            await backend.complete(LONG, **options)
        whole = time.monotonic() - start
        before = server.made(url) if server.made else 0
        await leave(backend)
        took = await until_free(backend)
        if server.made is None:
            assert took < whole / 2
        else:
            assert server.made(url) - before < server.long

    run(tiny(), main)


@BOTH
def test_a_prompt_that_is_too_long_is_a_context_length_error(tiny, how):
    with pytest.raises(backbay.ContextLengthError) as caught:
        ask(tiny(), how, "word " * 5000, max_tokens=20)
    assert caught.value.status == 400
    assert (caught.value.retryable, caught.value.attempts) == (False, 1)


@BOTH
def test_a_model_that_is_not_there_is_an_error(tiny, how):
    with pytest.raises(backbay.NotFoundError):
        ask(tiny(), how, model="no-such-model", max_tokens=20)


@BOTH
def test_a_wrong_key_is_an_authentication_error(tiny, how):
    with pytest.raises(backbay.AuthenticationError) as caught:
        ask(tiny(api_key="a-wrong-key-altogether"), how, max_tokens=20)
    assert caught.value.status == 401
    assert "a-wrong-key" not in str(caught.value)


@BOTH
def test_what_the_server_does_not_accept_is_a_typed_error(tiny, how):
    """The server's own words are in it, and it is not tried again."""
    with pytest.raises(backbay.ResponseError) as caught:
        ask(tiny(), how, max_tokens=20, extra={"top_k": "many"})
    assert caught.value.status in (400, 422)
    assert (caught.value.attempts, caught.value.retryable) == (1, False)


def test_eight_calls_at_once_are_all_answered(tiny):
    async def main(backend):
        return await asyncio.gather(
            *(backend.complete(f"What is {number} + 3?", temperature=0, max_tokens=30) for number in range(8))
        )

    texts = [answer.text for answer in run(tiny(), main)]
    assert texts == [f"{number} + 3 = {number + 3}." for number in range(8)]


def test_the_blocking_face_gives_the_same(tiny, peer, address):
    url = f"{address(peer.server)}/v1"
    settings = {"base_url": url, "wire": peer.wire, "api_key": KEY, **peer.config}
    with backbay.connect_sync(f"{peer.backend}:{MODEL}", **settings) as backend:
        assert "".join(backend.stream(CAPITAL, temperature=0).texts()) == "The capital of France is Paris."
        assert backend.complete(CAPITAL, temperature=0).text == "The capital of France is Paris."


def test_the_model_list_names_a_model(tiny):
    models = run(tiny(), lambda backend: backend.list_models())
    assert [bool(model.id) for model in models] == [True]


def test_the_model_list_has_the_context_window(tiny, peer):
    [model] = run(tiny(), lambda backend: backend.list_models())
    assert model.context_window == peer.server.context


def test_health_is_reachable(tiny):
    health = run(tiny(), lambda backend: backend.health())
    assert health.reachable, health.last_error
    assert health.latency_ms > 0


def test_tokens_of_a_prompt_are_counted(tiny):
    if not tiny().capabilities().allows(Capability.COUNT_TOKENS):
        with pytest.raises(backbay.UnsupportedError):
            run(tiny(), lambda backend: backend.count_tokens(CAPITAL))
        return
    assert run(tiny(), lambda backend: backend.count_tokens(CAPITAL)) == 17


@BOTH
@pytest.mark.wires("openai_chat")
def test_log_probabilities_are_given_where_they_are_asked_for(tiny, how, peer):
    answer = ask(tiny(), how, max_tokens=4, extra={"logprobs": True, "top_logprobs": 2})
    assert len(answer.details["logprobs"]["content"]) == 4


def test_a_server_that_was_started_with_a_key_wants_it(peer, address):
    """A server whose key nobody asks for would make the test of a wrong key mean nothing."""
    backend = backbay.connect(f"openai-compatible:{MODEL}", base_url=f"{address(peer.server)}/v1")
    with pytest.raises(backbay.AuthenticationError):
        ask(backend)


needs_llama = pytest.mark.skipif(not LLAMA.there(), reason="xllamacpp is not installed")


@needs_llama
@pytest.mark.parametrize("backend", ["llamacpp", "openai", "openai-compatible"])
def test_llama_cpp_embeds(address, backend):
    async def main(backend):
        return await backend.embed(["a cat", "a dog", "a cat"]), await backend.embed("a dog")

    url = f"{address(LLAMA)}/v1"
    many, one = run(backbay.connect(f"{backend}:{MODEL}", base_url=url, api_key=KEY), main)
    assert {len(vector) for vector in (*many.vectors, *one.vectors)} == {192}
    assert many.vectors[0] == pytest.approx(many.vectors[2], abs=1e-3)
    assert many.vectors[1] == pytest.approx(one.vectors[0], abs=1e-3)
    assert many.vectors[0] != pytest.approx(many.vectors[1], abs=1e-3)


@needs_llama
def test_llama_cpp_ranks_where_it_was_started_for_that(ranking):
    """The model was never taught to rank: the form is looked at, not the order."""
    texts = ["a cat", "a dog", "a house"]
    backend = backbay.connect(f"openai-compatible:{MODEL}", base_url=f"{ranking}/v1", api_key=KEY)
    found = run(backend, lambda backend: backend.rerank("cat", texts))
    assert sorted(result.index for result in found.results) == [0, 1, 2]
    scores = [result.score for result in found.results]
    assert scores == sorted(scores, reverse=True)


@needs_llama
def test_llama_cpp_says_that_it_was_not_started_to_rank(address):
    backend = backbay.connect(f"openai-compatible:{MODEL}", base_url=f"{address(LLAMA)}/v1", api_key=KEY)
    with pytest.raises(backbay.ServerError, match="does not support reranking") as caught:
        run(backend, lambda backend: backend.rerank("cat", ["a cat"]))
    assert (caught.value.status, caught.value.retryable) == (501, False)
