"""The vendors' own Python libraries over the dialects' bytes: what they parse, accumulate and raise."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from backbay import errors
from backbay.events import Ended, Started, Text, Thinking, ToolDelta, UsageSeen
from backbay.folding import fold
from backbay.response import Finish, Usage
from backbay_gateway.dialects import anthropic_messages, count_tokens, openai_responses
from backbay_gateway.dialects.base import Ask, Dialect
from backbay_gateway.dialects.envelopes import ENVELOPES

anthropic = pytest.importorskip("anthropic", reason="the anthropic SDK is not installed")
openai = pytest.importorskip("openai", reason="the openai SDK is not installed")
httpx2 = pytest.importorskip("httpx2", reason="httpx2, which both SDKs are made on, is not installed")

THOUGHT = {"acme": {"signature": "sig-1"}}
ANSWER = [
    Started("acme-1", "answer-1"),
    UsageSeen(Usage(input=30, cached=10, cache_written=5)),
    Thinking("Let me "),
    Thinking("see."),
    Thinking("", THOUGHT),
    Text("It is "),
    Text("sunny \u2028 \u2013 日本 😀."),
    ToolDelta(0, "call_1", "get_weather", "", {"acme": {"of": "call"}}),
    ToolDelta(0, "call_1", "get_weather", '{"city": "Pa'),
    ToolDelta(0, "call_1", "get_weather", 'ris"}'),
    ToolDelta(1, "call_2", "now"),
    UsageSeen(Usage(output=20, reasoning=7)),
    Ended(Finish.TOOL_CALLS),
]
PLAIN = [Started("acme-1", "answer-1"), Text('{"city": "Paris"}'), Ended(Finish.STOP)]
SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}


class Served:
    """A gateway of one answer, or of one error; ``asks`` has what was asked for."""

    def __init__(self, dialect: Dialect, events: list[Any], error: errors.BackbayError | None = None) -> None:
        self.dialect = dialect
        self.events = events
        self.error = error
        self.asks: list[Ask] = []

    def __call__(self, request: Any) -> Any:
        body = json.loads(request.content)
        if request.url.path.endswith("count_tokens"):
            self.asks.append(count_tokens.read(body))
            return httpx2.Response(200, json=count_tokens.write(12))
        try:
            ask = self.dialect.read(body)
        except errors.BackbayError as error:
            return self._refused(error)
        self.asks.append(ask)
        if not ask.stream:
            if self.error is not None:
                return self._refused(self.error)
            return httpx2.Response(200, json=self.dialect.write(fold(self.events), ask))
        return httpx2.Response(200, headers={"content-type": "text/event-stream"}, content=b"".join(self._written(ask)))

    def _refused(self, error: errors.BackbayError) -> Any:
        refusal = self.dialect.refuse(error, "req_1")
        return httpx2.Response(refusal.status, json=refusal.body, headers=dict(refusal.headers))

    def _written(self, ask: Ask) -> Iterator[bytes]:
        writer = self.dialect.writer(ask)
        yield writer.ping()
        for event in self.events:
            yield writer.feed(event)
            yield writer.ping()
        if self.error is not None:
            yield writer.fail(self.error)


@pytest.fixture
def claude() -> Iterator[Callable[..., Any]]:
    """An Anthropic client of a served answer."""
    clients = []

    def make(events: list[Any] = ANSWER, error: errors.BackbayError | None = None) -> Any:
        served = Served(anthropic_messages.DIALECT, events, error)
        transport = httpx2.Client(transport=httpx2.MockTransport(served))
        client = anthropic.Anthropic(
            api_key="bb_1", base_url="http://gateway.test", http_client=transport, max_retries=0
        )
        client.served = served
        clients.append(client)
        return client

    yield make
    for client in clients:
        client.close()


@pytest.fixture
def gpt() -> Iterator[Callable[..., Any]]:
    """An OpenAI client of a served answer."""
    clients = []

    def make(events: list[Any] = ANSWER, error: errors.BackbayError | None = None) -> Any:
        served = Served(openai_responses.DIALECT, events, error)
        transport = httpx2.Client(transport=httpx2.MockTransport(served))
        client = openai.OpenAI(api_key="bb_1", base_url="http://gateway.test/v1", http_client=transport, max_retries=0)
        client.served = served
        clients.append(client)
        return client

    yield make
    for client in clients:
        client.close()


ASKED: dict[str, Any] = {
    "model": "acme:acme-1",
    "max_tokens": 100,
    "messages": [{"role": "user", "content": "How is it in Paris?"}],
}


def message_facts(message: Any) -> None:
    """What every form of ``ANSWER`` says to an Anthropic client; its own types must hold it."""
    type(message).model_validate(message.to_dict())
    kinds = [block.type for block in message.content]
    assert [kind for kind in kinds if kind != "redacted_thinking"] == ["thinking", "text", "tool_use", "tool_use"]
    thinking, text, first, second = [block for block in message.content if block.type != "redacted_thinking"]
    assert thinking.thinking == "Let me see."
    opened = ENVELOPES.open(thinking.signature)
    assert opened is not None
    assert opened.opaque == THOUGHT
    assert text.text == "It is sunny \u2028 \u2013 日本 😀."
    assert (first.id, first.name, first.input) == ("call_1", "get_weather", {"city": "Paris"})
    assert (second.id, second.name, second.input) == ("call_2", "now", {})
    assert (message.id, message.model, message.role, message.stop_reason) == (
        "answer-1",
        "acme-1",
        "assistant",
        "tool_use",
    )
    usage = message.usage
    assert (usage.input_tokens, usage.cache_read_input_tokens, usage.cache_creation_input_tokens) == (15, 10, 5)
    assert (usage.output_tokens, usage.output_tokens_details.thinking_tokens) == (20, 7)


def test_the_anthropic_sdk_reads_a_whole_answer(claude) -> None:
    message_facts(claude().messages.create(**ASKED))


def test_the_anthropic_sdk_accumulates_a_stream_to_the_same_message(claude) -> None:
    client = claude()
    with client.messages.stream(**ASKED) as stream:
        kinds = [event.type for event in stream]
        message_facts(stream.get_final_message())
    assert kinds[0] == "message_start"
    assert kinds[-1] == "message_stop"
    assert {"text", "thinking", "signature", "input_json"} <= set(kinds)
    with client.messages.stream(**ASKED) as stream:
        assert "".join(stream.text_stream) == "It is sunny \u2028 \u2013 日本 😀."


def test_the_anthropic_sdk_sees_blocks_one_after_another_where_calls_are_not_mixed(claude) -> None:
    opened: list[int] = []
    for event in claude().messages.create(**ASKED, stream=True):
        if event.type == "content_block_start":
            assert opened == []
            opened.append(event.index)
        elif event.type == "content_block_stop":
            assert opened.pop() == event.index


def test_what_the_anthropic_sdk_was_given_goes_back_as_it_came(claude) -> None:
    """Signatures of thinking and of calls survive the SDK's own objects, sent back as the next turn."""
    client = claude()
    with client.messages.stream(**ASKED) as stream:
        message = stream.get_final_message()
    result = {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "call_1", "content": "21"}]}
    client.messages.create(
        **{**ASKED, "messages": [*ASKED["messages"], {"role": "assistant", "content": message.content}, result]}
    )
    said = client.served.asks[-1].messages[1]
    assert [(part.type, getattr(part, "opaque", None)) for part in said.parts()] == [
        ("thinking", THOUGHT),
        ("text", None),
    ]
    assert [call.opaque for call in said.tool_calls] == [{"acme": {"of": "call"}}, None]


