"""What goes over the wire."""

from __future__ import annotations

import asyncio

import pydantic
import pytest

import backbay
from backbay import Message, ToolCall
from backbay.testing import ScriptedServer

BOTH = pytest.mark.parametrize("how", ["complete", "stream"])
TOOL = {"type": "function", "function": {"name": "add", "parameters": {"type": "object", "properties": {}}}}


@BOTH
def test_a_plain_prompt_is_posted_as_one_message_and_nothing_else_m1_m2(ask, chat, key, how):
    server = ask(chat.answer(), how).server
    (request,) = server.requests
    assert (request.method, request.path) == ("POST", "/v1/chat/completions")
    assert request.headers["authorization"] == f"Bearer {key}"
    assert request.headers["content-type"] == "application/json"
    asked = {"stream": False} if how == "complete" else {"stream": True, "stream_options": {"include_usage": True}}
    assert request.json == {"model": "m-1", "messages": [{"role": "user", "content": "hi"}], **asked}


@pytest.mark.parametrize("slashes", ["", "/", "//"])
def test_a_trailing_slash_of_the_base_url_does_not_matter_m1_a15(chat, key, slashes):
    with ScriptedServer(chat.answer()) as server:
        backend = backbay.connect("openai:m", base_url=server.url + slashes, api_key=key)
        asyncio.run(backend.complete("hi"))
    assert server.requests[0].path == "/v1/chat/completions"


def test_the_base_url_of_the_call_wins_over_the_environment_and_that_over_the_vendors_own_a15(monkeypatch, key):
    assert backbay.connect("openai:m", api_key=key).base_url == "https://api.openai.com/v1"
    monkeypatch.setenv("OPENAI_API_BASE", "http://127.0.0.1:2/v1/")
    assert backbay.connect("openai:m", api_key=key).base_url == "http://127.0.0.1:2/v1"
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:3/v1")
    assert backbay.connect("openai:m", api_key=key).base_url == "http://127.0.0.1:3/v1"
    assert backbay.connect("openai:m", api_key=key, base_url="http://127.0.0.1:4").base_url == "http://127.0.0.1:4"


def test_the_address_of_the_environment_is_the_one_that_is_asked_a15(chat, key, monkeypatch):
    with ScriptedServer(chat.answer()) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        asyncio.run(backbay.connect("openai:m", api_key=key).complete("hi"))
        assert len(server.requests) == 1


@BOTH
def test_no_authorization_is_sent_where_there_is_no_key_m1(ask, chat, how):
    config = {"reference": "llamacpp:tiny", "api_key": None}
    assert "authorization" not in ask(chat.answer(), how, config=config).server.requests[0].headers


@BOTH
def test_messages_go_unchanged_and_unknown_fields_of_extra_verbatim_m2(ask, chat, how):
    messages = [
        {"role": "system", "content": "Be brief. "},
        {"role": "user", "content": "  Zürich \u2028 \U0001f600\n"},
        {"role": "assistant", "content": "ok"},
        {"role": "user", "content": "again"},
    ]
    extra = {"top_k": 5, "vendor": {"deep": [1, None, "x"]}}
    sent = ask(chat.answer(), how, messages, extra=extra, max_tokens=7).server.requests[0].json
    assert sent["messages"] == messages
    assert (sent["top_k"], sent["vendor"], sent["max_tokens"]) == (5, {"deep": [1, None, "x"]}, 7)


@BOTH
def test_every_option_has_its_field_m2(ask, chat, how):
    options = {
        "tools": [TOOL],
        "tool_choice": "add",
        "parallel_tool_calls": False,
        "temperature": 0.5,
        "top_p": 0.9,
        "stop": "END",
        "seed": 0,
        "reasoning": "low",
        "system": "S",
    }
    sent = ask(chat.answer(), how, **options).server.requests[0].json
    assert sent["tools"][0]["function"]["name"] == "add"
    assert sent["tool_choice"] == {"type": "function", "function": {"name": "add"}}
    expected = {"parallel_tool_calls": False, "temperature": 0.5, "top_p": 0.9, "stop": ["END"], "seed": 0}
    assert {name: sent[name] for name in expected} == expected
    assert sent["reasoning_effort"] == "low"
    assert sent["messages"][0] == {"role": "system", "content": "S"}


@BOTH
def test_a_pydantic_class_goes_as_its_json_schema(ask, chat, how):
    class Person(pydantic.BaseModel):
        name: str

    asked = ask(chat.answer('{"name": "Ada"}'), how, response_format=Person)
    form = asked.server.requests[0].json["response_format"]
    assert (form["type"], form["json_schema"]["name"]) == ("json_schema", "Person")
    assert form["json_schema"]["schema"]["properties"]["name"]["type"] == "string"
    assert asked.response.parse(Person) == Person(name="Ada")


@BOTH
def test_owned_fields_in_extra_are_refused_by_name_before_any_connection_m2_a9(ask, chat, how):
    asked = ask(chat.answer(), how, extra={"stream": True, "model": "other", "ok": 1})
    assert isinstance(asked.error, backbay.OptionConflictError)
    assert "model, stream" in asked.error.message
    assert (asked.server.connections, asked.error.attempts) == (0, 0)


