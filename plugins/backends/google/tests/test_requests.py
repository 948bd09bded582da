"""Our types as the Gemini wire's requests: what stands where, what goes back unchanged, and what has no place."""

from __future__ import annotations

import json

import pytest

import backbay
from backbay import Message, ToolCall
from backbay.messages import AudioPart, FilePart, HostedTool, ImagePart, TextPart, ThinkingPart
from backbay_google.codec import Gemini

WEATHER = {"name": "get_weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}
PNG = "iVBORw0KGgo="


def tool_turns(*results: Message) -> list[Message]:
    calls = (
        ToolCall(
            id="a", name="get_weather", arguments={"city": "Zagreb"}, opaque={"google": {"thoughtSignature": "S="}}
        ),
        ToolCall(id="made", name="get_time", arguments={}, opaque={"google": {"id": None}}),
    )
    return [Message(role="user", content="?"), Message(role="assistant", tool_calls=calls), *results]


def test_system_messages_are_hoisted_in_order(body_of) -> None:
    """A11."""
    messages = [
        Message(role="system", content="a"),
        Message(role="system", content="b"),
        Message(role="user", content="c"),
    ]
    body = body_of(messages, system="S")
    assert body["systemInstruction"] == {"parts": [{"text": "S"}, {"text": "a"}, {"text": "b"}]}
    assert body["contents"] == [{"role": "user", "parts": [{"text": "c"}]}]
    late = [Message(role="user", content="c"), Message(role="system", content="a")]
    with pytest.raises(backbay.InvalidRequestError, match=r"messages\[1\]"):
        body_of(late)
    with pytest.raises(backbay.InvalidRequestError, match="besides"):
        body_of([Message(role="system", content="a")])


def test_results_of_one_turn_are_one_content_and_calls_keep_signature_and_id(body_of) -> None:
    """N2: ids that were made for calls without one do not go out."""
    results = (
        Message(role="tool", tool_call_id="a", content="sunny"),
        Message(role="tool", tool_call_id="made", content='{"hour": 9}'),
    )
    _, said, answered = body_of(tool_turns(*results))["contents"]
    assert said == {
        "role": "model",
        "parts": [
            {"functionCall": {"id": "a", "name": "get_weather", "args": {"city": "Zagreb"}}, "thoughtSignature": "S="},
            {"functionCall": {"name": "get_time", "args": {}}},
        ],
    }
    assert answered == {
        "role": "user",
        "parts": [
            {"functionResponse": {"id": "a", "name": "get_weather", "response": {"output": "sunny"}}},
            {"functionResponse": {"name": "get_time", "response": {"hour": 9}}},
        ],
    }


def test_a_failed_tool_and_its_media_have_their_places(body_of) -> None:
    parts = (TextPart(text="no"), ImagePart(data=PNG, media_type="image/png"))
    turns = tool_turns(Message(role="tool", tool_call_id="a", content=parts, is_error=True))
    image = {"inlineData": {"mimeType": "image/png", "data": PNG}}
    result = {"id": "a", "name": "get_weather", "response": {"error": "no"}}
    assert body_of(turns)["contents"][-1]["parts"] == [{"functionResponse": {**result, "parts": [image]}}]
    older = body_of(turns, model="gemini-2.5-flash")["contents"][-1]["parts"]
    assert older == [{"functionResponse": result}, image]


def test_a_result_of_an_unknown_call_needs_a_name(body_of) -> None:
    orphan = Message(role="tool", tool_call_id="x", content="1")
    with pytest.raises(backbay.InvalidRequestError, match=r"messages\[1\].*'x'"):
        body_of([Message(role="user", content="?"), orphan])
    named = body_of([Message(role="user", content="?"), orphan.model_copy(update={"name": "get_time"})])
    assert named["contents"][1]["parts"][0]["functionResponse"]["name"] == "get_time"


def test_media_go_inline_or_by_uri(body_of, vertex_codec) -> None:
    parts = (
        ImagePart(data=PNG, media_type="image/png", detail="low"),
        ImagePart(url="https://acme.example/a.jpg?x=1"),
        AudioPart(data="UklG", format="wav"),
        FilePart(data="JVBE", filename="a.pdf"),
        FilePart(url="gs://acme/film.mp4"),
        FilePart(file_id="files/abc", media_type="video/mp4"),
    )
    files = "https://generativelanguage.googleapis.com/v1beta/files/abc"
    assert body_of([Message(role="user", content=parts)])["contents"][0]["parts"] == [
        {"inlineData": {"mimeType": "image/png", "data": PNG}, "mediaResolution": {"level": "MEDIA_RESOLUTION_LOW"}},
        {"fileData": {"fileUri": "https://acme.example/a.jpg?x=1", "mimeType": "image/jpeg"}},
        {"inlineData": {"mimeType": "audio/wav", "data": "UklG"}},
        {"inlineData": {"mimeType": "application/pdf", "data": "JVBE"}},
        {"fileData": {"fileUri": "gs://acme/film.mp4", "mimeType": "video/mp4"}},
        {"fileData": {"fileUri": files, "mimeType": "video/mp4"}},
    ]
    with pytest.raises(backbay.UnsupportedError, match="gs://"):
        body_of([Message(role="user", content=parts[-1:])], by=vertex_codec)
    with pytest.raises(backbay.InvalidRequestError, match=r"messages\[0\].*media_type"):
        body_of([Message(role="user", content=(FilePart(data="AAAA"),))])
    with pytest.raises(backbay.UnsupportedError, match="cites"):
        body_of([Message(role="user", content=(FilePart(url="gs://a/b.pdf", citations=True),))])


def kept(**values: object) -> dict[str, object]:
    return {"google": values}


def test_what_the_vendor_signed_goes_back_in_the_very_part(body_of) -> None:
    code = {"executableCode": {"language": "PYTHON", "code": "1"}, "thoughtSignature": "C="}
    content = (
        ThinkingPart(text="ab", opaque=kept(thoughtSignature="T=", chars=1)),
        ThinkingPart(text="", opaque=kept(part=code)),
        TextPart(text="\nanswer"),
        ThinkingPart(text="", opaque=kept(thoughtSignature="A=", chars=6)),
        ThinkingPart(text="", opaque=kept(thoughtSignature="E=", chars=0)),
        ThinkingPart(text="unsigned"),
        ThinkingPart(text="of another", opaque={"anthropic": {"signature": "X"}}),
    )
    stored = Message.model_validate_json(Message(role="assistant", content=content).model_dump_json())
    said = body_of([Message(role="user", content="?"), stored, Message(role="user", content="!")])["contents"][1]
    assert said["parts"] == [
        {"text": "a", "thought": True},
        {"text": "b", "thought": True, "thoughtSignature": "T="},
        code,
        {"text": "\n"},
        {"text": "answer", "thoughtSignature": "A="},
        {"text": "", "thoughtSignature": "E="},
    ]


def test_parts_that_came_after_a_call_go_back_after_it(body_of) -> None:
    response = {"toolResponse": {"id": "t"}, "thoughtSignature": "R="}
    turn = Message(
        role="assistant",
        content=(ThinkingPart(text="", opaque=kept(part=response, calls=1)),),
        tool_calls=(ToolCall(id="a", name="f", arguments={}), ToolCall(id="b", name="f", arguments={})),
    )
    parts = body_of([Message(role="user", content="?"), turn])["contents"][1]["parts"]
    assert [next(iter(part)) for part in parts] == ["functionCall", "toolResponse", "functionCall"]


def test_calls_of_another_vendor_are_marked_only_where_it_is_asked_for(body_of, codec) -> None:
    turns = [Message(role="user", content="?"), Message(role="assistant", tool_calls=(ToolCall(id="a", name="f"),))]
    assert "thoughtSignature" not in body_of(turns)["contents"][1]["parts"][0]
    marking = Gemini(backbay.resolve("google"), {"mark_unsigned": True})
    part = body_of(turns, by=marking)["contents"][1]["parts"][0]
    assert part["thoughtSignature"] == "skip_thought_signature_validator"


@pytest.mark.parametrize(
    ("model", "reasoning", "config"),
    [
        ("gemini-3.5-flash", "low", {"thinkingLevel": "low", "includeThoughts": True}),
        ("gemini-3.5-flash", 500, {"thinkingBudget": 500, "includeThoughts": True}),
        ("gemini-3.5-flash", "none", {"thinkingBudget": 0}),
        ("models/gemini-2.5-pro", "medium", {"thinkingBudget": 8192, "includeThoughts": True}),
        ("gemini-2.5-pro", 0, {"thinkingBudget": 0}),
    ],
)
def test_thinking_is_asked_for_as_the_model_knows_it(body_of, model: str, reasoning, config) -> None:
    assert body_of("?", model=model, reasoning=reasoning)["generationConfig"] == {"thinkingConfig": config}


def test_an_effort_without_a_budget_is_refused(body_of) -> None:
    with pytest.raises(backbay.UnsupportedError, match="xhigh"):
        body_of("?", model="gemini-2.5-pro", reasoning="xhigh")


def test_tools_of_both_kinds_keep_their_order_and_choices_their_forms(body_of) -> None:
    tools = [HostedTool(definition={"googleSearch": {}}), WEATHER]
    body = body_of(
        "?", tools=tools, tool_choice="get_weather", extra={"toolConfig": {"includeServerSideToolInvocations": True}}
    )
    declared = {"name": "get_weather", "parametersJsonSchema": WEATHER["parameters"]}
    assert body["tools"] == [{"googleSearch": {}}, {"functionDeclarations": [declared]}]
    assert body["toolConfig"] == {
        "functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["get_weather"]},
        "includeServerSideToolInvocations": True,
    }
    for choice, mode in (("auto", "AUTO"), ("none", "NONE"), ("required", "ANY")):
        config = body_of("?", tools=[WEATHER], tool_choice=choice)["toolConfig"]["functionCallingConfig"]
        assert config == {"mode": mode}
    strict = body_of("?", tools=[{**WEATHER, "strict": True}])
    assert strict["toolConfig"] == {"functionCallingConfig": {"mode": "VALIDATED"}}
    with pytest.raises(backbay.UnsupportedError, match="Google runs"):
        body_of("?", tools=tools, tool_choice="googleSearch")


def test_older_schema_fields_can_be_had(body_of) -> None:
    older = Gemini(backbay.resolve("google"), {"json_schema": False})
    body = body_of("?", by=older, tools=[WEATHER], response_format={"type": "object"})
    assert body["tools"][0]["functionDeclarations"][0]["parameters"] == WEATHER["parameters"]
    assert body["generationConfig"] == {"responseMimeType": "application/json", "responseSchema": {"type": "object"}}
    with pytest.raises(backbay.ConfigurationError, match="thinking"):
        Gemini(backbay.resolve("google"), {"thinking": "deep"})


def test_extra_goes_beside_what_options_say_and_never_over_it(body_of) -> None:
    extra = {"cachedContent": "cachedContents/x", "generationConfig": {"candidateCount": 2, "topK": 4}}
    body = body_of("?", temperature=0.0, stop=["a"], extra=extra)
    assert body["cachedContent"] == "cachedContents/x"
    assert body["generationConfig"] == {"temperature": 0.0, "stopSequences": ["a"], "candidateCount": 2, "topK": 4}
    for wrong in ({"generationConfig": {"temperature": 1}}, {"contents": []}, {"generation_config": {}}):
        with pytest.raises(backbay.OptionConflictError):
            body_of("?", extra=wrong)
    with pytest.raises(backbay.OptionConflictError, match="object"):
        body_of("?", extra={"generationConfig": 3})


def test_what_has_no_place_is_refused_with_its_place(body_of) -> None:
    malformed = ToolCall(id="a", name="f", raw_arguments='{"x": ')
    with pytest.raises(backbay.InvalidRequestError, match=r"messages\[1\]"):
        body_of([Message(role="user", content="?"), Message(role="assistant", tool_calls=(malformed,))])
    with pytest.raises(backbay.UnsupportedError, match=r"messages\[0\].*name"):
        body_of([Message(role="user", content="?", name="Ana")])
    with pytest.raises(backbay.UnsupportedError, match="one call"):
        body_of("?", tools=[WEATHER], parallel_tool_calls=False)


def test_the_model_stands_in_the_address(codec, body_of) -> None:
    from backbay.limits import NO_LIMITS
    from backbay.request import build_request

    def path(model: str | None, *, stream: bool = False) -> str:
        return codec.encode(build_request("?", {}, limits=NO_LIMITS, model=model), stream=stream).path

    assert path("models/gemini-3.5-flash") == "models/gemini-3.5-flash:generateContent"
    assert path("tunedModels/mine", stream=True) == "tunedModels/mine:streamGenerateContent?alt=sse"
    assert path("a/../b") == "models/a%2F..%2Fb:generateContent"
    with pytest.raises(backbay.InvalidRequestError, match="model="):
        path(None)


def test_a_prompt_is_counted_with_its_system_message_and_tools(codec, vertex_codec) -> None:
    from backbay.limits import NO_LIMITS
    from backbay.request import build_request

    request = build_request(
        "?", {"system": "S", "tools": [WEATHER], "temperature": 1}, limits=NO_LIMITS, model="gemini-x"
    )
    sent = codec.encode_count(request)
    prompt = json.loads(sent.body)["generateContentRequest"]
    assert sent.path == "models/gemini-x:countTokens"
    assert set(prompt) == {"model", "systemInstruction", "contents", "tools"}
    assert set(json.loads(vertex_codec.encode_count(request).body)) == {"systemInstruction", "contents", "tools"}
