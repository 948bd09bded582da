"""OpenAI's own library over the dialects' bytes: its types, its accumulators, its error classes. Without a socket."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import httpx2
import openai
import pytest
from openai.types import Completion, CreateEmbeddingResponse, Model
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from pydantic import BaseModel

from backbay import errors
from backbay.errors import BackbayError
from backbay.events import Ended, Event, Started, Text, Thinking, ToolDelta, UsageSeen
from backbay.folding import fold
from backbay.response import Embeddings, Finish, ModelInfo, Usage
from backbay_gateway.dialects import completions, embeddings, openai_chat
from backbay_gateway.dialects.models import openai_model, openai_models
from backbay_gateway.dialects.openai_errors import refuse, unknown_model
from backbay_gateway.dialects.openai_json import to_bytes, to_json

CHATS = {"/v1/chat/completions": openai_chat.DIALECT, "/v1/completions": completions.DIALECT}
MODELS = [ModelInfo(id="local:tiny", context_window=512), ModelInfo(id="acme:big/one", owned_by="acme")]


class Gateway:
    """Answers the library's requests by the dialects, with given events or a given error."""

    def __init__(self) -> None:
        self.events: Sequence[Event] = ()
        self.error: BackbayError | None = None
        self.breaks = False
        self.asks: list[Any] = []
        self.requests = 0

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.requests += 1
        try:
            if self.error is not None and not self.breaks:
                raise self.error
            return self._answer(request)
        except BackbayError as error:
            told = refuse(error, "req-1")
            return httpx2.Response(told.status, json=told.body, headers=dict(told.headers))

    def _answer(self, request: httpx2.Request) -> httpx2.Response:
        path = request.url.path
        if path == "/v1/models":
            return _json(openai_models(MODELS))
        if path.startswith("/v1/models/"):
            wanted = path.removeprefix("/v1/models/")
            found = [model for model in MODELS if model.id == wanted]
            if not found:
                raise unknown_model(wanted, [model.id for model in MODELS])
            return _json(openai_model(found[0]))
        body = json.loads(request.content)
        if path == "/v1/embeddings":
            asked = embeddings.DIALECT.read(body)
            self.asks.append(asked)
            made = Embeddings(vectors=[[0.5, -1.25]] * len(asked.inputs), usage=Usage(input=3))
            return _json(embeddings.DIALECT.write(made, asked))
        dialect = CHATS[path]
        ask = dialect.read(body)
        self.asks.append(ask)
        if not ask.stream:
            return _json(dialect.write(fold(self.events), ask))
        writer = dialect.writer(ask)
        sent = b"".join(writer.feed(event) + writer.ping() for event in self.events)
        if self.breaks and self.error is not None:
            sent += writer.fail(self.error)
        return httpx2.Response(200, content=sent, headers={"content-type": writer.content_type})


def _json(body: object) -> httpx2.Response:
    return httpx2.Response(200, content=to_bytes(to_json(body)), headers={"content-type": "application/json"})


@pytest.fixture
def gateway():
    return Gateway()


@pytest.fixture
def client(gateway):
    with httpx2.Client(transport=httpx2.MockTransport(gateway)) as http:
        yield openai.OpenAI(
            api_key="k", base_url="http://gateway/v1", http_client=http, _strict_response_validation=True
        )


@pytest.fixture
def usual(client):
    """The library as it is used; its types of chunks of completions, and of vectors, are stricter than OpenAI is."""
    return openai.OpenAI(api_key="k", base_url="http://gateway/v1", http_client=client._client)


HELLO = [
    Started("tiny-1", "id-1"),
    Thinking("Hm."),
    Text("Hel"),
    Text("lo \u2028 \ud83d\ude42".encode("utf-16", "surrogatepass").decode("utf-16")),
    UsageSeen(Usage(input=5, output=7, cached=2, reasoning=3)),
    Ended(Finish.STOP, "stop", details={"system_fingerprint": "fp", "service_tier": "default"}),
]
CALLS = [
    Started("tiny-1", "id-1"),
    ToolDelta(3, "call_a", "look", '{"q":'),
    ToolDelta(3, "call_a", "look", ' "x"}'),
    ToolDelta(5, "call_b", "now"),
    UsageSeen(Usage(input=5, output=7)),
    Ended(Finish.TOOL_CALLS, "tool_use"),
]
ASKED: dict[str, Any] = {"model": "local:tiny", "messages": [{"role": "user", "content": "Hi"}]}
TOOLS: Any = [
    {"type": "function", "function": {"name": name, "parameters": {"type": "object", "properties": {}}}}
    for name in ("look", "now")
]


