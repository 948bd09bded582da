"""What a client of the responses dialect may ask, what it becomes, and what is refused by which name."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest

from backbay.errors import InvalidRequestError, UnsupportedError
from backbay.limits import NO_LIMITS
from backbay.messages import AudioPart, FilePart, HostedTool, ImagePart, ResponseFormat, TextPart, ThinkingPart
from backbay.request import build_request
from backbay_gateway.dialects.envelopes import ENVELOPES
from backbay_gateway.dialects.openai_responses import DIALECT

ASKED: dict[str, Any] = {"model": "acme:m", "input": "Hi."}
TOOL = {"type": "function", "name": "f", "description": "Does.", "parameters": {"type": "object"}, "strict": True}


def read(**fields: Any) -> Any:
    """Read a request, and build core's from it, which must be possible."""
    ask = DIALECT.read({**ASKED, **fields})
    build_request(ask.messages, dict(ask.options), limits=NO_LIMITS, model=ask.model)
    return ask


def said(*parts: Any, role: str = "user") -> dict[str, Any]:
    return {"input": [{"role": role, "content": list(parts)}]}


def test_a_string_is_a_users_message_and_instructions_come_first() -> None:
    ask = read(instructions="Be brief.")
    assert [(message.role, message.content) for message in ask.messages] == [("system", "Be brief."), ("user", "Hi.")]
    assert (ask.model, ask.stream, dict(ask.options)) == ("acme:m", False, {})


def test_options_become_ours() -> None:
    ask = read(
        stream=True,
        temperature=1.5,
        top_p=0.9,
        max_output_tokens=50,
        parallel_tool_calls=False,
        tools=[TOOL, {"type": "web_search", "search_context_size": "low"}],
        tool_choice={"type": "function", "name": "f"},
        reasoning={"effort": "low", "summary": "auto"},
        text={"format": {"type": "json_schema", "name": "n", "schema": {"type": "object"}, "strict": True}},
        include=["reasoning.encrypted_content"],
        store=False,
        metadata={"a": "b"},
        truncation="disabled",
        service_tier="auto",
        user="u",
        prompt_cache_key="k",
    )
    options = dict(ask.options)
    own, hosted = options.pop("tools")
    assert (own.name, own.strict, hosted) == (
        "f",
        True,
        HostedTool(definition={"type": "web_search", "search_context_size": "low"}),
    )
    assert options == {
        "max_tokens": 50,
        "temperature": 1.5,
        "top_p": 0.9,
        "parallel_tool_calls": False,
        "tool_choice": "f",
        "reasoning": "low",
        "response_format": ResponseFormat(schema_={"type": "object"}, name="n", strict=True),
    }
    assert ask.stream


