"""llm, by its Python interface, with the classes that it has for servers of OpenAI's wire."""

from __future__ import annotations

import base64
from typing import Any

import llm
import openai
import pytest
from llm.default_plugins.openai_models import Chat

from .asking import MANY, PIXEL, WEATHER_QUESTION, WEATHER_RESULT, WRONG_KEY, Person
from .places import Place


class LLM:
    """``llm.Model`` for the gateway."""

    def __init__(self, place: Place) -> None:
        self.place = place

    def model(self, what: str, key: str | None = None) -> Any:
        name = self.place.model(what)
        abilities: Any = {"vision": True, "supports_schema": True, "supports_tools": True}
        return Chat(name, model_name=name, **abilities, **self._given(key))

    def _given(self, key: str | None = None) -> Any:
        return {"api_base": f"{self.place.gateway.url}/v1", "key": key or self.place.gateway.key}

    def ask(self, what: str, prompt: str, **more: Any) -> Any:
        model = self.model(what, more.pop("key", None))
        return model.prompt(prompt, temperature=0, max_tokens=MANY, **{"stream": False, **more})

    def plain(self) -> None:
        answer = self.ask("pong", self.place.question)
        assert answer.text() == self.place.says
        assert answer.usage().output > 0

    def stream(self) -> None:
        pieces = list(self.ask("pong", self.place.question, stream=True))
        assert "".join(pieces) == self.place.says
        assert sum(map(bool, pieces)) > 1

    def tools(self) -> None:
        asked = []

        def get_weather(city: str) -> str:
            """Get the weather in a city."""
            asked.append(city)
            return WEATHER_RESULT

        chain = self.model("weather").conversation(tools=[get_weather])
        told = chain.chain(WEATHER_QUESTION, options={"temperature": 0, "max_tokens": MANY}).text()
        assert asked == ["Paris"]
        assert told.endswith(self.place.result or told)
        assert told

    def parse(self) -> None:
        answer = self.ask("person", self.place.question, schema=Person)
        assert Person.model_validate_json(answer.text())

    def vision(self) -> None:
        image = llm.Attachment(type="image/png", content=base64.b64decode(PIXEL))
        assert self.ask("pixel", "What is this?", attachments=[image]).text() == "A pixel."

    def wrong_key(self) -> None:
        with pytest.raises(openai.AuthenticationError):
            self.ask("pong", "Hi", key=WRONG_KEY).text()

    def unknown_model(self) -> None:
        model = Chat("nobody:nothing", model_name="nobody:nothing", **self._given())
        with pytest.raises(openai.NotFoundError):
            model.prompt("Hi", stream=False).text()

    def rate_limit(self) -> None:
        with pytest.raises(openai.RateLimitError):
            self.ask("error-429", "Hi").text()
