"""The real llama.cpp server, with the small model of backbay-local, through both plugins that speak to it."""

from __future__ import annotations

import asyncio
import gc
import importlib.resources
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

import backbay
from backbay import Ended, Finish, Text, ToolDelta
from backbay.http.adapters.direct import DirectTransport

xllamacpp = pytest.importorskip("xllamacpp")
local = pytest.importorskip("backbay_local")

CAPITAL = "What is the capital of France?"
BOTH = pytest.mark.parametrize("how", ["complete", "stream"])
KEY = "a-key-of-this-server"
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Get the weather in a city.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
PERSON = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"type": "integer"}, "city": {"type": "string"}},
    "required": ["name", "age", "city"],
    "additionalProperties": False,
}


def start(**settings):
    model = importlib.resources.files(local).joinpath("models", "backbay-tiny-q8_0.gguf")
    params = xllamacpp.CommonParams()
    params.model.path = str(model)
    params.n_ctx, params.n_parallel = 2048, 2
    # More threads than one wait for each other on a busy machine, and take a hundred times as long.
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
    params.port, params.verbosity, params.warmup, params.ui = 0, 0, False, False
    for name, value in settings.items():
        setattr(params, name, value)
    return xllamacpp.Server(params)


@pytest.fixture(scope="module")
def llama():
    """A server without a key, that tells about its slots."""
    server = start(endpoint_slots=True)
    yield server.listening_address
    del server
    gc.collect()


@pytest.fixture(scope="module")
def locked():
    """A server with a key, that embeds."""
    pooling = xllamacpp.llama_pooling_type.LLAMA_POOLING_TYPE_MEAN
    server = start(api_keys=[KEY], embedding=True, pooling_type=pooling)
    yield server.listening_address
    del server
    gc.collect()


@pytest.fixture(params=["llamacpp", "openai"])
def tiny(request, llama):
    def connected(**config):
        key = "x" if request.param == "openai" else None
        return backbay.connect(f"{request.param}:tiny", base_url=f"{llama}/v1", api_key=key, **config)

    return connected


def ask(backend, how="complete", messages=CAPITAL, **options):
    async def main():
        async with backend:
            if how == "complete":
                return await backend.complete(messages, **options)
            return await backend.stream(messages, **options).collect()

    return asyncio.run(main())


def test_a_plain_answer_and_the_same_one_streamed_are_equal_n4(tiny):
    whole, streamed = (ask(tiny(), how, temperature=0.0, seed=1) for how in ("complete", "stream"))
    assert "Paris" in whole.text
    assert (streamed.text, streamed.finish, streamed.tool_calls) == (whole.text, Finish.STOP, ())
    assert whole.finish is Finish.STOP
    assert (streamed.usage.input, streamed.usage.output) == (whole.usage.input, whole.usage.output)
    assert whole.usage.output > 2
    assert (whole.attempts, streamed.attempts, whole.thinking) == (1, 1, None)
    assert whole.id
    assert streamed.model == whole.model


def test_a_stream_comes_in_pieces_and_ends_once_m9(tiny):
    async def main():
        async with tiny() as backend:
            return [event async for event in backend.stream(CAPITAL, temperature=0)]

    events = asyncio.run(main())
    backbay.events.check_events(events)
    assert sum(type(event) is Text for event in events) > 3
    assert [type(event) is Ended for event in events].count(True) == 1


def test_a_conversation_with_a_system_prompt_and_history_works(tiny):
    messages = [
        {"role": "system", "content": "You are helpful."},
        {"role": "user", "content": "Hello"},
        {"role": "assistant", "content": "Hi!"},
        {"role": "user", "content": "What is the capital of Japan?"},
    ]
    assert "Tokyo" in ask(tiny(), "stream", messages, temperature=0).text


@BOTH
def test_a_tool_is_called_with_arguments_and_an_id_n3_n4_n5(tiny, how):
    asked = ask(tiny(), how, "What is the weather in Paris?", tools=[WEATHER], temperature=0)
    (call,) = asked.tool_calls
    assert (call.name, call.error) == ("get_weather", None)
    assert isinstance(call.arguments["city"], str)
    assert call.id
    assert (asked.finish, asked.text) == (Finish.TOOL_CALLS, "")
    assert asked.usage.output > 0


def test_a_tool_call_streams_in_pieces_and_its_result_is_answered_n4(tiny):
    async def main():
        async with tiny() as backend:
            question = "What is the weather in Paris?"
            stream = backend.stream(question, tools=[WEATHER], temperature=0)
            deltas = [event async for event in stream if type(event) is ToolDelta]
            call = stream.response.tool_calls[0]
            assert {(delta.id, delta.name) for delta in deltas} == {(call.id, "get_weather")}
            assert "".join(delta.fragment for delta in deltas) == call.raw_arguments
            result = {"role": "tool", "tool_call_id": call.id, "content": '{"temperature": 21, "sky": "sunny"}'}
            turns = [{"role": "user", "content": question}, stream.response.message, result]
            return await backend.complete(turns, tools=[WEATHER], temperature=0)

    answer = asyncio.run(main())
    assert answer.text
    assert answer.finish is Finish.STOP


@BOTH
def test_a_required_tool_is_called(tiny, how):
    options = {"tools": [WEATHER], "tool_choice": "required", "temperature": 0, "max_tokens": 200}
    asked = ask(tiny(), how, "What is the weather in Rome?", **options)
    assert [call.name for call in asked.tool_calls] == ["get_weather"]
    assert asked.finish is Finish.TOOL_CALLS


@BOTH
def test_a_json_schema_is_kept(tiny, how):
    prompt = "Anna is 31 years old and lives in Rome. Return JSON."
    asked = ask(tiny(), how, prompt, response_format=PERSON, temperature=0, max_tokens=200)
    found = asked.json()
    assert set(found) == {"name", "age", "city"}
    assert isinstance(found["age"], int)