def test_the_anthropic_sdk_counts_tokens(claude) -> None:
    count = claude().messages.count_tokens(model="acme:acme-1", messages=ASKED["messages"])
    assert count.input_tokens == 12


def test_thinking_that_the_client_does_not_want_to_see_is_kept_in_its_signature(claude) -> None:
    client = claude()
    shown = {"type": "adaptive", "display": "omitted"}
    for message in (
        client.messages.create(**ASKED, thinking=shown),
        client.messages.stream(**ASKED, thinking=shown).__enter__().get_final_message(),
    ):
        assert message.content[0].thinking == ""
        opened = ENVELOPES.open(message.content[0].signature)
        assert opened is not None
        assert (opened.text, opened.opaque) == ("Let me see.", THOUGHT)
        turns = [*ASKED["messages"], {"role": "assistant", "content": message.content}, *ASKED["messages"]]
        client.messages.create(**{**ASKED, "messages": turns})
        assert next(iter(client.served.asks[-1].messages[1].parts())).text == "Let me see."


def response_facts(response: Any) -> None:
    """What every form of ``ANSWER`` says to an OpenAI client; its own types must hold it."""
    openai.types.responses.Response.model_validate(response.to_dict())
    shown = [item for item in response.output if item.type != "reasoning" or item.summary]
    assert [item.type for item in shown] == ["reasoning", "message", "function_call", "function_call"]
    assert shown[0].summary[0].text == "Let me see."
    opened = ENVELOPES.open(shown[0].encrypted_content)
    assert opened is not None
    assert opened.opaque == THOUGHT
    assert response.output_text == "It is sunny \u2028 \u2013 日本 😀."
    assert [(item.call_id, item.name, json.loads(item.arguments)) for item in shown[2:]] == [
        ("call_1", "get_weather", {"city": "Paris"}),
        ("call_2", "now", {}),
    ]
    assert (response.id, response.model, response.status, response.error) == ("answer-1", "acme-1", "completed", None)
    usage = response.usage
    assert (usage.input_tokens, usage.output_tokens, usage.total_tokens) == (30, 20, 50)
    assert (usage.input_tokens_details.cached_tokens, usage.output_tokens_details.reasoning_tokens) == (10, 7)


