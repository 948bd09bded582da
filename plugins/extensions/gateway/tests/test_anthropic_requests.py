"""What a client of the messages dialect may ask, what it becomes, and what is refused by which name."""

from __future__ import annotations

import base64
import contextlib
from typing import Any

import pytest

from backbay.errors import InvalidRequestError, UnsupportedError
from backbay.limits import NO_LIMITS
from backbay.messages import FilePart, HostedTool, ImagePart, TextPart, ThinkingPart
from backbay.request import build_request
from backbay_gateway.dialects import count_tokens
from backbay_gateway.dialects.anthropic_messages import DIALECT, VERSIONS, AnthropicMessages, for_version
from backbay_gateway.dialects.envelopes import ENVELOPES

ASKED: dict[str, Any] = {"model": "acme:m", "max_tokens": 9, "messages": [{"role": "user", "content": "Hi."}]}
TOOL = {"name": "f", "description": "Does.", "input_schema": {"type": "object"}}
PNG = {"type": "base64", "media_type": "image/png", "data": "aGk="}


def read(**fields: Any) -> Any:
    """Read a request, and build core's from it, which must be possible."""
    ask = DIALECT.read({**ASKED, **fields})
    build_request(ask.messages, dict(ask.options), limits=NO_LIMITS, model=ask.model)
    return ask


def turn(*blocks: Any, role: str = "user") -> dict[str, Any]:
    return {"messages": [{"role": role, "content": list(blocks)}]}


def test_a_plain_request_is_its_messages_and_the_length_of_the_answer() -> None:
    ask = read()
    assert (ask.model, ask.stream, dict(ask.options)) == ("acme:m", False, {"max_tokens": 9})
    assert [(message.role, message.content) for message in ask.messages] == [("user", "Hi.")]


def test_options_become_ours() -> None:
    ask = read(
        stream=True,
        temperature=0.5,
        top_p=0.9,
        top_k=5,
        stop_sequences=["END"],
        tools=[TOOL, {"type": "web_search_20250305", "name": "web_search", "max_uses": 2}],
        tool_choice={"type": "any", "disable_parallel_tool_use": True},
        output_config={"format": {"type": "json_schema", "schema": {"type": "object"}}},
        metadata={"user_id": "u1"},
        service_tier="auto",
    )
    options = dict(ask.options)
    own, hosted = options.pop("tools")
    assert (own.name, own.description, own.parameters) == ("f", "Does.", {"type": "object"})
    assert hosted == HostedTool(definition={"type": "web_search_20250305", "name": "web_search", "max_uses": 2})
    assert options.pop("response_format").schema_ == {"type": "object"}
    assert options == {
        "max_tokens": 9,
        "temperature": 0.5,
        "top_p": 0.9,
        "stop": ("END",),
        "tool_choice": "required",
        "parallel_tool_calls": False,
        "extra": {"top_k": 5},
    }
    assert ask.stream


@pytest.mark.parametrize(
    ("fields", "reasoning"),
    [
        ({"thinking": {"type": "enabled", "budget_tokens": 2048}}, 2048),
        ({"thinking": {"type": "disabled"}}, "none"),
        ({"thinking": {"type": "adaptive"}}, "high"),
        ({"thinking": {"type": "adaptive"}, "output_config": {"effort": "low"}}, "low"),
        ({"output_config": {"effort": "max"}}, "max"),
    ],
)
def test_thinking_becomes_an_effort_or_a_budget(fields: dict[str, Any], reasoning: object) -> None:
    assert read(**fields).options["reasoning"] == reasoning


