"""The official clients over ``local:tiny``, a real engine behind a real gateway."""

from __future__ import annotations

from typing import Literal

import anthropic
import openai
import pytest
from pydantic import BaseModel

HI = [{"role": "user", "content": "Hello"}]
WEATHER = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}


@pytest.fixture
def local(gateway):
    pytest.importorskip("backbay_local")
    running = gateway(upstreams=[{"vendor": "local", "models": {"tiny": "tiny"}}])
    with (
        openai.OpenAI(base_url=f"{running.url}/v1", api_key=running.key, max_retries=0) as one,
        anthropic.Anthropic(base_url=running.url, api_key=running.key, max_retries=0) as other,
    ):
        yield running, one, other


def test_answers_whole_and_streamed_on_every_dialect(local) -> None:
    _, one, other = local
    plain = one.chat.completions.create(model="local:tiny", messages=HI, max_tokens=20, temperature=0, seed=1)
    text = plain.choices[0].message.content
    assert text
    assert plain.usage.completion_tokens > 0
    options = {"model": "tiny", "messages": HI, "max_tokens": 20, "temperature": 0}
    streamed = one.chat.completions.create(**options, seed=1, stream=True, stream_options={"include_usage": True})
    chunks = list(streamed)
    assert "".join(each.choices[0].delta.content or "" for each in chunks if each.choices) == text
    assert chunks[-1].usage.completion_tokens == plain.usage.completion_tokens
    assert one.responses.create(model="tiny", input="Hello", max_output_tokens=20, temperature=0).output_text == text
    del options["temperature"]  # The newest version of Anthropic's API has none.
    assert other.messages.create(**options).content[0].text
    with other.messages.stream(**options) as stream:
        assert "".join(stream.text_stream)
        assert stream.get_final_message().usage.output_tokens > 0
    raw = one.chat.completions.with_raw_response.create(**options)
    assert raw.headers["x-backbay-served-by"] == "local:tiny"


def test_tools_and_schemas_hold(local) -> None:
    _, one, other = local
    ask = [{"role": "user", "content": "What is the weather in Paris?"}]
    function = {"name": "get_weather", "description": "Tells the weather of a city", "parameters": WEATHER}
    answer = one.chat.completions.create(
        model="tiny",
        messages=ask,
        tools=[{"type": "function", "function": function}],
        tool_choice="required",
        temperature=0,
    )
    call = answer.choices[0].message.tool_calls[0]
    assert call.function.name == "get_weather"
    tool = {"name": "get_weather", "description": "Tells the weather of a city", "input_schema": WEATHER}
    found = other.messages.create(model="tiny", messages=ask, tools=[tool], tool_choice={"type": "any"}, max_tokens=64)
    assert next(each for each in found.content if each.type == "tool_use").name == "get_weather"

    class City(BaseModel):
        city: Literal["Paris", "Rome"]

    parsed = one.chat.completions.parse(model="tiny", messages=ask, response_format=City, max_tokens=64, temperature=0)
    assert isinstance(parsed.choices[0].message.parsed, City)


def test_models_are_listed_and_vectors_come(local) -> None:
    _, one, other = local
    assert [each.id for each in one.models.list()] == ["tiny", "local:tiny"]
    assert other.models.retrieve("local:tiny").id == "local:tiny"
    assert len(one.embeddings.create(model="tiny", input=["a", "b"]).data) == 2


def test_errors_are_the_clients_own_classes(local) -> None:
    running, one, other = local
    with pytest.raises(openai.NotFoundError, match="tiny"):
        one.chat.completions.create(model="local-tiny", messages=HI)
    with pytest.raises(anthropic.NotFoundError):
        other.messages.create(model="no:such", messages=HI, max_tokens=1)
    with pytest.raises(openai.BadRequestError, match="temperature"):
        one.chat.completions.create(model="tiny", messages=HI, temperature="warm")
    with pytest.raises(anthropic.BadRequestError):
        other.messages.create(model="tiny", messages=[], max_tokens=1)
    with pytest.raises(openai.BadRequestError):
        one.chat.completions.create(model="tiny", messages=[{"role": "user", "content": "word " * 5000}])
    wrong = "bb_" + "a" * 12 + "_" + "b" * 43
    with (
        openai.OpenAI(base_url=f"{running.url}/v1", api_key=wrong, max_retries=0) as stranger,
        pytest.raises(openai.AuthenticationError),
    ):
        stranger.models.list()
    with (
        anthropic.Anthropic(base_url=running.url, api_key=wrong, max_retries=0) as stranger,
        pytest.raises(anthropic.AuthenticationError),
    ):
        stranger.messages.create(model="tiny", messages=HI, max_tokens=1)


def test_a_client_that_stops_reading_frees_the_engine(local) -> None:
    running, one, _ = local
    with one.chat.completions.create(model="tiny", messages=HI, stream=True, max_tokens=500) as stream:
        next(iter(stream))
    running.until(lambda: running.live == 0, 1.0)
