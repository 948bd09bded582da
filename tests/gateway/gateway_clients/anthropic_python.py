"""The official anthropic package."""

from __future__ import annotations

import time
from typing import Any

import anthropic
import pytest
from anthropic import InternalServerError

from .asking import MANY, PARAMETERS, PIXEL, TOOL, WEATHER_QUESTION, WEATHER_RESULT, WRONG_KEY, Person
from .places import ENGINES, Place
from .replayed import RETRY_AFTER

_TOOL: Any = {**TOOL, "input_schema": PARAMETERS}
_SOON = 0.25  # seconds in which a vendor must hear that a client left


class AnthropicMessages:
    """Messages."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.client = self._client(place.gateway.key)

    def _client(self, key: str) -> anthropic.Anthropic:
        return anthropic.Anthropic(base_url=self.place.gateway.url, api_key=key, max_retries=0, timeout=20)

    def close(self) -> None:
        self.client.close()

    def ask(self, client: anthropic.Anthropic, model: str, prompt: str, **more: Any) -> Any:
        messages: Any = more.pop("messages", None) or [{"role": "user", "content": prompt}]
        return client.messages.create(model=model, messages=messages, **{"max_tokens": MANY, **more})

    def plain(self) -> None:
        answer = self.ask(self.client, self.place.model("pong"), self.place.question)
        assert self.place.said("".join(block.text for block in answer.content))
        assert (answer.stop_reason, answer.role) == ("end_turn", "assistant")
        assert answer.usage.input_tokens > 0
        assert answer._request_id

    def stream(self) -> None:
        messages: Any = [{"role": "user", "content": self.place.question}]
        given: Any = {"messages": messages, "max_tokens": MANY}
        with self.client.messages.stream(model=self.place.model("pong"), **given) as stream:
            pieces = list(stream.text_stream)
            answer = stream.get_final_message()
        assert "".join(pieces) == answer.content[0].text
        assert self.place.said(answer.content[0].text)
        assert len(pieces) > 1
        assert (answer.stop_reason, answer.usage.output_tokens > 0) == ("end_turn", True)

    def tools(self) -> None:
        model, asked = self.place.model("weather"), {"role": "user", "content": WEATHER_QUESTION}
        more = {"tools": [_TOOL]}
        answer = self.ask(self.client, model, WEATHER_QUESTION, **more)
        [call] = [block for block in answer.content if block.type == "tool_use"]
        assert (call.name, answer.stop_reason) == ("get_weather", "tool_use")
        assert "city" in call.input
        given: Any = {"messages": [asked], "max_tokens": MANY, **more}
        with self.client.messages.stream(model=model, **given) as stream:
            streamed = [block for block in stream.get_final_message().content if block.type == "tool_use"]
        assert [block.input for block in streamed] == [call.input]
        result = {"type": "tool_result", "tool_use_id": call.id, "content": WEATHER_RESULT}
        turns = [asked, {"role": "assistant", "content": answer.content}, {"role": "user", "content": [result]}]
        told = "".join(block.text for block in self.ask(self.client, model, "", messages=turns, **more).content)
        assert told == (self.place.result or told) != ""

    def parse(self) -> None:
        messages: Any = [{"role": "user", "content": self.place.question}]
        given: Any = {"messages": messages, "max_tokens": MANY, "output_format": Person}
        answer = self.client.messages.parse(model=self.place.model("person"), **given)
        assert isinstance(answer.parsed_output, Person)

    def vision(self) -> None:
        image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PIXEL}}
        turns = [{"role": "user", "content": [image, {"type": "text", "text": "What is this?"}]}]
        answer = self.ask(self.client, self.place.model("pixel"), "", messages=turns)
        assert answer.content[0].text == "A pixel."

    def models(self) -> None:
        own = self.place.model("pong").partition(":")[0] + ":"
        name = next(each.id for each in self.client.models.list(limit=3) if each.id.startswith(own))
        assert self.client.models.retrieve(name).id == name

    def count_tokens(self) -> None:
        messages: Any = [{"role": "user", "content": "Hi"}]
        assert self.client.messages.count_tokens(model=self.place.model("pong"), messages=messages).input_tokens > 0

    def wrong_key(self) -> None:
        with self._client(WRONG_KEY) as client, pytest.raises(anthropic.AuthenticationError) as caught:
            self.ask(client, self.place.model("pong"), "Hi")
        assert caught.value.status_code == 401

    def unknown_model(self) -> None:
        with pytest.raises(anthropic.NotFoundError):
            self.ask(self.client, "nobody:nothing", "Hi")
        if self.place.name not in ENGINES:
            with pytest.raises(anthropic.NotFoundError):
                self.ask(self.client, self.place.model("no-such-model"), "Hi")

    def bad_request(self) -> None:
        with pytest.raises(anthropic.BadRequestError) as caught:
            if self.place.name in ENGINES:
                self.ask(self.client, self.place.model(""), "Hi", extra_body={"temperature": "hot"})
            else:
                self.ask(self.client, self.place.model("error-400"), "Hi")
        assert caught.value.status_code == 400

    def rate_limit(self) -> None:
        with pytest.raises(anthropic.RateLimitError) as caught:
            self.ask(self.client, self.place.model("error-429"), "Hi")
        assert caught.value.response.headers["retry-after"] == str(RETRY_AFTER)

    def overload(self) -> None:
        for status in (503, 529):
            with pytest.raises(InternalServerError) as caught:
                self.ask(self.client, self.place.model(f"error-{status}"), "Hi")
            assert caught.value.status_code >= 500

    def cancel(self) -> None:
        model = self.place.model("slow")
        before = self.place.left()
        stream = self.ask(self.client, model, self.place.long_question, stream=True, max_tokens=1500)
        for _ in range(2):
            next(iter(stream))
        now = time.monotonic()
        stream.close()
        took = self.place.until_left(before, now)
        assert took < (_SOON if self.place.vendor is not None else 2.0)