def test_tools_that_are_not_allowed_are_left_out() -> None:
    other = {**TOOL, "name": "g"}
    choice = {"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "g"}]}
    ask = read(tools=[TOOL, other], tool_choice=choice)
    assert ([tool.name for tool in ask.options["tools"]], ask.options["tool_choice"]) == (["g"], "required")


def test_json_of_any_form_may_be_asked_for() -> None:
    assert read(text={"format": {"type": "json_object"}}).options["response_format"] == ResponseFormat()
    assert "response_format" not in read(text={"format": {"type": "text"}}).options


def test_parts_become_ours() -> None:
    ask = read(
        **said(
            {"type": "input_text", "text": "Look.", "prompt_cache_breakpoint": {"mode": "explicit", "ttl": "12h"}},
            {"type": "input_image", "image_url": "data:image/png;base64,aGk=", "detail": "low"},
            {"type": "input_image", "image_url": "https://example.org/a.png", "detail": "auto"},
            {"type": "input_file", "file_data": "data:application/pdf;base64,aGk=", "filename": "a.pdf"},
            {"type": "input_file", "file_url": "https://example.org/a.pdf"},
            {"type": "input_audio", "input_audio": {"data": "aGk=", "format": "wav"}},
        )
    )
    assert ask.messages[0].content == (
        TextPart(text="Look.", cache="1h"),
        ImagePart(data="aGk=", media_type="image/png", detail="low"),
        ImagePart(url="https://example.org/a.png"),
        FilePart(data="aGk=", media_type="application/pdf", filename="a.pdf"),
        FilePart(url="https://example.org/a.pdf"),
        AudioPart(data="aGk=", format="wav"),
    )


def test_items_of_an_assistant_that_follow_one_another_are_one_message() -> None:
    sealed = ENVELOPES.seal({"acme": {"s": 1}})
    call = {"type": "function_call", "id": "fc_1", "call_id": "c1", "name": "f", "arguments": '{"a": 1}'}
    ask = read(
        input=[
            {"role": "developer", "content": "Be brief."},
            {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Go."}]},
            {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "Hm."}]}
            | {"encrypted_content": sealed},
            {
                "type": "message",
                "id": "msg_1",
                "role": "assistant",
                "status": "completed",
                "content": [{"type": "output_text", "text": "So.", "annotations": [], "logprobs": []}],
            },
            {
                "type": "reasoning",
                "id": "rs_2",
                "summary": [],
                "encrypted_content": ENVELOPES.seal({"x": {}}, call="c1"),
            },
            {**call, "status": "completed"},
            {"type": "function_call_output", "call_id": "c1", "output": "21"},
            {"role": "assistant", "content": "Done."},
        ]
    )
    system, user, answer, result, last = ask.messages
    assert (system.role, user.role, result.role, last.text) == ("system", "user", "tool", "Done.")
    assert answer.content == (ThinkingPart(text="Hm.", opaque={"acme": {"s": 1}}), TextPart(text="So."))
    assert [(each.id, each.raw_arguments, each.opaque) for each in answer.tool_calls] == [("c1", '{"a": 1}', {"x": {}})]
    assert (result.tool_call_id, result.content) == ("c1", "21")


def test_reasoning_that_no_envelope_of_ours_is_in_is_left_out_but_for_its_words() -> None:
    foreign = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAAAABvendor"}
    told = {**foreign, "summary": [{"type": "summary_text", "text": "Hm."}]}
    ask = read(input=[{"role": "user", "content": "Go."}, foreign, told, {"role": "user", "content": "Go on."}])
    assert [message.content for message in ask.messages] == ["Go.", (ThinkingPart(text="Hm."),), "Go on."]


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"max_tokens": 5}, "max_tokens"),
    ({"input": None}, "input"),
    ({"input": ""}, "input"),
    ({"input": []}, "input"),
    ({"input": ["x"]}, "input[0]"),
    ({"input": [{"role": "robot", "content": "x"}]}, "input[0].role"),
    ({"input": [{"role": "user", "content": "x", "name": "y"}]}, "input[0].name"),
    ({"input": [{"type": "message_x", "content": "x"}]}, "input[0].type"),
    (said({"type": "text", "text": "x"}), "input[0].content[0].type"),
    (said({"type": "input_text"}), "input[0].content[0]"),
    (said({"type": "input_image", "image_url": "file:///etc/passwd"}), "image_url"),
    (said({"type": "input_file", "file_data": "data:text/plain,x"}), "file_data"),
    ({"input": [{"type": "function_call", "name": "f", "arguments": "{}"}]}, "call_id"),
    ({"input": [{"type": "function_call", "call_id": "c", "name": "f", "arguments": {}}]}, "arguments"),
    ({"temperature": 2.5}, "temperature"),
    ({"max_output_tokens": 0}, "max_output_tokens"),
    ({"tools": [{"name": "f"}]}, "tools[0].type"),
    ({"tools": [{"type": "function", "function": {"name": "f"}}]}, "tools[0].function"),
    ({"tool_choice": "any"}, "tool_choice"),
    ({"text": {"format": {"type": "json_schema", "name": "n"}}}, "text.format.schema"),
    ({"reasoning": {"effort": "hi"}}, "reasoning.effort"),
    ({"metadata": {"a": 1}}, "metadata.a"),
    ({"base_url": "http://example.org"}, "base_url"),
    ({"extra_body": {}}, "extra_body"),
]


