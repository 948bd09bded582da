"""langchain-openai."""

from __future__ import annotations

import time
from typing import Any

import openai
import pytest
from langchain_core.messages import HumanMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI, OpenAIEmbeddings

from .asking import MANY, PIXEL, WEATHER_QUESTION, WEATHER_RESULT, WRONG_KEY, Person
from .places import Place
from .replayed import RETRY_AFTER


@tool
def get_weather(city: str) -> str:
    """Get the weather in a city."""
    return WEATHER_RESULT if city else ""


class LangChain:
    """``ChatOpenAI`` and ``OpenAIEmbeddings``."""

    def __init__(self, place: Place) -> None:
        self.place = place

    def chat(self, what: str, **more: Any) -> ChatOpenAI:
        given = {"api_key": self.place.gateway.key, "temperature": 0, "max_tokens": MANY, "max_retries": 0, **more}
        model = given.pop("model", None) or self.place.model(what)
        return ChatOpenAI(model=model, base_url=f"{self.place.gateway.url}/v1", timeout=20, **given)

    def plain(self) -> None:
        answer = self.chat("pong").invoke(self.place.question)
        assert answer.text == self.place.says
        assert answer.usage_metadata["total_tokens"] > 0
        assert answer.response_metadata["finish_reason"] == "stop"

    def stream(self) -> None:
        pieces = list(self.chat("pong", stream_usage=True).stream(self.place.question))
        assert "".join(piece.text for piece in pieces) == self.place.says
        assert sum(bool(piece.text) for piece in pieces) > 1
        assert sum(piece.usage_metadata["output_tokens"] for piece in pieces if piece.usage_metadata) > 0

    def tools(self) -> None:
        chat = self.chat("weather").bind_tools([get_weather])
        answer = chat.invoke(WEATHER_QUESTION)
        [call] = answer.tool_calls
        assert call["name"] == "get_weather"
        told = chat.invoke(
            [HumanMessage(WEATHER_QUESTION), answer, ToolMessage(WEATHER_RESULT, tool_call_id=call["id"])]
        )
        assert told.text == (self.place.result or told.text) != ""

    def parse(self) -> None:
        found = self.chat("person").with_structured_output(Person, method="json_schema").invoke(self.place.question)
        assert isinstance(found, Person)

    def vision(self) -> None:
        image = {"type": "image", "source_type": "base64", "data": PIXEL, "mime_type": "image/png"}
        content: Any = [{"type": "text", "text": "What is this?"}, image]
        assert self.chat("pixel").invoke([HumanMessage(content)]).text == "A pixel."

    def embeddings(self) -> None:
        found = OpenAIEmbeddings(
            model=self.place.model("embed"),
            base_url=f"{self.place.gateway.url}/v1",
            api_key=self.place.gateway.key,
            check_embedding_ctx_length=False,
            max_retries=0,
        ).embed_documents(["a cat", "a dog"])
        assert [len(vector) > 2 for vector in found] == [True, True]

    def wrong_key(self) -> None:
        with pytest.raises(openai.AuthenticationError):
            self.chat("pong", api_key=WRONG_KEY).invoke("Hi")

    def unknown_model(self) -> None:
        with pytest.raises(openai.NotFoundError):
            self.chat("", model="nobody:nothing").invoke("Hi")

    def rate_limit(self) -> None:
        with pytest.raises(openai.RateLimitError) as caught:
            self.chat("error-429").invoke("Hi")
        assert caught.value.response.headers["retry-after"] == str(RETRY_AFTER)

    def cancel(self) -> None:
        before = self.place.left()
        stream = self.chat("slow", max_tokens=1500).stream(self.place.long_question)
        next(stream)
        now = time.monotonic()
        stream.close()
        assert self.place.until_left(before, now) < (0.25 if self.place.vendor is not None else 2.0)
