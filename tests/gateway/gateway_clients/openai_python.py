"""The official openai package, on both of its wires."""

from __future__ import annotations

import time
from typing import Any

import openai
import pytest

from .asking import MANY, PARAMETERS, PIXEL, TOOL, WEATHER_QUESTION, WEATHER_RESULT, WRONG_KEY, Person
from .places import ENGINES, Place
from .replayed import RETRY_AFTER

CHAT_TOOL: Any = {"type": "function", "function": {**TOOL, "parameters": PARAMETERS, "strict": True}}
RESPONSES_TOOL: Any = {"type": "function", **TOOL, "parameters": PARAMETERS, "strict": True}
_SOON = 0.25  # seconds in which a vendor must hear that a client left


class _OpenAI:
    def __init__(self, place: Place) -> None:
        self.place = place
        self.client = self._client(place.gateway.key)

    def _client(self, key: str) -> openai.OpenAI:
        return openai.OpenAI(base_url=f"{self.place.gateway.url}/v1", api_key=key, max_retries=0, timeout=20)

    def close(self) -> None:
        self.client.close()

    def ask(self, client: openai.OpenAI, model: str, prompt: str, **more: Any) -> Any:
        raise NotImplementedError

    def wrong_key(self) -> None:
        with self._client(WRONG_KEY) as client, pytest.raises(openai.AuthenticationError) as caught:
            self.ask(client, self.place.model("pong"), "Hi")
        assert caught.value.status_code == 401
        assert "notthekey" not in str(caught.value)

    def unknown_model(self) -> None:
        with pytest.raises(openai.NotFoundError) as caught:
            self.ask(self.client, "nobody:nothing", "Hi")
        assert caught.value.status_code == 404
        if self.place.name not in ENGINES:
            with pytest.raises(openai.NotFoundError):
                self.ask(self.client, self.place.model("no-such-model"), "Hi")

    def bad_request(self) -> None:
        with pytest.raises(openai.BadRequestError) as caught:
            if self.place.name in ENGINES:
                self.ask(self.client, self.place.model(""), "Hi", temperature="hot")
            else:
                self.ask(self.client, self.place.model("error-400"), "Hi")
        assert caught.value.status_code == 400
        assert caught.value.message

    def rate_limit(self) -> None:
        with pytest.raises(openai.RateLimitError) as caught:
            self.ask(self.client, self.place.model("error-429"), "Hi")
        assert caught.value.response.headers["retry-after"] == str(RETRY_AFTER)

    def overload(self) -> None:
        for status in (503, 529):
            with pytest.raises(openai.InternalServerError) as caught:
                self.ask(self.client, self.place.model(f"error-{status}"), "Hi")
            assert caught.value.status_code >= 500

    def _leave(self, stream: Any) -> None:
        before = self.place.left()
        for _ in range(2):
            next(iter(stream))
        now = time.monotonic()
        stream.close()
        took = self.place.until_left(before, now)
        assert took < (_SOON if self.place.vendor is not None else 2.0)