def test_a_whole_answer_is_a_chat_completion(gateway, client):
    gateway.events = HELLO
    answer = client.chat.completions.create(**ASKED)
    assert ChatCompletion.model_validate(answer.model_dump()) == answer
    assert (answer.id, answer.model, answer.object) == ("id-1", "tiny-1", "chat.completion")
    assert answer.choices[0].message.content == "Hello \u2028 \U0001f642"
    assert answer.choices[0].message.reasoning_content == "Hm."
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage.prompt_tokens_details.cached_tokens == 2
    assert answer.usage.completion_tokens_details.reasoning_tokens == 3
    assert answer.usage.total_tokens == 12
    assert (answer.system_fingerprint, answer.service_tier) == ("fp", "default")


@pytest.mark.parametrize("usage", [True, False])
def test_a_stream_has_a_chunk_of_usage_exactly_if_it_was_asked_for(gateway, client, usage):
    gateway.events = HELLO
    options = {"stream_options": {"include_usage": True}} if usage else {}
    chunks = list(client.chat.completions.create(**ASKED, stream=True, **options))
    for chunk in chunks:
        assert ChatCompletionChunk.model_validate(chunk.model_dump()).id == "id-1"
    assert chunks[0].choices[0].delta.role == "assistant"
    said = [chunk.choices[0].delta for chunk in chunks if chunk.choices]
    assert "".join(delta.content or "" for delta in said) == "Hello \u2028 \U0001f642"
    assert [delta.reasoning_content for delta in said if hasattr(delta, "reasoning_content")] == ["Hm."]
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices][-1] == "stop"
    assert [chunk.usage.total_tokens for chunk in chunks if chunk.usage] == ([12] if usage else [])
    assert bool(chunks[-1].choices) is not usage


def test_counts_that_are_not_known_are_left_out_and_never_zero(gateway, client):
    gateway.events = [Text("x"), UsageSeen(Usage(output=3)), Ended(Finish.STOP)]
    assert client.chat.completions.create(**ASKED).usage is None
    chunks = client.chat.completions.create(**ASKED, stream=True, stream_options={"include_usage": True})
    assert [chunk.usage for chunk in chunks if chunk.usage] == []


def test_tool_calls_are_whole_in_both_forms(gateway, client):
    gateway.events = CALLS
    answer = client.chat.completions.create(**ASKED, tools=TOOLS)
    calls = [(call.id, call.type, call.function.name, call.function.arguments) for call in _of(answer)]
    assert calls == [("call_a", "function", "look", '{"q": "x"}'), ("call_b", "function", "now", "{}")]
    assert answer.choices[0].message.content is None
    with client.chat.completions.stream(**ASKED, tools=TOOLS) as stream:
        final = stream.get_final_completion()
    assert [(call.id, call.type, call.function.name, call.function.arguments) for call in _of(final)] == calls
    assert (final.choices[0].finish_reason, final.choices[0].message.content) == ("tool_calls", None)


def _of(answer: Any) -> Any:
    return answer.choices[0].message.tool_calls


def test_an_answer_goes_back_as_the_library_has_it(gateway, client):
    gateway.events = CALLS
    first = client.chat.completions.create(**ASKED, tools=TOOLS).choices[0].message
    results: Any = [{"role": "tool", "tool_call_id": call.id, "content": "done"} for call in first.tool_calls]
    for message in (first, first.model_dump(), first.model_dump(exclude_none=True)):
        client.chat.completions.create(**{**ASKED, "messages": [*ASKED["messages"], message, *results]}, tools=TOOLS)
    for ask in gateway.asks[1:]:
        assert [call.id for call in ask.messages[1].tool_calls] == ["call_a", "call_b"]
        assert [message.role for message in ask.messages] == ["user", "assistant", "tool", "tool"]


class City(BaseModel):
    name: str


def test_structured_output_is_parsed_and_its_schema_carried(gateway, client):
    gateway.events = [Text('{"name": "Oslo"}'), Ended(Finish.STOP)]
    answer = client.chat.completions.parse(**ASKED, response_format=City)
    assert answer.choices[0].message.parsed == City(name="Oslo")
    form = gateway.asks[0].options["response_format"]
    assert (form.name, form.strict, form.schema_["required"]) == ("City", True, ["name"])