QUESTION: dict[str, Any] = {"model": "acme:acme-1", "input": "How is it in Paris?", "store": False}


def test_the_openai_sdk_reads_a_whole_response(gpt) -> None:
    response_facts(gpt().responses.create(**QUESTION))


def test_the_openai_sdk_accumulates_a_stream_to_the_same_response(gpt) -> None:
    with gpt().responses.stream(**QUESTION) as stream:
        events = list(stream)
        response_facts(stream.get_final_response())
    assert [event.sequence_number for event in events] == list(range(len(events)))
    kinds = [event.type for event in events]
    assert kinds[:4] == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.reasoning_summary_part.added",
    ]
    assert kinds[-1] == "response.completed"
    for item in ("output_text", "reasoning_summary_text", "function_call_arguments"):
        assert f"response.{item}.delta" in kinds
        assert f"response.{item}.done" in kinds


def test_every_event_of_a_response_is_valid_in_the_openai_sdks_own_types(gpt) -> None:
    for event in gpt().responses.create(**QUESTION, stream=True):
        type(event).model_validate(event.to_dict())


def test_what_the_openai_sdk_was_given_goes_back_as_it_came(gpt) -> None:
    client = gpt()
    with client.responses.stream(**QUESTION) as stream:
        output = stream.get_final_response().output
    result = {"type": "function_call_output", "call_id": "call_1", "output": "21"}
    question = {"role": "user", "content": "How is it in Paris?"}
    client.responses.create(model="acme:acme-1", input=[question, *output, result])
    said = client.served.asks[-1].messages[1]
    assert [(part.type, getattr(part, "opaque", None)) for part in said.parts()] == [
        ("thinking", THOUGHT),
        ("text", None),
    ]
    assert [call.opaque for call in said.tool_calls] == [{"acme": {"of": "call"}}, None]


def test_structured_answers_are_parsed_by_both_sdks(claude, gpt) -> None:
    import pydantic

    class City(pydantic.BaseModel):
        city: str

    client = gpt(PLAIN)
    assert client.responses.parse(**QUESTION, text_format=City).output_parsed == City(city="Paris")
    form = client.served.asks[-1].options["response_format"]
    assert (form.schema_["required"], form.strict) == (["city"], True)
    with client.responses.stream(**QUESTION, text_format=City) as stream:
        assert stream.get_final_response().output_parsed == City(city="Paris")

    client = claude(PLAIN)
    assert client.messages.parse(**ASKED, output_format=City).parsed_output == City(city="Paris")
    assert client.served.asks[-1].options["response_format"].schema_["properties"]["city"]["type"] == "string"


@pytest.mark.parametrize(
    ("ended", "reason", "status"),
    [
        (Ended(Finish.LENGTH), "max_tokens", "max_output_tokens"),
        (Ended(Finish.CONTENT_FILTER), "refusal", "content_filter"),
        (Ended(Finish.CONTENT_FILTER, None, "I will not."), "refusal", None),
        (Ended(Finish.CANCELLED), "pause_turn", None),
    ],
)
def test_both_sdks_are_told_why_an_answer_ended(claude, gpt, ended, reason, status) -> None:
    events, refusal = [Text("Hm"), ended], ended.refusal
    message = claude(events).messages.create(**ASKED)
    assert message.stop_reason == reason
    assert (message.stop_details and message.stop_details.explanation) == refusal
    for response in (
        gpt(events).responses.create(**QUESTION),
        list(gpt(events).responses.create(**QUESTION, stream=True))[-1].response,
    ):
        assert response.status == ("completed" if refusal else "incomplete")
        assert (response.incomplete_details and response.incomplete_details.reason) == status
        assert (response.output[-1].content[-1].type == "refusal") is (refusal is not None)