@BOTH
def test_a_stop_string_ends_the_answer_and_is_not_in_it(tiny, how):
    asked = ask(tiny(), how, temperature=0, stop="Paris")
    assert "capital" in asked.text
    assert "Paris" not in asked.text
    assert asked.finish is Finish.STOP


@BOTH
def test_the_length_limit_ends_the_answer_with_its_usage_n5(tiny, how):
    asked = ask(tiny(), how, "Tell me a story.", max_tokens=3, temperature=0)
    assert (asked.finish, asked.raw_finish, asked.usage.output) == (Finish.LENGTH, "length", 3)


async def busy(llama):
    transport = DirectTransport()
    response = await transport.send("GET", f"{llama}/slots", [], b"")
    body = b"".join([data async for data in response.chunks()])
    await transport.aclose()
    return body.count(b'"is_processing":true')


def test_leaving_a_stream_frees_its_slot_m13_n11(tiny, llama):
    """The server goes on with an answer that is not streamed, whoever hangs up; so only streams are tried."""

    async def main():
        async with tiny() as backend:
            options = {"max_tokens": 1900, "extra": {"ignore_eos": True}}
            async with backend.stream("Tell me a story.", **options) as stream:
                async for event in stream:
                    if type(event) is Text:
                        break
            start = time.monotonic()
            while await busy(llama) and time.monotonic() - start < 2:
                await asyncio.sleep(0.02)
            assert time.monotonic() - start < 1.0
            assert "Paris" in (await backend.complete(CAPITAL, temperature=0)).text

    asyncio.run(main())


@BOTH
def test_a_prompt_that_is_too_long_is_a_context_length_error_m4(tiny, how):
    with pytest.raises(backbay.ContextLengthError) as caught:
        ask(tiny(), how, "word " * 5000)
    assert (caught.value.status, caught.value.code) == (400, "exceed_context_size_error")
    assert (caught.value.retryable, caught.value.attempts) == (False, 1)


def test_what_the_server_does_not_accept_is_a_bad_request(tiny):
    with pytest.raises(backbay.ResponseError) as caught:
        ask(tiny(retries=0), extra={"grammar": "this is no grammar ::= ("})
    assert caught.value.status == 400


@BOTH
def test_a_wrong_key_is_an_authentication_error_and_the_right_one_works_m4(locked, how):
    def connected(name, key):
        return backbay.connect(f"{name}:tiny", base_url=f"{locked}/v1", api_key=key)

    for name in ("llamacpp", "openai"):
        with pytest.raises(backbay.AuthenticationError) as caught:
            ask(connected(name, "a-wrong-key-altogether"), how)
        assert caught.value.status == 401
        assert "a-wrong-key" not in str(caught.value)
        with pytest.raises(backbay.AuthenticationError):
            asyncio.run(connected(name, "a-wrong-key-altogether").embed("x"))
        assert asyncio.run(connected(name, KEY).embed("x")).vectors


def test_the_model_list_names_the_model_with_its_context(tiny):
    models = asyncio.run(tiny().list_models())
    assert len(models) == 1
    assert models[0].id
    assert models[0].context_window


def test_health_is_reachable_with_a_latency_and_a_dead_server_is_not_m12(tiny, locked):
    health = asyncio.run(tiny().health())
    assert health.reachable
    assert health.latency_ms > 0
    wrong = backbay.connect("llamacpp:tiny", base_url=f"{locked}/v1", api_key="a-wrong-key-altogether")
    assert asyncio.run(wrong.health()).reachable
    dead = backbay.connect("llamacpp:tiny", base_url="http://127.0.0.1:9/v1")
    found = asyncio.run(dead.health())
    assert (found.reachable, found.latency_ms) == (False, None)
    assert "127.0.0.1:9" in found.last_error


def test_embeddings_without_the_flag_are_a_typed_error(tiny):
    with pytest.raises(backbay.ServerError) as caught:
        asyncio.run(tiny().embed("x"))
    assert (caught.value.status, caught.value.retryable, caught.value.attempts) == (501, False, 1)


@pytest.mark.parametrize("name", ["llamacpp", "openai"])
def test_embeddings_are_one_vector_an_input_in_order(locked, name):
    backend = backbay.connect(f"{name}:tiny", base_url=f"{locked}/v1", api_key=KEY)

    async def main():
        async with backend:
            return await backend.embed(["a cat", "a dog", "a cat"]), await backend.embed("a dog")

    many, one = asyncio.run(main())
    assert (len(many.vectors), len(one.vectors)) == (3, 1)
    assert len({len(vector) for vector in (*many.vectors, *one.vectors)}) == 1
    assert many.vectors[0] == pytest.approx(many.vectors[2], abs=1e-3)
    assert many.vectors[1] == pytest.approx(one.vectors[0], abs=1e-3)
    assert many.vectors[0] != pytest.approx(many.vectors[1], abs=1e-3)


def test_the_blocking_face_works_from_several_threads(llama):
    with backbay.connect_sync("llamacpp:tiny", base_url=f"{llama}/v1") as backend:
        assert "Paris" in "".join(backend.stream(CAPITAL, temperature=0).texts())
        with ThreadPoolExecutor(4) as pool:
            texts = list(pool.map(lambda _: backend.complete(CAPITAL, temperature=0).text, range(8)))
    assert all("Paris" in text for text in texts)


@pytest.mark.parametrize("transport", ["aiohttp"])
def test_another_transport_gives_the_same_answer(tiny, transport):
    assert ask(tiny(transport=transport), "stream", temperature=0).text == ask(tiny(), "stream", temperature=0).text