def test_a_refusal_and_a_cut_answer_are_what_parse_says_of_them(gateway, client):
    gateway.events = [Ended(Finish.CONTENT_FILTER, "stop", "I will not.")]
    message = client.chat.completions.parse(**ASKED, response_format=City).choices[0].message
    assert (message.refusal, message.content, message.parsed) == ("I will not.", None, None)
    with client.chat.completions.stream(**ASKED) as stream:
        assert stream.get_final_completion().choices[0].message.refusal == "I will not."
    gateway.events = [Text("{"), Ended(Finish.LENGTH)]
    with pytest.raises(openai.LengthFinishReasonError):
        client.chat.completions.parse(**ASKED, response_format=City)


def test_log_probabilities_citations_and_sound_have_their_places(gateway, client):
    token = {"token": "x", "logprob": -0.1, "bytes": [120], "top_logprobs": []}
    url = {
        "type": "url_citation",
        "url_citation": {"start_index": 0, "end_index": 1, "title": "t", "url": "https://e.x"},
    }
    sound = {"id": "a", "data": "AAAA", "transcript": "hm", "expires_at": 1}
    details = {"logprobs": {"content": [token]}, "citations": [url, {"type": "other"}], "audio": sound}
    gateway.events = [Text("x"), Ended(Finish.STOP, details=details)]
    whole = client.chat.completions.create(**ASKED, logprobs=True, top_logprobs=1).choices[0]
    assert whole.logprobs.content[0].logprob == -0.1
    assert [note.url_citation.url for note in whole.message.annotations] == ["https://e.x"]
    assert whole.message.audio.data == "AAAA"
    assert gateway.asks[0].options["extra"] == {"logprobs": True, "top_logprobs": 1}
    with client.chat.completions.stream(**ASKED, logprobs=True) as stream:
        final = stream.get_final_completion().choices[0]
    assert final.logprobs.content[0].token == "x"
    assert len(final.message.annotations) == 1


def test_completions_are_whole_and_streamed(gateway, client, usual):
    gateway.events = HELLO
    answer = client.completions.create(model="local:tiny", prompt="Once")
    assert Completion.model_validate(answer.model_dump()) == answer
    assert (answer.choices[0].text, answer.choices[0].finish_reason) == ("Hello \u2028 \U0001f642", "stop")
    assert answer.usage.total_tokens == 12
    options: Any = {"stream": True, "stream_options": {"include_usage": True}}
    chunks = list(usual.completions.create(model="local:tiny", prompt=["Once"], max_tokens=5, **options))
    assert "".join(chunk.choices[0].text for chunk in chunks if chunk.choices) == "Hello \u2028 \U0001f642"
    assert chunks[-1].usage.total_tokens == 12
    assert [ask.options["max_tokens"] for ask in gateway.asks] == [16, 5]
    assert gateway.asks[0].messages[0].text == "Once"


@pytest.mark.parametrize("options", [{}, {"encoding_format": "float"}, {"encoding_format": "base64", "dimensions": 2}])
def test_embeddings_come_as_lists_and_as_base64(gateway, usual, options):
    answer = usual.embeddings.create(model="local:tiny", input=["a", "b"], **options)
    vectors = [item.embedding for item in answer.data]
    if options.get("encoding_format") == "base64":
        assert vectors == ["AAAAPwAAoL8="] * 2
    else:
        assert CreateEmbeddingResponse.model_validate(answer.model_dump()).usage.prompt_tokens == 3
        assert vectors == [[0.5, -1.25]] * 2
    assert [item.index for item in answer.data] == [0, 1]
    assert gateway.asks[0].extra == ({"dimensions": 2} if "dimensions" in options else {})


def test_models_are_listed_and_one_is_told(client):
    assert [model.id for model in client.models.list()] == ["local:tiny", "acme:big/one"]
    assert Model.model_validate(client.models.retrieve("local:tiny").model_dump()).owned_by == "local"
    with pytest.raises(openai.NotFoundError, match="local:tiny") as caught:
        client.models.retrieve("local:tinny")
    assert caught.value.code == "model_not_found"