class OpenAIChat(_OpenAI):
    """Chat completions."""

    def ask(self, client: openai.OpenAI, model: str, prompt: str, **more: Any) -> Any:
        messages: Any = more.pop("messages", None) or [{"role": "user", "content": prompt}]
        options = {"temperature": 0, "max_completion_tokens": MANY, **more}
        return client.chat.completions.create(model=model, messages=messages, **options)

    def plain(self) -> None:
        answer = self.ask(self.client, self.place.model("pong"), self.place.question)
        assert answer.choices[0].message.content == self.place.says
        assert answer.choices[0].finish_reason == "stop"
        assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens > 0
        assert answer._request_id

    def stream(self) -> None:
        options = {"stream": True, "stream_options": {"include_usage": True}}
        chunks = list(self.ask(self.client, self.place.model("pong"), self.place.question, **options))
        pieces = [chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices]
        assert "".join(pieces) == self.place.says
        assert sum(map(bool, pieces)) > 1
        assert chunks[-1].usage.completion_tokens > 0
        assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices][-1] == "stop"

    def tools(self) -> None:
        model, asked = self.place.model("weather"), {"role": "user", "content": WEATHER_QUESTION}
        answer = self.ask(self.client, model, WEATHER_QUESTION, tools=[CHAT_TOOL])
        [call] = answer.choices[0].message.tool_calls
        assert (call.function.name, answer.choices[0].finish_reason) == ("get_weather", "tool_calls")
        assert "city" in call.function.arguments
        options: Any = {"temperature": 0, "max_completion_tokens": MANY, "tools": [CHAT_TOOL]}
        with self.client.chat.completions.stream(model=model, messages=[asked], **options) as stream:
            streamed = stream.get_final_completion().choices[0].message.tool_calls
        assert [each.function.arguments for each in streamed] == [call.function.arguments]
        result = {"role": "tool", "tool_call_id": call.id, "content": WEATHER_RESULT}
        turns = [asked, answer.choices[0].message, result]
        told = self.ask(self.client, model, "", messages=turns, tools=[CHAT_TOOL]).choices[0].message.content
        assert told == (self.place.result or told) != ""

    def parse(self) -> None:
        messages: Any = [{"role": "user", "content": self.place.question}]
        given: Any = {"messages": messages, "response_format": Person, "temperature": 0, "max_completion_tokens": MANY}
        answer = self.client.chat.completions.parse(model=self.place.model("person"), **given)
        assert isinstance(answer.choices[0].message.parsed, Person)

    def vision(self) -> None:
        image = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}}
        content = [{"type": "text", "text": "What is this?"}, image]
        turns = [{"role": "user", "content": content}]
        answer = self.ask(self.client, self.place.model("pixel"), "", messages=turns)
        assert answer.choices[0].message.content == "A pixel."

    def models(self) -> None:
        own = self.place.model("pong").partition(":")[0] + ":"
        name = next(each.id for each in self.client.models.list() if each.id.startswith(own))
        assert self.client.models.retrieve(name).id == name

    def embeddings(self) -> None:
        given: Any = {"model": self.place.model("embed"), "input": ["a cat", "a dog"]}
        answer = self.client.embeddings.create(**given)
        assert [each.index for each in answer.data] == [0, 1]
        assert len({len(each.embedding) for each in answer.data}) == 1
        assert self.client.embeddings.create(**given, encoding_format="float").data[0].embedding == pytest.approx(
            answer.data[0].embedding, abs=1e-3
        )

    def cancel(self) -> None:
        model = self.place.model("slow")
        options = {"stream": True, "max_completion_tokens": 1500}
        self._leave(self.ask(self.client, model, self.place.long_question, **options))


class OpenAIResponses(_OpenAI):
    """Responses."""

    def ask(self, client: openai.OpenAI, model: str, prompt: str, **more: Any) -> Any:
        options: Any = {"temperature": 0, "max_output_tokens": MANY, "input": prompt, **more}
        return client.responses.create(model=model, **options)

    def plain(self) -> None:
        answer = self.ask(self.client, self.place.model("pong"), self.place.question)
        assert (answer.output_text, answer.status) == (self.place.says, "completed")
        assert answer.usage.total_tokens == answer.usage.input_tokens + answer.usage.output_tokens > 0

    def stream(self) -> None:
        options: Any = {"input": self.place.question, "temperature": 0}
        with self.client.responses.stream(model=self.place.model("pong"), **options) as stream:
            pieces = [event.delta for event in stream if event.type == "response.output_text.delta"]
            answer = stream.get_final_response()
        assert "".join(pieces) == answer.output_text == self.place.says
        assert len(pieces) > 1
        assert answer.usage is not None

    def tools(self) -> None:
        model = self.place.model("weather")
        answer = self.ask(self.client, model, WEATHER_QUESTION, tools=[RESPONSES_TOOL])
        [call] = [item for item in answer.output if item.type == "function_call"]
        assert call.name == "get_weather"
        result = {"type": "function_call_output", "call_id": call.call_id, "output": WEATHER_RESULT}
        turns: Any = [{"role": "user", "content": WEATHER_QUESTION}, *answer.output, result]
        told = self.ask(self.client, model, "", input=turns, tools=[RESPONSES_TOOL]).output_text
        assert told == (self.place.result or told) != ""

    def parse(self) -> None:
        options: Any = {"input": self.place.question, "text_format": Person, "temperature": 0}
        answer = self.client.responses.parse(model=self.place.model("person"), max_output_tokens=MANY, **options)
        assert isinstance(answer.output_parsed, Person)

    def vision(self) -> None:
        image = {"type": "input_image", "image_url": f"data:image/png;base64,{PIXEL}", "detail": "auto"}
        content = [{"type": "input_text", "text": "What is this?"}, image]
        turns = [{"role": "user", "content": content}]
        assert self.ask(self.client, self.place.model("pixel"), "", input=turns).output_text == "A pixel."

    def count_tokens(self) -> None:
        counted = self.client.responses.input_tokens.count(model=self.place.model("pong"), input="Hi")
        assert counted.input_tokens > 0

    def cancel(self) -> None:
        model = self.place.model("slow")
        options = {"stream": True, "max_output_tokens": 1500}
        self._leave(self.ask(self.client, model, self.place.long_question, **options))