@pytest.mark.parametrize(("fields", "named"), WRONG, ids=[f"{n}-{named}" for n, (_, named) in enumerate(WRONG)])
def test_what_is_wrong_is_refused_by_its_name(fields: dict[str, Any], named: str) -> None:
    with pytest.raises(InvalidRequestError) as told:
        DIALECT.read({**ASKED, **fields})
    assert named in str(told.value)
    assert DIALECT.refuse(told.value, "req_1").status == 400


UNCARRIED: list[tuple[dict[str, Any], str]] = [
    ({"previous_response_id": "resp_1"}, "previous_response_id"),
    ({"conversation": "conv_1"}, "conversation"),
    ({"store": True}, "store"),
    ({"background": True}, "background"),
    ({"prompt": {"id": "p"}}, "prompt"),
    ({"moderation": {"model": "m"}}, "moderation"),
    ({"truncation": "auto"}, "truncation"),
    ({"service_tier": "flex"}, "service_tier"),
    ({"top_logprobs": 3}, "top_logprobs"),
    ({"include": ["file_search_call.results"]}, "include[0]"),
    ({"text": {"verbosity": "low"}}, "text.verbosity"),
    ({"tools": [{"type": "mcp", "server_label": "x", "server_url": "https://example.org"}]}, "tools[0]"),
    ({"tools": [{"type": "file_search", "vector_store_ids": ["v"]}]}, "tools[0]"),
    ({"tool_choice": {"type": "mcp", "server_label": "x"}}, "tool_choice"),
    ({"input": [{"type": "item_reference", "id": "msg_1"}]}, "input[0]"),
    ({"input": [{"type": "web_search_call", "id": "ws_1", "status": "completed"}]}, "input[0]"),
    (said({"type": "input_image", "image_url": "https://example.org/a.png", "detail": "original"}), "detail"),
]


@pytest.mark.parametrize(("fields", "named"), UNCARRIED, ids=[f"{n}-{named}" for n, (_, named) in enumerate(UNCARRIED)])
def test_what_cannot_be_carried_is_refused_by_its_name(fields: dict[str, Any], named: str) -> None:
    with pytest.raises(UnsupportedError) as told:
        DIALECT.read({**ASKED, **fields})
    assert named in told.value.message
    refusal = DIALECT.refuse(told.value, "req_1")
    assert refusal.status == 400
    assert refusal.body["error"]["param"].startswith(named.partition("[")[0].partition(".")[0][:5]) or named == "detail"


def test_null_is_as_good_as_nothing() -> None:
    names = "previous_response_id conversation store background prompt instructions tools text reasoning include user"
    assert dict(read(**dict.fromkeys(names.split())).options) == {}


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
    fields = "model input instructions tools tool_choice parallel_tool_calls temperature max_output_tokens text".split()
    fields += "reasoning include store stream stream_options truncation metadata service_tier top_logprobs".split()
    bodies = [{**ASKED, name: value} for name in fields for value in odd]
    kinds = ["message", "function_call", "function_call_output", "reasoning"]
    names = "role content call_id name arguments output summary encrypted_content caller".split()
    for kind in kinds:
        bodies += [{**ASKED, "input": [{"type": kind, name: value}]} for name in names for value in odd]
    parts = ["input_text", "input_image", "input_file", "input_audio"]
    inner = "text image_url file_data file_id file_url detail input_audio prompt_cache_breakpoint".split()
    for kind in parts:
        bodies += [{**ASKED, **said({"type": kind, name: value})} for name in inner for value in odd]
    for body in bodies:
        with contextlib.suppress(InvalidRequestError, UnsupportedError):
            assert DIALECT.read(body).raw is body
