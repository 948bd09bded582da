"""What the messages wire sends: its rules of turns, options and settings, and what it refuses before any I/O."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from backbay.errors import ConfigurationError, InvalidRequestError, OptionConflictError, UnsupportedError
from backbay.limits import NO_LIMITS
from backbay.messages import AudioPart, FilePart, HostedTool, ImagePart, Message, TextPart, ThinkingPart, ToolCall
from backbay.request import build_request
from backbay.spec import BackendSpec
from backbay.wires.anthropic_body import MAX_TOKENS
from backbay.wires.anthropic_messages import AnthropicMessages
from backbay.wires.budgets import BUDGETS

SPEC = BackendSpec(name="acme", wires=("anthropic_messages",))
TOOL = {"name": "look", "description": "Look.", "parameters": {"type": "object", "properties": {}}}
PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(16)).decode()
MARK = {"type": "ephemeral"}


def user(content: Any) -> Message:
    return Message(role="user", content=content)


def sent(messages: Any, quirks: dict[str, Any] | None = None, **options: Any) -> dict[str, Any]:
    request = build_request(messages, options, limits=NO_LIMITS, model=options.get("model", "acme-1"))
    return json.loads(AnthropicMessages(SPEC, quirks or {}).encode(request, stream=False).body)


def test_system_messages_are_one_system_prompt_in_their_order():
    """A11."""
    messages = [Message(role="system", content="a"), Message(role="system", content="b"), user("Hi.")]
    body = sent(messages, system="S")
    assert body["system"] == "S\n\na\n\nb"
    assert [message["role"] for message in body["messages"]] == ["user"]


def test_a_system_message_with_a_mark_keeps_its_blocks():
    system = Message(role="system", content=(TextPart(text="a"), TextPart(text="b", cache="1h")))
    hour = {"type": "ephemeral", "ttl": "1h"}
    assert sent([system, user("Hi.")])["system"] == [
        {"type": "text", "text": "a"},
        {"type": "text", "text": "b", "cache_control": hour},
    ]


def test_a_later_system_message_is_refused_unless_the_model_takes_it():
    messages = [user("Hi."), Message(role="system", content="Be brief."), user("Go on.")]
    with pytest.raises(InvalidRequestError, match=r"messages\[1\].*system_anywhere"):
        sent(messages)
    roles = [turn["role"] for turn in sent(messages, {"system_anywhere": True})["messages"]]
    assert roles == ["user", "system", "user"]


def test_a_conversation_with_tools_has_the_turns_of_the_wire():
    """N2: system apart, the image as a source of its sniffed type, both results in one user turn."""
    calls = [ToolCall(id="a", name="look", arguments={"at": 1}), ToolCall(id="b", name="look", arguments={})]
    body = sent(
        [
            Message(role="system", content="You look."),
            Message(role="user", content="What is it?", images=(f"data:;base64,{PNG}",)),
            Message(role="assistant", content="Let me see.", tool_calls=calls),
            Message(role="tool", tool_call_id="a", content="a cat"),
            Message(role="tool", tool_call_id="b", content="nothing", is_error=True),
            Message(role="assistant", content="A cat."),
        ]
    )
    source = {"type": "base64", "media_type": "image/png", "data": PNG}
    assert body["messages"] == [
        {"role": "user", "content": [{"type": "text", "text": "What is it?"}, {"type": "image", "source": source}]},
        {
            "role": "assistant",
            "content": [
                {"type": "text", "text": "Let me see."},
                {"type": "tool_use", "id": "a", "name": "look", "input": {"at": 1}},
                {"type": "tool_use", "id": "b", "name": "look", "input": {}},
            ],
        },
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "a", "content": "a cat"},
                {"type": "tool_result", "tool_use_id": "b", "content": "nothing", "is_error": True},
            ],
        },
        {"role": "assistant", "content": "A cat."},
    ]


def test_neighbours_of_one_role_become_one_turn_and_empty_turns_none():
    messages = [user("a"), Message(role="assistant", content=""), user([TextPart(text="b", cache="5m")])]
    content = [{"type": "text", "text": "a"}, {"type": "text", "text": "b", "cache_control": MARK}]
    assert sent(messages)["messages"] == [{"role": "user", "content": content}]


def test_a_mark_within_a_tool_result_stands_at_the_result():
    call = ToolCall(id="a", name="look", arguments={})
    parts = (TextPart(text="seen"), ImagePart(data=PNG, cache="5m"))
    result = Message(role="tool", tool_call_id="a", content=parts)
    block = sent([user("Hi."), Message(role="assistant", tool_calls=(call,)), result])["messages"][-1]["content"][0]
    assert block["cache_control"] == MARK
    assert [inner["type"] for inner in block["content"]] == ["text", "image"]
    assert not any("cache_control" in inner for inner in block["content"])


def test_malformed_arguments_go_back_inside_an_object():
    call = ToolCall(id="a", name="look", raw_arguments='{"at": ')
    body = sent([user("Hi."), Message(role="assistant", tool_calls=(call,))])
    assert body["messages"][1]["content"][0]["input"] == {"INVALID_JSON": '{"at": '}


def test_files_have_the_source_that_they_come_from():
    text = base64.b64encode("čitaj".encode()).decode()
    parts = [
        FilePart(data="JVBERi0x", filename="a.pdf", citations=True, cache="5m"),
        FilePart(data=text, media_type="text/markdown"),
        FilePart(url="https://acme.example/a.pdf"),
        FilePart(file_id="file_1"),
        FilePart(file_id="file_2", media_type="image/png"),
    ]
    pdf = {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0x"}
    assert sent([user(parts)])["messages"][0]["content"] == [
        {"type": "document", "source": pdf, "title": "a.pdf", "citations": {"enabled": True}, "cache_control": MARK},
        {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "čitaj"}},
        {"type": "document", "source": {"type": "url", "url": "https://acme.example/a.pdf"}},
        {"type": "document", "source": {"type": "file", "file_id": "file_1"}},
        {"type": "image", "source": {"type": "file", "file_id": "file_2"}},
    ]


@pytest.mark.parametrize(
    ("part", "kind"),
    [
        (AudioPart(data="UklG", format="wav"), UnsupportedError),
        (FilePart(data="AAAA", media_type="video/mp4"), UnsupportedError),
        (FilePart(data="AAAA"), UnsupportedError),
        (FilePart(data="/w==", media_type="text/plain"), InvalidRequestError),
        (FilePart(data="no base64", media_type="text/plain"), InvalidRequestError),
        (ImagePart(data="AAAA"), InvalidRequestError),
        (ImagePart(data=PNG, detail="low"), UnsupportedError),
        (ThinkingPart(text="Hm."), InvalidRequestError),
    ],
)
def test_parts_without_a_place_are_refused_by_the_messages_number(part, kind):
    """N1: the error names the message."""
    with pytest.raises(kind, match=r"messages\[1\]"):
        sent([Message(role="system", content="S"), user([part])])


@pytest.mark.parametrize(
    "message",
    [
        Message(role="user", content="Hi.", name="ana"),
        Message(role="tool", content="seen"),
        Message(role="assistant", content=(ImagePart(data=PNG),)),
    ],
)
def test_messages_without_a_place_are_refused_by_their_number(message):
    with pytest.raises(InvalidRequestError, match=r"messages\[1\]"):
        sent([user("Hi."), message])


def test_a_conversation_of_system_messages_alone_is_refused():
    with pytest.raises(InvalidRequestError, match="no system message"):
        sent([Message(role="system", content="S")])


@pytest.mark.parametrize(
    ("options", "written"),
    [
        ({"tool_choice": "auto"}, {"type": "auto"}),
        ({"tool_choice": "none", "parallel_tool_calls": False}, {"type": "none"}),
        ({"tool_choice": "required"}, {"type": "any"}),
        ({"tool_choice": "look", "parallel_tool_calls": True}, {"type": "tool", "name": "look"}),
        ({"parallel_tool_calls": False}, {"type": "auto"}),
        ({}, None),
    ],
)
def test_the_choice_of_tools_has_the_words_of_the_wire(options, written):
    parallel = options.get("parallel_tool_calls")
    if parallel is not None and options.get("tool_choice") != "none":
        written["disable_parallel_tool_use"] = not parallel
    assert sent("Hi.", tools=[TOOL], **options).get("tool_choice") == written


def test_tools_are_sent_with_what_they_say_and_hosted_ones_as_they_are():
    search = {"type": "web_search_20250305", "name": "web_search"}
    own = {**TOOL, "strict": True, "cache": "1h"}
    written = sent("Hi.", tools=[own, HostedTool(definition=search)])["tools"]
    mark = {"type": "ephemeral", "ttl": "1h"}
    first = {"name": "look", "description": "Look.", "input_schema": TOOL["parameters"], "strict": True}
    assert written == [{**first, "cache_control": mark}, search]


def test_sampling_is_sent_as_it_was_given_and_never_unasked():
    """N8: 0 is sent as 0."""
    assert (sent("Hi.", temperature=0.0, top_p=0.5)["temperature"], sent("Hi.", stop="x")["stop_sequences"]) == (
        0,
        ["x"],
    )
    assert sent("Hi.").keys() == {"model", "messages", "max_tokens"}


@pytest.mark.parametrize("options", [{"temperature": 0.0}, {"top_p": 1.0}, {"extra": {"top_k": 1}}])
def test_the_newer_version_refuses_sampling_and_says_what_to_do(options):
    with pytest.raises(UnsupportedError, match="2026-10-21") as caught:
        sent("Hi.", {"api_version": "2026-10-21"}, **options)
    assert "api_version='2023-06-01'" in caught.value.hint
    assert caught.value.code in ("temperature", "top_p", "top_k")


def test_max_tokens_is_always_there():
    assert sent("Hi.")["max_tokens"] == MAX_TOKENS
    assert sent("Hi.", max_tokens=5)["max_tokens"] == 5
    assert sent("Hi.", reasoning=2000)["max_tokens"] == MAX_TOKENS + 2000


@pytest.mark.parametrize(
    ("model", "reasoning", "written"),
    [
        ("old-1", "medium", {"thinking": {"type": "enabled", "budget_tokens": BUDGETS["medium"]}}),
        ("old-1", 4000, {"thinking": {"type": "enabled", "budget_tokens": 4000}}),
        ("new-1", "xhigh", {"thinking": {"type": "adaptive"}, "output_config": {"effort": "xhigh"}}),
        ("mid-1", "low", {"thinking": {"type": "adaptive"}, "output_config": {"effort": "low"}}),
        ("mid-1", 4000, {"thinking": {"type": "enabled", "budget_tokens": 4000}}),
        ("new-1", "none", {"thinking": {"type": "disabled"}}),
        ("new-1", 0, {"thinking": {"type": "disabled"}}),
        ("new-1", None, {}),
    ],
)
def test_models_are_asked_to_think_in_the_form_that_they_know(model, reasoning, written):
    quirks = {"thinking_by_model": {"new": "adaptive", "mid": "both"}}
    body = sent("Hi.", quirks, model=model, reasoning=reasoning)
    assert {name: body[name] for name in ("thinking", "output_config") if name in body} == written


@pytest.mark.parametrize("reasoning", [4000, "minimal"])
def test_what_an_adaptive_model_does_not_know_is_refused(reasoning):
    with pytest.raises(UnsupportedError, match="effort"):
        sent("Hi.", {"thinking": "adaptive"}, reasoning=reasoning)


def test_a_budget_made_of_an_effort_leaves_room_for_the_answer():
    assert sent("Hi.", reasoning="high", max_tokens=8000)["thinking"]["budget_tokens"] == 6000
    assert sent("Hi.", reasoning="high", max_tokens=1100)["thinking"]["budget_tokens"] == 1024
    with pytest.raises(InvalidRequestError, match="max_tokens is 1024"):
        sent("Hi.", reasoning="high", max_tokens=1024)


def test_a_schema_has_its_place_and_may_be_closed():
    inner = {"type": "object", "properties": {"a": {"type": "object"}}}
    schema = {
        "type": "object",
        "properties": {"items": {"type": "array", "items": inner}},
        "additionalProperties": True,
    }
    form = {"type": "json_schema", "schema": schema}
    asked = {"type": "json_schema", "json_schema": {"schema": schema}}
    body = sent("Hi.", {"thinking": "adaptive"}, response_format=asked, reasoning="low")
    assert body["output_config"] == {"effort": "low", "format": form}
    assert sent("Hi.", {"schema_field": "output_format"}, response_format=asked)["output_format"] == form
    closed = sent("Hi.", {"close_schemas": True}, response_format=asked)["output_config"]["format"]["schema"]
    assert closed["additionalProperties"] is True
    deep = closed["properties"]["items"]["items"]
    assert deep["additionalProperties"] is False
    assert deep["properties"]["a"] == {"additionalProperties": False, "type": "object"}
    with pytest.raises(UnsupportedError, match="schema"):
        sent("Hi.", response_format={"type": "json_object"})


def test_extra_adds_to_what_is_written_and_changes_none_of_it():
    shown = sent("Hi.", reasoning=2000, extra={"thinking": {"display": "summarized"}, "top_k": 5})
    assert shown["thinking"] == {"type": "enabled", "budget_tokens": 2000, "display": "summarized"}
    assert shown["top_k"] == 5
    assert sent("Hi.", extra={"output_config": {"effort": "max"}})["output_config"] == {"effort": "max"}
    with pytest.raises(OptionConflictError, match="thinking"):
        sent("Hi.", reasoning=2000, extra={"thinking": {"type": "disabled"}})
    for owned in ("max_tokens", "system", "temperature", "messages"):
        with pytest.raises(OptionConflictError, match=owned):
            sent("Hi.", extra={owned: 1})


def test_a_seed_is_refused():
    with pytest.raises(UnsupportedError, match="seed"):
        sent("Hi.", seed=1)


def test_thinking_goes_back_only_where_it_is_this_backends_own():
    signed = ThinkingPart(text="Hm.", opaque={"acme": {"signature": "s=="}})
    redacted = ThinkingPart(text="", opaque={"acme": {"block": {"type": "redacted_thinking", "data": "d=="}}})
    foreign = ThinkingPart(text="Theirs.", opaque={"example": {"signature": "x"}})
    unsigned = ThinkingPart(text="Nobody's.")
    turn = Message(role="assistant", content=(signed, redacted, foreign, unsigned, TextPart(text="4")))
    content = [
        {"type": "thinking", "thinking": "Hm.", "signature": "s=="},
        {"type": "redacted_thinking", "data": "d=="},
        {"type": "text", "text": "4"},
    ]
    assert sent([user("2 + 2?"), turn])["messages"][1]["content"] == content
    local = sent([user("2 + 2?"), turn], {"unsigned_thinking": True})["messages"][1]["content"]
    assert local == [*content[:2], {"type": "thinking", "thinking": "Nobody's.", "signature": ""}, content[2]]


def test_paths_and_bodies_of_the_clouds():
    """A10: the model that is asked for is the only one in the request."""
    quirks = {"path": "models/{model}:say", "stream_path": "models/{model}:stream", "model_field": False,
              "stream_field": False, "body_version": "cloud-1"}  # fmt: skip
    codec = AnthropicMessages(SPEC, quirks)
    request = build_request("Hi.", {}, limits=NO_LIMITS, model="a/b@1")
    whole, streamed = codec.encode(request, stream=False), codec.encode(request, stream=True)
    assert (whole.path, streamed.path) == ("models/a%2Fb@1:say", "models/a%2Fb@1:stream")
    assert whole.body == streamed.body
    assert json.loads(whole.body).keys() == {"anthropic_version", "messages", "max_tokens"}
    assert "anthropic-version" not in codec.headers


@pytest.mark.parametrize(
    ("quirks", "header"),
    [
        ({}, "x-api-key"),
        ({"api_version": "2026-10-21"}, "Authorization"),
        ({"auth_header": "Authorization"}, "Authorization"),
        ({"api_version": "2026-10-21", "auth_header": "x-api-key"}, "x-api-key"),
    ],
)
def test_the_version_decides_the_header_of_the_key_unless_the_caller_does(quirks, header):
    codec = AnthropicMessages(SPEC, quirks)
    assert codec.auth_header == header
    assert codec.headers == {"anthropic-version": quirks.get("api_version", "2023-06-01")}


@pytest.mark.parametrize("quirks", [{"api_version": "2024-01-01"}, {"thinking_by_model": {"a": "much"}}, {"pth": "x"}])
def test_a_wrong_setting_says_what_there_is(quirks):
    with pytest.raises(ConfigurationError, match=r"may be|may have|Did you mean"):
        AnthropicMessages(SPEC, quirks)