CASES: list[tuple[BackbayError, type[openai.APIStatusError], str | None]] = [
    (errors.InvalidRequestError("x"), openai.BadRequestError, "invalid_value"),
    (errors.UnsupportedError("x", code="tools"), openai.BadRequestError, "unsupported_parameter"),
    (errors.BadRequestError("x", status=413), openai.APIStatusError, None),
    (errors.BadRequestError("x", status=422, backend="acme"), openai.UnprocessableEntityError, None),
    (errors.ContextLengthError("x", backend="acme"), openai.BadRequestError, "context_length_exceeded"),
    (errors.ContentFilterError("x", backend="acme"), openai.BadRequestError, "content_filter"),
    (errors.AuthenticationError("x"), openai.AuthenticationError, "invalid_api_key"),
    (errors.AuthenticationError("x", backend="acme"), openai.InternalServerError, "backend_key_refused"),
    (errors.PermissionDeniedError("x"), openai.PermissionDeniedError, "permission_denied"),
    (errors.ModelNotFoundError("x"), openai.NotFoundError, "model_not_found"),
    (errors.UnknownBackendError("x"), openai.NotFoundError, "model_not_found"),
    (errors.NotFoundError("x"), openai.NotFoundError, "not_found"),
    (errors.RateLimitError("x", retry_after=2.5), openai.RateLimitError, "rate_limit_exceeded"),
    (errors.QuotaExceededError("x"), openai.RateLimitError, "insufficient_quota"),
    (errors.OverloadedError("x", backend="acme"), openai.InternalServerError, "server_is_overloaded"),
    (errors.ServerError("x", backend="acme"), openai.InternalServerError, "backend_failed"),
    (errors.ConnectError("x", backend="acme"), openai.InternalServerError, "backend_unreachable"),
    (errors.LimitExceededError("x"), openai.InternalServerError, "timeout"),
    (errors.TruncatedError("x", backend="acme"), openai.InternalServerError, "backend_protocol"),
    (errors.ConfigurationError("x"), openai.InternalServerError, "internal_error"),
    (errors.ClosedError("x"), openai.InternalServerError, "closing"),
]


@pytest.mark.parametrize(("error", "kind", "code"), CASES, ids=lambda case: type(case).__name__)
def test_each_error_is_raised_as_the_librarys_own_class(gateway, client, error, kind, code):
    gateway.error = error
    with pytest.raises(kind) as caught:
        client.with_options(max_retries=0).chat.completions.create(**ASKED)
    assert (type(caught.value), caught.value.code) == (kind, code)
    assert (caught.value.request_id, caught.value.type is None) == ("req-1", False)


@pytest.mark.parametrize(
    ("error", "sent"),
    [
        (errors.QuotaExceededError("x"), 1),
        (errors.ServerError("x", backend="acme", retryable=True, attempts=3), 1),
        (errors.ServerError("x", backend="acme"), 1),
        (errors.RateLimitError("x", retry_after=0.01), 2),
        (errors.OverloadedError("x", backend="acme", retryable=True, retry_after=0.01), 2),
        (errors.InvalidRequestError("x"), 1),
    ],
)
def test_the_library_tries_again_only_where_the_gateway_did_not_and_waiting_helps(gateway, client, error, sent):
    gateway.error = error
    with pytest.raises(openai.APIStatusError):
        client.with_options(max_retries=1).chat.completions.create(**ASKED)
    assert gateway.requests == sent


def test_an_error_inside_a_stream_is_raised_after_what_came(gateway, client, usual):
    gateway.events, gateway.breaks = HELLO[:3], True
    gateway.error = errors.ConnectionLostError("10.0.0.7:8080 broke", backend="acme")
    seen = []
    with pytest.raises(openai.APIError, match="cannot be reached") as caught:
        seen.extend(client.chat.completions.create(**ASKED, stream=True))
    assert len(seen) == 3
    assert caught.value.body["code"] == "backend_unreachable"
    seen.clear()
    with pytest.raises(openai.APIError, match="cannot be reached"):
        seen.extend(usual.completions.create(model="local:tiny", prompt="Hi", stream=True))
    assert len(seen) == 1


@pytest.mark.parametrize(
    ("more", "param", "code"),
    [
        ({"n": 2}, "n", "unsupported_parameter"),
        ({"extra_body": {"temprature": 1}}, "temprature", "unknown_parameter"),
        ({"extra_body": {"api_base": "http://x"}}, "api_base", "unknown_parameter"),
        ({"temperature": 3}, "temperature", "invalid_value"),
        ({"temperature": "hot"}, "temperature", "invalid_type"),
        ({"store": True}, "store", "unsupported_parameter"),
    ],
)
def test_a_field_that_is_refused_is_named(client, more, param, code):
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(**ASKED, **more)
    assert (caught.value.param, caught.value.code) == (param, code)
    assert param in str(caught.value)
