"""What the chat-completions wire writes, vendor by vendor, and what it refuses."""

from __future__ import annotations

import json
from typing import Any

import pytest

from backbay.errors import InvalidRequestError, OptionConflictError, UnsupportedError
from backbay.limits import NO_LIMITS
from backbay.messages import FilePart, HostedTool, ImagePart, Message, TextPart, ThinkingPart, ToolCall, ToolSpec
from backbay.request import build_request
from backbay.spec import BackendSpec
from backbay.wires.openai_chat import OpenAIChat

SPEC = BackendSpec(name="acme", wires=("openai_chat",))
PIXEL = "iVBORw0KGgo="


def body(*messages: Message, quirks: dict[str, object] | None = None, stream: bool = False, **options: Any) -> Any:
    """Return the body that is sent."""
    asked = messages or (Message(role="user", content="Hi."),)
    request = build_request(asked, options, limits=NO_LIMITS, model="m")
    return json.loads(OpenAIChat(SPEC, quirks or {}).encode(request, stream=stream).body)


@pytest.mark.parametrize(
    ("form", "asked", "written"),
    [
        ("effort", "low", {"reasoning_effort": "low"}),
        ("effort", "none", {"reasoning_effort": "none"}),
        ("object", "low", {"reasoning": {"effort": "low"}}),
        ("object", 2000, {"reasoning": {"max_tokens": 2000}}),
        ("thinking", "none", {"thinking": {"type": "disabled"}}),
        ("thinking", "high", {"thinking": {"type": "enabled"}, "reasoning_effort": "high"}),
        ("enable_thinking", True, {"enable_thinking": True}),
        ("enable_thinking", False, {"enable_thinking": False}),
        ("enable_thinking", 0, {"enable_thinking": False}),
        ("enable_thinking", "low", {"enable_thinking": True, "thinking_budget": 2048}),
        ("enable_thinking", 500, {"enable_thinking": True, "thinking_budget": 500}),
    ],
)
def test_thinking_is_asked_for_in_the_vendors_form(form: str, asked: object, written: dict[str, object]) -> None:
    plain = body(quirks={"reasoning": form})
    assert body(quirks={"reasoning": form}, reasoning=asked) == {**plain, **written}


@pytest.mark.parametrize(("form", "asked"), [("effort", 9), ("thinking", 9)])
def test_what_a_form_cannot_say_is_refused_with_what_it_can(form: str, asked: object) -> None:
    with pytest.raises(UnsupportedError, match="give"):
        body(quirks={"reasoning": form}, reasoning=asked)


def test_a_server_that_forces_any_tool_is_offered_the_named_one_alone() -> None:
    """llama.cpp takes a tool's name for "required", and a model may then call another one (seen)."""
    tools = [{"name": name, "parameters": {"type": "object"}} for name in ("add", "get_weather")]
    sent = body(quirks={"named_choice": "only"}, tools=tools, tool_choice="get_weather")
    assert [tool["function"]["name"] for tool in sent["tools"]] == ["get_weather"]
    assert sent["tool_choice"] == "required"
    assert len(body(quirks={"named_choice": "only"}, tools=tools, tool_choice="auto")["tools"]) == 2


def test_a_field_is_refused_in_extra_only_where_it_is_written() -> None:
    quirks: dict[str, object] = {"reasoning": "thinking"}
    thinking = {"thinking": {"type": "enabled", "clear_thinking": False}}
    assert body(quirks=quirks, extra=thinking)["thinking"] == thinking["thinking"]
    with pytest.raises(OptionConflictError, match="thinking"):
        body(quirks=quirks, extra=thinking, reasoning="low")


def test_several_choices_are_refused_with_the_nearest_alternative() -> None:
    with pytest.raises(OptionConflictError) as caught:
        body(extra={"n": 2})
    assert "one call for each answer" in str(caught.value.hint)


def test_penalties_go_through_extra() -> None:
    assert body(extra={"presence_penalty": 0.5})["presence_penalty"] == 0.5


def test_fields_have_the_vendors_names() -> None:
    quirks: dict[str, object] = {
        "max_tokens_field": "max_completion_tokens",
        "seed_field": "random_seed",
        "required_choice": "any",
        "stream_usage": False,
    }
    tool = ToolSpec(name="look")
    written = body(quirks=quirks, stream=True, max_tokens=5, seed=7, tools=[tool], tool_choice="required")
    assert (written["max_completion_tokens"], written["random_seed"], written["tool_choice"]) == (5, 7, "any")
    assert not {"max_tokens", "seed", "stream_options"} & set(written)


def test_the_path_is_the_vendors() -> None:
    request = build_request("Hi.", {}, limits=NO_LIMITS, model="m")
    assert OpenAIChat(SPEC, {"chat_path": "chat"}).encode(request, stream=False).path == "chat"