def test_blocks_become_parts() -> None:
    ask = read(
        system=[{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral", "ttl": "1h"}}],
        **turn(
            {"type": "text", "text": "Look."},
            {"type": "image", "source": PNG},
            {"type": "image", "source": {"type": "url", "url": "https://example.org/a.png"}},
            {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "ä"}, "title": "a"},
            {
                "type": "document",
                "source": {"type": "url", "url": "https://example.org/a.pdf"},
                "citations": {"enabled": True},
                "cache_control": {"type": "ephemeral"},
            },
        ),
    )
    assert ask.messages[0].content == (TextPart(text="Be brief.", cache="1h"),)
    assert ask.messages[1].content == (
        TextPart(text="Look."),
        ImagePart(data="aGk=", media_type="image/png"),
        ImagePart(url="https://example.org/a.png"),
        FilePart(data=base64.b64encode("ä".encode()).decode(), media_type="text/plain", filename="a"),
        FilePart(url="https://example.org/a.pdf", citations=True, cache="5m"),
    )


def test_results_of_tools_are_messages_of_their_own_in_their_order() -> None:
    result = {"type": "tool_result", "tool_use_id": "c1", "content": "21", "is_error": True}
    marked = {"type": "tool_result", "tool_use_id": "c2", "content": "x", "cache_control": {"type": "ephemeral"}}
    ask = read(**turn(result, marked, {"type": "text", "text": "Well?"}))
    first, second, last = ask.messages
    assert (first.role, first.tool_call_id, first.content, first.is_error) == ("tool", "c1", "21", True)
    assert second.content == (TextPart(text="x", cache="5m"),)
    assert (last.role, last.content) == ("user", (TextPart(text="Well?"),))


def test_an_assistants_turn_keeps_thinking_calls_and_what_was_enveloped() -> None:
    ask = read(
        messages=[
            {"role": "user", "content": "Go."},
            {
                "role": "assistant",
                "content": [
                    {"type": "thinking", "thinking": "Hm.", "signature": ENVELOPES.seal({"acme": {"s": 1}})},
                    {"type": "redacted_thinking", "data": ENVELOPES.seal({"acme": {"g": 2}}, call="c1")},
                    {"type": "tool_use", "id": "c1", "name": "f", "input": {"a": 1}, "caller": {"type": "direct"}},
                    {"type": "tool_use", "id": "c2", "name": "f", "input": {"INVALID_JSON": '{"a": '}},
                ],
            },
        ]
    )
    said = ask.messages[1]
    assert said.content == (ThinkingPart(text="Hm.", opaque={"acme": {"s": 1}}),)
    first, second = said.tool_calls
    assert (first.arguments, first.opaque) == ({"a": 1}, {"acme": {"g": 2}})
    assert (second.arguments, second.raw_arguments, second.opaque) == (None, '{"a": ', None)
    assert second.error


def test_a_signature_that_no_envelope_of_ours_is_is_left_out_and_the_thinking_stays() -> None:
    sealed = ENVELOPES.seal({"acme": {"s": 1}})
    for signature in ("EqQBCkYIBxgCKkBvendor==", sealed[:-1], "bb1.e30." + sealed.rpartition(".")[2], ""):
        blocks = [
            {"type": "thinking", "thinking": "Hm.", "signature": signature},
            {"type": "redacted_thinking", "data": signature},
        ]
        ask = read(messages=[*ASKED["messages"], {"role": "assistant", "content": blocks}])
        assert ask.messages[1].content == (ThinkingPart(text="Hm."),)


def test_a_cache_mark_of_the_whole_is_one_of_its_last_part() -> None:
    assert read(cache_control={"type": "ephemeral"}).messages[-1].content == (TextPart(text="Hi.", cache="5m"),)


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"max_token": 5}, "max_tokens"),
    ({"max_tokens": None}, "max_tokens"),
    ({"max_tokens": "9"}, "max_tokens"),
    ({"max_tokens": True}, "max_tokens"),
    ({"model": ""}, "model"),
    ({"model": "a/../b"}, "model"),
    ({"model": "a b"}, "model"),
    ({"messages": []}, "messages"),
    ({"messages": "Hi."}, "messages"),
    ({"messages": ["Hi."]}, "messages.0"),
    ({"messages": [{"role": "tool", "content": "x"}]}, "messages.0.role"),
    ({"messages": [{"role": "user"}]}, "messages.0.content"),
    ({"messages": [{"role": "user", "content": "x", "name": "y"}]}, "messages.0.name"),
    (turn(), "messages.0.content"),
    (turn({"type": "txt", "text": "x"}), "messages.0.content.0"),
    (turn({"type": "text"}), "messages.0.content.0.text"),
    (turn({"type": "text", "text": "x", "colour": "red"}), "messages.0.content.0.colour"),
    (turn({"type": "image", "source": {"type": "base64", "data": "x"}}), "messages.0.content.0.source.media_type"),
    (turn({"type": "image", "source": {"type": "url", "url": "file:///etc/passwd"}}), "source.url"),
    (turn({"type": "tool_result", "content": "x"}), "tool_use_id"),
    (turn({"type": "tool_use", "id": "c", "name": "f", "input": {}}), "messages.0.content.0"),
    (turn({"type": "tool_use", "id": "c", "name": "f", "input": "{}"}, role="assistant"), "input"),
    ({"temperature": 1.5}, "temperature"),
    ({"top_p": "x"}, "top_p"),
    ({"stop_sequences": "END"}, "stop_sequences"),
    ({"stop_sequences": [1]}, "stop_sequences.0"),
    ({"stream": "yes"}, "stream"),
    ({"tools": [{"name": "f"}]}, "tools.0.input_schema"),
    ({"tools": [{**TOOL, "parameters": {}}]}, "tools.0.parameters"),
    ({"tool_choice": "auto"}, "tool_choice"),
    ({"tool_choice": {"type": "tool"}}, "tool_choice.name"),
    ({"thinking": {"type": "enabled"}}, "thinking.budget_tokens"),
    ({"thinking": {"type": "enabled", "budget_tokens": 5}}, "thinking.budget_tokens"),
    ({"output_config": {"effort": "hi"}}, "output_config.effort"),
    ({"api_key": "sk-1"}, "api_key"),
    ({"api_base": "http://example.org"}, "api_base"),
    ({"extra_headers": {"x": "y"}}, "extra_headers"),
]


