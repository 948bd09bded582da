"""Other wire: what the official clients get through Backbay's types, and how failures are told."""

from __future__ import annotations

import json

import anthropic
import openai
import pytest

from backbay.testing import Pause, Reply


@pytest.fixture
def clients(request):
    made = []

    def make(running, kind=openai.OpenAI, **more):
        base = f"{running.url}/v1" if kind is openai.OpenAI else running.url
        client = kind(base_url=base, api_key=running.key, max_retries=0, timeout=10, **more)
        made.append(client)
        return client

    yield make
    for client in made:
        client.close()


def test_an_anthropic_client_talks_to_a_backend_of_the_chat_wire(one, chat, clients) -> None:
    running, vendor = one(chat, wire="openai_chat")
    client = clients(running, anthropic.Anthropic)
    answer = client.messages.create(model="acme:m", max_tokens=9, messages=[{"role": "user", "content": "Hi"}])
    assert answer.content[0].text == "Hello."
    assert (answer.usage.input_tokens, answer.usage.output_tokens) == (3, 2)
    assert vendor.requests[0].path == "/v1/chat/completions"
    assert vendor.requests[0].json["model"] == "m"


def test_an_anthropic_client_streams_from_a_backend_of_the_chat_wire(one, chunks, clients) -> None:
    running, _ = one(Reply.events(*chunks), wire="openai_chat")
    client = clients(running, anthropic.Anthropic)
    with client.messages.stream(model="acme:m", max_tokens=9, messages=[{"role": "user", "content": "Hi"}]) as stream:
        assert "".join(stream.text_stream) == "Hello."
        assert stream.get_final_message().stop_reason == "end_turn"


def test_an_openai_client_talks_to_a_backend_of_the_messages_wire(one, clients) -> None:
    message = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "m",
        "content": [{"type": "text", "text": "Hello."}],
        "stop_reason": "end_turn",
        "usage": {"input_tokens": 3, "output_tokens": 2},
    }
    running, vendor = one(Reply.json(message), wire="anthropic_messages")
    client = clients(running)
    answer = client.chat.completions.create(model="acme:m", messages=[{"role": "user", "content": "Hi"}], max_tokens=9)
    assert answer.choices[0].message.content == "Hello."
    assert answer.usage.total_tokens == 5
    assert vendor.requests[0].path == "/v1/messages"


def test_an_openai_client_gets_responses_from_a_backend_of_the_chat_wire(one, chunks, chat, clients) -> None:
    running, _ = one([chat, Reply.events(*chunks)], wire="openai_chat")
    client = clients(running)
    assert client.responses.create(model="acme:m", input="Hi").output_text == "Hello."
    events = list(client.responses.create(model="acme:m", input="Hi", stream=True))
    assert events[-1].type == "response.completed"


def test_legacy_completions_and_the_native_dialect_answer(one, chat, clients, question) -> None:
    running, _ = one(chat, wire="openai_chat")
    assert clients(running).completions.create(model="acme:m", prompt="Hi").choices[0].text == "Hello."
    native = running.ask("/native/v1/generate", question)
    assert native.status == 200
    assert native.json["text"] == "Hello."


def test_embeddings_come_through_the_backends_own_call(one, clients) -> None:
    reply = {
        "object": "list",
        "model": "m",
        "data": [{"index": 0, "embedding": [0.5, -1.0]}],
        "usage": {"prompt_tokens": 2},
    }
    running, vendor = one(Reply.json(reply))
    answer = clients(running).embeddings.create(model="acme:m", input="Hi")
    assert answer.data[0].embedding == [0.5, -1.0]
    assert vendor.requests[0].path == "/v1/embeddings"


def test_tokens_are_counted_by_a_backend_that_counts(one, clients) -> None:
    running, vendor = one(Reply.json({"input_tokens": 7}), wire="anthropic_messages")
    client = clients(running, anthropic.Anthropic)
    answer = client.messages.count_tokens(model="acme:m", messages=[{"role": "user", "content": "Hi"}])
    assert answer.input_tokens == 7
    assert vendor.requests[0].path == "/v1/messages/count_tokens"


@pytest.mark.parametrize(
    ("backend", "path"), [("openai", "/v1/responses/input_tokens"), ("llamacpp", "/v1/messages/count_tokens")]
)
def test_tokens_are_counted_on_another_wire_of_the_backend_where_its_first_one_has_no_counts(
    gateway, vendor, clients, backend, path
) -> None:
    pytest.importorskip(f"backbay_{backend}")
    server = vendor(Reply.json({"input_tokens": 7, "object": "response.input_tokens"}))
    table = {"vendor": backend, "key_env": "ACME_API_KEY", "base_url": server.url}
    named = {**table, "name": "chat", "wire": "openai_chat"}
    running = gateway(upstreams=[table, named], routing={"retries": 0, "health_interval": 3600})
    client, messages = clients(running, anthropic.Anthropic), [{"role": "user", "content": "Hi"}]
    assert client.messages.count_tokens(model=f"{backend}:m", messages=messages).input_tokens == 7
    assert [request.path for request in server.requests if request.method == "POST"] == [path]
    # Whoever names a wire says that the server has no other.
    with pytest.raises(anthropic.BadRequestError, match="count"):
        client.messages.count_tokens(model="chat:m", messages=messages)