def test_hosted_tools_go_as_they_are_and_cannot_be_forced_by_name() -> None:
    hosted = HostedTool(definition={"type": "openrouter:web_search", "parameters": {"max_results": 2}})
    assert body(tools=[hosted])["tools"] == [hosted.definition]
    with pytest.raises(UnsupportedError, match="required"):
        body(tools=[hosted], tool_choice="openrouter:web_search")


def test_cache_marks_become_the_vendors_field_or_are_refused() -> None:
    marked = Message(role="user", content=(TextPart(text="Hi.", cache="5m"), ImagePart(data=PIXEL, cache="1h")))
    parts = body(marked, quirks={"cache_marks": "cache_control"})["messages"][0]["content"]
    assert parts[0] == {"type": "text", "text": "Hi.", "cache_control": {"type": "ephemeral", "ttl": "5m"}}
    assert parts[1]["cache_control"] == {"type": "ephemeral", "ttl": "1h"}
    tool = ToolSpec(name="look", cache="5m")
    assert body(quirks={"cache_marks": "cache_control"}, tools=[tool])["tools"][0]["cache_control"]["ttl"] == "5m"
    explicit = body(marked, quirks={"cache_marks": "prompt_cache_breakpoint"})["messages"][0]["content"]
    assert explicit[0]["prompt_cache_breakpoint"] == {"mode": "explicit"}
    with pytest.raises(UnsupportedError, match="Cache marks"):
        body(marked)


def thought(backend: str = "acme") -> ThinkingPart:
    """Return thinking with what must go back."""
    details = [{"type": "reasoning.text", "text": "hm", "signature": "s/+==", "index": 0}]
    return ThinkingPart(text="hm", opaque={backend: {"reasoning_details": details}})


def test_details_go_back_as_they_came_and_only_to_whom_they_came_from() -> None:
    said = Message(role="assistant", content=(thought(), TextPart(text="Yes.")))
    written = body(said)["messages"][0]
    assert written == {
        "role": "assistant",
        "content": "Yes.",
        "reasoning_details": thought().opaque["acme"]["reasoning_details"],  # type: ignore[index, call-overload]
    }
    other = Message(role="assistant", content=(thought("somebody-else"), TextPart(text="Yes.")))
    assert body(other)["messages"][0] == {"role": "assistant", "content": "Yes."}


def test_thinking_goes_back_as_text_where_the_vendor_wants_that() -> None:
    said = Message(role="assistant", content=(ThinkingPart(text="h"), ThinkingPart(text="m"), TextPart(text="Yes.")))
    written = body(said, quirks={"thinking_field": "reasoning_content"})["messages"][0]
    assert written == {"role": "assistant", "content": "Yes.", "reasoning_content": "hm"}
    parts = body(said, quirks={"thinking_parts": True})["messages"][0]["content"]
    assert parts[0] == {"type": "thinking", "thinking": [{"type": "text", "text": "h"}], "closed": True}
    assert parts[2] == {"type": "text", "text": "Yes."}


def test_a_calls_signature_goes_back_with_the_call() -> None:
    extra = {"google": {"thought_signature": "sig=="}}
    call = ToolCall(id="c", name="f", arguments={}, opaque={"acme": {"extra_content": extra}, "other": {"x": 1}})
    [written] = body(Message(role="assistant", tool_calls=(call,)))["messages"][0]["tool_calls"]
    assert written["extra_content"] == extra
    assert set(written) == {"id", "type", "function", "extra_content"}


def test_a_tools_result_has_what_the_vendor_takes() -> None:
    seen = Message(role="tool", tool_call_id="c", name="look", content=(TextPart(text="a"), ImagePart(data=PIXEL)))
    with pytest.raises(InvalidRequestError, match=r"messages\[0\].*user message"):
        body(seen)
    written = body(seen, quirks={"tool_images": True, "tool_name": True})["messages"][0]
    assert (written["name"], [part["type"] for part in written["content"]]) == ("look", ["text", "image_url"])
    with pytest.raises(InvalidRequestError, match=r"messages\[0\].*tool_call_id"):
        body(Message(role="tool", content="a"))
    assert "tool_call_id" not in body(Message(role="tool", content="a"), quirks={"tool_call_id": False})["messages"][0]
    with pytest.raises(InvalidRequestError, match=r"messages\[0\].*is_error"):
        body(Message(role="tool", tool_call_id="c", content="a", is_error=True))


def test_files_by_url_go_only_where_they_are_taken() -> None:
    file = FilePart(url="https://example.com/a.pdf", filename="a.pdf")
    with pytest.raises(InvalidRequestError, match=r"messages\[0\].*URL"):
        body(Message(role="user", content=(file,)))
    [part] = body(Message(role="user", content=(file,)), quirks={"file_urls": True})["messages"][0]["content"]
    assert part["file"] == {"filename": "a.pdf", "file_data": "https://example.com/a.pdf"}
    with pytest.raises(InvalidRequestError, match=r"messages\[0\].*citations"):
        body(Message(role="user", content=(FilePart(data="eA==", citations=True),)))