@BOTH
@pytest.mark.parametrize(
    ("options", "nearest"),
    [({"temprature": 1.0}, "temperature"), ({"max_token": 3}, "max_tokens"), ({"zzz": 1}, "extra")],
)
def test_an_unknown_option_is_refused_with_the_nearest_name(ask, chat, how, options, nearest):
    asked = ask(chat.answer(), how, **options)
    assert isinstance(asked.error, backbay.UnknownOptionError)
    assert nearest in asked.error.hint
    assert asked.server.connections == 0


@BOTH
@pytest.mark.parametrize(
    "options",
    [
        {"temperature": -1},
        {"temperature": float("nan")},
        {"top_p": 2},
        {"max_tokens": 0},
        {"tool_choice": "required"},
        {"tools": [TOOL, TOOL]},
        {"tools": [{"nothing": 1}]},
        {"response_format": 5},
        {"limits": {"total": 0}},
        {"limits": {"totle": 1}},
        {"reasoning": -1},
        {"extra": {"x": float("nan")}},
    ],
)
def test_a_wrong_value_is_one_typed_error_before_any_connection(ask, chat, how, options):
    asked = ask(chat.answer(), how, **options)
    assert isinstance(asked.error, backbay.InvalidRequestError)
    assert (asked.server.connections, asked.error.attempts, asked.error.phase) == (0, 0, "prepare")


@BOTH
@pytest.mark.parametrize(
    ("messages", "index"),
    [
        ([{"role": "user", "content": "a"}, {"role": "robot", "content": "b"}], 1),
        ([{"role": "user", "content": "a", "mood": "good"}], 0),
        ([Message(role="system", content="a", images=("aGk=",))], 0),
        ([Message(role="user", content="a"), Message(role="tool", content="x", images=("aGk=",))], 1),
        ([Message(role="user", content="a", tool_calls=(ToolCall(id="1", name="f"),))], 0),
        ([Message(role="user", content="a", tool_call_id="1")], 0),
        ([Message(role="user", content="a"), Message(role="tool", content="x")], 1),
        (["a", 5], 0),
    ],
)
def test_a_misplaced_thing_names_the_index_of_its_message_before_any_connection_n1(ask, chat, how, messages, index):
    asked = ask(chat.answer(), how, messages)
    assert isinstance(asked.error, backbay.InvalidRequestError)
    assert f"messages[{index}]" in asked.error.message
    assert (asked.server.connections, asked.error.attempts) == (0, 0)


def test_a_message_checks_its_fields_and_survives_json_n1():
    for fields in ({"role": "robot", "content": "x"}, {"role": "user", "content": "x", "mood": "good"}):
        with pytest.raises(pydantic.ValidationError):
            Message(**fields)
    call = ToolCall(id="1", name="f", arguments={"a": [1, {"b": None}]})
    for message in (
        Message(role="user", content="hi \U0001f600", images=("aGk=",)),
        Message(role="assistant", content=None, tool_calls=(call,)),
        Message(role="tool", content="", tool_call_id="1", name="f"),
    ):
        assert Message.model_validate_json(message.model_dump_json()) == message


def test_a_model_of_one_call_holds_for_that_call_only_also_side_by_side_n7(chat, connect):
    async def main(server):
        async with connect(server) as backend:
            wanted = [f"m-{number}" for number in range(20)]
            await asyncio.gather(*(backend.complete(f"to {name}", model=name) for name in wanted))
            await backend.stream("to m-1").collect()

    with ScriptedServer(chat.answer()) as server:
        asyncio.run(main(server))
    assert len(server.requests) == 21
    for request in server.requests:
        assert request.json["messages"][0]["content"] == f"to {request.json['model']}"


@BOTH
def test_no_model_at_all_is_a_configuration_error_before_any_connection_n7(ask, chat, how):
    asked = ask(chat.answer(), how, config={"reference": "openai"})
    assert isinstance(asked.error, backbay.ConfigurationError)
    assert "model=" in asked.error.hint
    assert asked.server.connections == 0
    assert ask(chat.answer(), how, config={"reference": "openai"}, model="x").response.text == "Hello."


def test_defaults_reach_the_wire_and_a_call_is_over_them_n8(chat, connect):
    async def main(server):
        async with connect(server, defaults={"temperature": 0.7, "seed": 1}) as backend:
            view = backend.with_options(seed=2)
            await backend.complete("a")
            await backend.complete("b", temperature=0.0)
            await view.complete("c")
            await view.with_options(temperature=None).complete("d")
            await backend.complete("e")

    with ScriptedServer(chat.answer()) as server:
        asyncio.run(main(server))
    sent = [(request.json.get("temperature"), request.json["seed"]) for request in server.requests]
    assert sent == [(0.7, 1), (0.0, 1), (0.7, 2), (None, 2), (0.7, 1)]


def test_an_unknown_default_is_refused_when_it_is_given(chat, connect):
    with ScriptedServer(chat.answer()) as server:
        with pytest.raises(backbay.UnknownOptionError, match="temperature"):
            connect(server, defaults={"temprature": 1})
        with pytest.raises(backbay.UnknownOptionError, match="temperature"):
            connect(server).with_options(temprature=1)
    assert server.connections == 0
