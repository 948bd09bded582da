"""pydantic-ai, with its models of OpenAI and of Anthropic."""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import Coroutine
from typing import Any

import pytest
from pydantic_ai import Agent, BinaryContent, ModelHTTPError, NativeOutput
from pydantic_ai.models import Model
from pydantic_ai.models.anthropic import AnthropicModel
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.profiles import ModelProfile
from pydantic_ai.providers.anthropic import AnthropicProvider
from pydantic_ai.providers.openai import OpenAIProvider

from .asking import MANY, PIXEL, WEATHER_QUESTION, WEATHER_RESULT, WRONG_KEY, Person
from .places import Place


class PydanticAI:
    """Agents over OpenAI's wire."""

    def __init__(self, place: Place) -> None:
        self.place = place

    def provider(self, key: str) -> Any:
        import openai

        url = f"{self.place.gateway.url}/v1"
        return OpenAIProvider(openai_client=openai.AsyncOpenAI(base_url=url, api_key=key, max_retries=0, timeout=20))

    def model(self, name: str, key: str | None = None) -> Model:
        profile = ModelProfile(supports_json_schema_output=True)
        return OpenAIChatModel(name, provider=self.provider(key or self.place.gateway.key), profile=profile)

    @property
    def settings(self) -> Any:
        return {"temperature": 0, "max_tokens": MANY}

    def agent(self, what: str, **more: Any) -> Agent[Any, Any]:
        return Agent(self.model(self.place.model(what)), retries=0, model_settings=self.settings, **more)

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run(work)

    def plain(self) -> None:
        answer = self.run(self.agent("pong").run(self.place.question))
        assert self.place.said(answer.output)
        assert answer.usage.output_tokens > 0

    def stream(self) -> None:
        async def main() -> list[str]:
            async with self.agent("pong").run_stream(self.place.question) as result:
                return [piece async for piece in result.stream_text(delta=True, debounce_by=None)]

        pieces = self.run(main())
        assert self.place.said("".join(pieces))
        assert len(pieces) > 1

    def tools(self) -> None:
        asked = []

        def get_weather(city: str) -> str:
            """Get the weather in a city."""
            asked.append(city)
            return WEATHER_RESULT

        answer = self.run(self.agent("weather", tools=[get_weather]).run(WEATHER_QUESTION))
        assert asked == ["Paris"]
        assert answer.output == (self.place.result or answer.output) != ""

    def parse(self) -> None:
        answer = self.run(self.agent("person", output_type=NativeOutput(Person)).run(self.place.question))
        assert isinstance(answer.output, Person)

    def vision(self) -> None:
        image = BinaryContent(data=base64.b64decode(PIXEL), media_type="image/png")
        assert self.run(self.agent("pixel").run(["What is this?", image])).output == "A pixel."

    def _refused(self, model: Model, status: int) -> None:
        with pytest.raises(ModelHTTPError) as caught:
            self.run(Agent(model, retries=0).run("Hi"))
        assert caught.value.status_code == status

    def wrong_key(self) -> None:
        self._refused(self.model(self.place.model("pong"), WRONG_KEY), 401)

    def unknown_model(self) -> None:
        self._refused(self.model("nobody:nothing"), 404)

    def rate_limit(self) -> None:
        self._refused(self.model(self.place.model("error-429")), 429)

    def cancel(self) -> None:
        before = self.place.left()

        async def main() -> float:
            agent = self.agent("slow")
            settings: Any = {**self.settings, "max_tokens": 1500}

            async def read() -> None:
                async with agent.run_stream(self.place.long_question, model_settings=settings) as result:
                    async for _ in result.stream_text(delta=True, debounce_by=None):
                        started.set()

            started = asyncio.Event()
            task = asyncio.create_task(read())
            await asyncio.wait_for(started.wait(), 10)
            now = time.monotonic()
            task.cancel()
            await asyncio.wait([task])
            return await asyncio.to_thread(self.place.until_left, before, now)

        assert self.run(main()) < (0.25 if self.place.vendor is not None else 2.0)


class PydanticAIAnthropic(PydanticAI):
    """Agents over Anthropic's wire."""

    def provider(self, key: str) -> Any:
        import anthropic

        url = self.place.gateway.url
        return AnthropicProvider(
            anthropic_client=anthropic.AsyncAnthropic(base_url=url, api_key=key, max_retries=0, timeout=20)
        )

    def model(self, name: str, key: str | None = None) -> Model:
        profile = ModelProfile(supports_json_schema_output=True)
        return AnthropicModel(name, provider=self.provider(key or self.place.gateway.key), profile=profile)

    @property
    def settings(self) -> Any:
        return {"max_tokens": MANY}