def test_clients_of_responses_count_tokens_too_and_an_unknown_field_is_refused(one, clients) -> None:
    running, vendor = one(Reply.json({"input_tokens": 9, "object": "response.input_tokens"}), wire="openai_responses")
    client = clients(running)
    tools = [{"type": "function", "name": "add", "parameters": {"type": "object", "properties": {}}, "strict": True}]
    counted = client.responses.input_tokens.count(model="acme:m", input="Hi", instructions="Be brief.", tools=tools)
    assert (counted.input_tokens, counted.object) == (9, "response.input_tokens")
    asked = [request for request in vendor.requests if request.method == "POST"]
    assert [request.path for request in asked] == ["/v1/responses/input_tokens"]
    assert "Be brief." in asked[0].body.decode()
    for field in ({"previous_response_id": "resp_1"}, {"temperature": 0.5}):
        with pytest.raises(openai.BadRequestError, match=next(iter(field))):
            client.responses.input_tokens.count(model="acme:m", input="Hi", extra_body=field)
    assert sum(request.method == "POST" for request in vendor.requests) == 1


def test_a_backend_that_breaks_off_is_told_in_band_without_the_end(one, chunks, message_question) -> None:
    running, _ = one(Reply.events(chunks[0], done=False), wire="openai_chat")
    headers = {"anthropic-version": "2023-06-01"}
    answer = running.ask("/v1/messages", {**message_question, "stream": True}, headers=headers)
    assert answer.status == 200
    assert not answer.whole
    assert b"event: error" in answer.body
    assert b"message_stop" not in answer.body


def test_pings_show_life_while_the_backend_is_silent(one, chunks, message_question) -> None:
    first, *rest = Reply.events(*chunks).steps
    reply = Reply(headers={"content-type": "text/event-stream"}, steps=[first, Pause(0.5), *rest])
    running, _ = one(reply, wire="openai_chat", tables={"server": {"ping": 0.1}})
    headers = {"anthropic-version": "2023-06-01"}
    answer = running.ask("/v1/messages", {**message_question, "stream": True}, headers=headers)
    assert answer.whole
    assert 3 <= answer.body.count(b"ping") // (2 if b"event: ping" in answer.body else 1) <= 6


def test_an_upstream_may_be_transcoded_always(one, chat, question) -> None:
    running, vendor = one(chat, transcode=True)
    answer = running.ask("/v1/chat/completions", {**question, "x_new": 1})
    assert answer.status == 400
    assert "x_new" in answer.error["message"]
    assert vendor.requests == []


def test_what_was_sealed_for_another_backend_is_read_and_not_relayed(one, chat, question) -> None:
    running, vendor = one(chat, wire="openai_chat")
    body = {**question, "messages": [{"role": "user", "content": "what is bb1.abc.def"}]}
    assert running.ask("/v1/chat/completions", body).status == 200
    assert "stream" in vendor.requests[0].json or vendor.requests[0].body != json.dumps(body).encode()


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, openai.BadRequestError),
        (401, openai.InternalServerError),
        (403, openai.PermissionDeniedError),
        (404, openai.NotFoundError),
        (429, openai.RateLimitError),
        (500, openai.InternalServerError),
        (503, openai.InternalServerError),
    ],
)
@pytest.mark.parametrize("transcode", [False, True])
def test_errors_of_the_upstream_are_the_clients_own_classes(one, clients, status, kind, transcode) -> None:
    body = {"error": {"message": "at http://10.1.2.3:9/v1 with sk-abc123def456ghi", "type": "x", "code": None}}
    running, _ = one(Reply.json(body, status=status), transcode=transcode)
    with pytest.raises(kind) as caught:
        clients(running).chat.completions.create(model="acme:m", messages=[{"role": "user", "content": "Hi"}])
    said = str(caught.value.body)
    assert "10.1.2.3" not in said
    assert "sk-abc" not in said
    assert caught.value.response.headers["x-request-id"].startswith("req_")


def test_a_dead_upstream_is_a_server_error_without_its_address(gateway, clients) -> None:
    running = gateway(upstreams=[{"vendor": "acme", "base_url": "http://127.0.0.1:9/v1"}], routing={"retries": 0})
    with pytest.raises(openai.InternalServerError) as caught:
        clients(running).chat.completions.create(model="acme:m", messages=[{"role": "user", "content": "Hi"}])
    assert "127.0.0.1" not in str(caught.value)
    with pytest.raises(anthropic.InternalServerError):
        clients(running, anthropic.Anthropic).messages.create(
            model="acme:m", max_tokens=1, messages=[{"role": "user", "content": "Hi"}]
        )


def test_models_are_listed_as_both_clients_read_them(one, clients) -> None:
    running, _ = one(Reply.json({"data": [{"id": "m"}, {"id": "n"}]}), models={"quick": "m"})
    client = clients(running)
    assert [each.id for each in client.models.list()] == ["quick", "acme:m", "acme:n"]
    assert client.models.retrieve("acme:m").id == "acme:m"
    with pytest.raises(openai.NotFoundError, match="acme:m"):
        client.models.retrieve("acme:mm")
    other = clients(running, anthropic.Anthropic)
    assert [each.id for each in other.models.list(limit=2)] == ["quick", "acme:m", "acme:n"]