HOST = "http://10.0.0.7:8000/v1"
CASES = [
    (errors.InvalidRequestError("max_tokens: wrong"), "BadRequestError", "invalid_request_error"),
    (errors.UnsupportedError("seed was asked for", backend=f"acme:{HOST}"), "BadRequestError", "invalid_request_error"),
    (errors.ContextLengthError(f"too long at {HOST}", backend="acme", status=400), "BadRequestError", None),
    (errors.AuthenticationError("The key is not known."), "AuthenticationError", "authentication_error"),
    (errors.PermissionDeniedError("not this model"), "PermissionDeniedError", "permission_error"),
    (errors.ModelNotFoundError("no such model"), "NotFoundError", "not_found_error"),
    (errors.RateLimitError("slowly", retry_after=3, retryable=True), "RateLimitError", "rate_limit_error"),
    (errors.QuotaExceededError("nothing left"), "RateLimitError", "rate_limit_error"),
    (errors.ServerError(f"Traceback at {HOST}", backend="acme", status=500), "InternalServerError", "api_error"),
    (errors.OverloadedError(f"busy {HOST}", backend="acme", status=529), "InternalServerError", "overloaded_error"),
    (errors.ConnectError(f"refused by {HOST}", backend="acme"), "InternalServerError", "overloaded_error"),
    (errors.TruncatedError("cut", backend="acme"), "InternalServerError", "api_error"),
    (errors.LimitExceededError("total", limit="total", seconds=60), "InternalServerError", "timeout_error"),
    (errors.AuthenticationError("sk-abc is bad", backend="acme", status=401), "InternalServerError", "api_error"),
]


@pytest.mark.parametrize(("error", "raised", "kind"), CASES, ids=lambda value: getattr(type(value), "__name__", value))
def test_both_sdks_raise_their_own_class_for_an_error(claude, gpt, error, raised, kind) -> None:
    """Faults 2i: every refusal in the shape that the client's SDK turns into its own typed error, and nothing else."""
    with pytest.raises(getattr(anthropic, raised)) as told:
        claude(error=error).messages.create(**ASKED)
    assert told.value.request_id == "req_1"
    assert kind is None or told.value.type == kind
    with pytest.raises(getattr(openai, raised)) as said:
        gpt(error=error).responses.create(**QUESTION)
    for text in (str(told.value), str(said.value), str(told.value.response.headers)):
        assert "10.0.0.7" not in text
        assert "sk-abc" not in text
        assert "Traceback" not in text


def test_a_request_that_is_wrong_raises_bad_request_with_the_fields_name(claude, gpt) -> None:
    with pytest.raises(anthropic.BadRequestError, match=r"tempratur.*temperature"):
        claude().messages.create(**ASKED, extra_body={"tempratur": 1})
    with pytest.raises(openai.BadRequestError, match="previous_response_id") as told:
        gpt().responses.create(**QUESTION, previous_response_id="resp_1")
    assert told.value.param == "previous_response_id"


@pytest.mark.parametrize("events", [[], PLAIN[:2]], ids=["before anything", "after some text"])
def test_an_error_within_a_stream_is_raised_by_both_sdks_and_nothing_ends_the_answer(claude, gpt, events) -> None:
    error = errors.OverloadedError(f"busy at {HOST}", backend="acme", status=529)
    seen = []
    with pytest.raises(anthropic.APIStatusError) as told:
        seen += [event.type for event in claude(events, error).messages.create(**ASKED, stream=True)]
    assert (told.value.type, "message_stop" in seen) == ("overloaded_error", False)
    with pytest.raises(openai.APIError, match="capacity"):
        for event in gpt(events, error).responses.create(**QUESTION, stream=True):
            seen.append(event.type)
            if event.type == "response.failed":
                assert event.response.status == "failed"
                assert event.response.error.code == "server_error"
    assert "response.failed" in seen
    assert "response.completed" not in seen