@pytest.mark.parametrize(("fields", "named"), WRONG, ids=[f"{n}-{named}" for n, (_, named) in enumerate(WRONG)])
def test_what_is_wrong_is_refused_by_its_name(fields: dict[str, Any], named: str) -> None:
    with pytest.raises(InvalidRequestError) as told:
        DIALECT.read({**ASKED, **fields})
    assert named in str(told.value)
    refusal = DIALECT.refuse(told.value, "req_1")
    assert refusal.status == 400
    assert refusal.body["error"]["type"] == "invalid_request_error"
    assert named in refusal.body["error"]["message"]
    assert refusal.body["request_id"] == refusal.headers["request-id"] == "req_1"


UNCARRIED: list[tuple[dict[str, Any], str]] = [
    ({"max_tokens": 0}, "max_tokens"),
    ({"container": "c"}, "container"),
    ({"mcp_servers": [{"type": "url", "url": "https://example.org", "authorization_token": "t"}]}, "mcp_servers"),
    ({"context_management": {"edits": []}}, "context_management"),
    ({"inference_geo": "eu"}, "inference_geo"),
    ({"speed": "fast"}, "speed"),
    ({"tools": [{**TOOL, "defer_loading": True}]}, "tools.0.defer_loading"),
    ({"tools": [{**TOOL, "input_examples": [{}]}]}, "tools.0.input_examples"),
    ({"tools": [{"type": "mcp_toolset", "mcp_server_name": "x", "name": "y"}]}, "tools.0.type"),
    ({"thinking": {"type": "between_tools"}}, "thinking.type"),
    ({"thinking": {"type": "enabled", "budget_tokens": 1024}, "output_config": {"effort": "low"}}, "effort"),
    (turn({"type": "search_result", "source": "x", "title": "y", "content": []}), "messages.0.content.0"),
    (turn({"type": "container_upload", "file_id": "f"}), "messages.0.content.0"),
    (turn({"type": "document", "source": {"type": "content", "content": "x"}}), "source"),
    (turn({"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}}, role="assistant"), "content.0"),
]


@pytest.mark.parametrize(("fields", "named"), UNCARRIED, ids=[f"{n}-{named}" for n, (_, named) in enumerate(UNCARRIED)])
def test_what_cannot_be_carried_is_refused_by_its_name(fields: dict[str, Any], named: str) -> None:
    with pytest.raises(UnsupportedError) as told:
        DIALECT.read({**ASKED, **fields})
    assert named in told.value.message
    assert DIALECT.refuse(told.value, "req_1").status == 400


def test_null_is_as_good_as_nothing() -> None:
    names = "container context_management system tools tool_choice thinking output_config top_k stop_sequences stream"
    assert dict(read(**dict.fromkeys(names.split())).options) == {"max_tokens": 9}


@pytest.mark.parametrize("name", ["temperature", "top_p", "top_k"])
def test_the_newer_version_has_no_sampling_parameters(name: str) -> None:
    assert name in {**read(**{name: 1}).options, **read(**{name: 1}).options.get("extra", {})}
    with pytest.raises(InvalidRequestError, match=f"{name}: Extra inputs are not permitted"):
        for_version("2026-10-21").read({**ASKED, name: 1})


def test_the_newer_version_has_no_citations_in_a_users_text() -> None:
    cited = turn({"type": "text", "text": "x", "citations": [{"type": "char_location"}]})
    assert read(**cited).messages[0].text == "x"
    with pytest.raises(InvalidRequestError, match="citations"):
        for_version("2026-10-21").read({**ASKED, **cited})


def test_each_version_has_its_dialect_and_others_are_refused() -> None:
    assert [for_version(version).version for version in VERSIONS] == list(VERSIONS)
    assert for_version("2023-06-01") is DIALECT
    with pytest.raises(InvalidRequestError, match="header is required"):
        for_version(None)
    with pytest.raises(InvalidRequestError, match="2023-06-01"):
        for_version("2023-06-02")


def test_tokens_are_counted_of_the_same_request_without_its_answers_fields() -> None:
    prompt = {name: value for name, value in ASKED.items() if name != "max_tokens"}
    ask = count_tokens.read({**prompt, "system": "Be brief.", "tools": [TOOL]})
    assert [message.role for message in ask.messages] == ["system", "user"]
    assert list(ask.options) == ["tools"]
    assert count_tokens.write(7) == {"input_tokens": 7}
    with pytest.raises(InvalidRequestError, match="max_tokens"):
        count_tokens.read({**prompt, "max_tokens": 5})


def test_no_json_value_makes_the_reader_fail_otherwise() -> None:
    """Whatever stands in a field's place, it is read or refused; nothing else is raised."""
    odd: list[Any] = [
        None,
        True,
        -1,
        1e400,
        "",
        "x",
        [],
        [[]],
        [None],
        {},
        {"type": None},
        {"type": []},
        [{"type": {}}],
    ]
    fields = [*ASKED, "system", "tools", "tool_choice", "thinking", "output_config", "output_format", "cache_control"]
    fields += ["stop_sequences", "metadata", "service_tier", "temperature", "top_k", "stream", "speed"]
    blocks = ["text", "image", "document", "tool_result", "tool_use", "thinking", "redacted_thinking"]
    bodies = [{**ASKED, name: value} for name in fields for value in odd]
    inner = "text source tool_use_id content is_error input id name signature thinking data cache_control".split()
    for role in ("user", "assistant", "system"):
        for kind in blocks:
            bodies += [{**ASKED, **turn({"type": kind, name: value}, role=role)} for name in inner for value in odd]
    for body in bodies:
        with contextlib.suppress(InvalidRequestError, UnsupportedError):
            assert AnthropicMessages().read(body).raw is body
