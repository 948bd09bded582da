"""What is asked for stands in Bedrock's own form, and what has no place there is refused before anything is sent."""

from __future__ import annotations

import base64
import json

import pytest

from backbay import Message, OptionConflictError, UnsupportedError
from backbay.errors import InvalidRequestError
from backbay.limits import NO_LIMITS
from backbay.messages import AudioPart, FilePart, HostedTool, ImagePart, TextPart, ThinkingPart, ToolCall, ToolSpec
from backbay.request import build_request
from backbay_bedrock.backend import control_address
from backbay_bedrock.models import split_id

TOOL = ToolSpec(name="look", description="Look.", parameters={"type": "object", "properties": {}}, cache="1h")
CALL = ToolCall(id="t1", name="look", arguments={"at": 1})
PDF = base64.b64encode(b"%PDF-1.4 acme").decode()


def user(*parts) -> Message:
    return Message(role="user", content=parts)


@pytest.mark.parametrize(
    ("model", "found"),
    [
        ("anthropic.claude-sonnet-5", ("anthropic", "claude-sonnet-5")),
        ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", ("anthropic", "claude-sonnet-4-5-20250929-v1:0")),
        ("us-gov.anthropic.claude-3-haiku", ("anthropic", "claude-3-haiku")),
        ("deepseek.v3.2", ("deepseek", "v3.2")),
        ("arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-lite-v1:0", ("amazon", "nova-lite-v1:0")),
        ("arn:aws:bedrock:eu-west-1:1:inference-profile/eu.meta.llama3-2-1b", ("meta", "llama3-2-1b")),
        ("arn:aws:bedrock:eu-west-1:1:application-inference-profile/ab12", ("", "ab12")),
        (None, ("", "")),
    ],
)
def test_an_id_says_who_made_the_model(model: str | None, found: tuple[str, str]) -> None:
    assert split_id(model) == found


@pytest.mark.parametrize("operation", ["converse", "converse-stream"])
def test_the_model_is_encoded_in_the_path(codec, operation: str) -> None:
    model = "arn:aws:bedrock:eu-west-1:1:inference-profile/eu.amazon.nova-lite-v1:0"
    request = build_request("Hi", {}, limits=NO_LIMITS, model=model)
    path = codec.encode(request, stream=operation != "converse").path
    encoded = "arn%3Aaws%3Abedrock%3Aeu-west-1%3A1%3Ainference-profile%2Feu.amazon.nova-lite-v1%3A0"
    assert path == f"model/{encoded}/{operation}"


def test_a_conversation_with_tools_is_written_as_converse_has_it(body_of) -> None:
    """M4, A11: neighbours are one turn, results stand together, a cache point stands behind its part."""
    result = Message(
        role="tool", tool_call_id="t1", is_error=True, content=(ImagePart(data="aGk=", media_type="image/png"),)
    )
    second = Message(role="tool", tool_call_id="t2", content=(TextPart(text="ok", cache="5m"),))
    messages = [
        Message(role="system", content=(TextPart(text="Be brief.", cache="1h"),)),
        user(TextPart(text="Hi")),
        Message(role="assistant", content="Well", tool_calls=(CALL, CALL.model_copy(update={"id": "t2"}))),
        result,
        second,
        Message(role="user", content="And?"),
    ]
    search = HostedTool(definition={"systemTool": {"name": "nova_grounding"}})
    body = body_of(
        messages, tools=[TOOL, search], tool_choice="required", max_tokens=5, temperature=0.0, top_p=0.5, stop="x"
    )
    assert body == {
        "system": [{"text": "Be brief."}, {"cachePoint": {"type": "default", "ttl": "1h"}}],
        "messages": [
            {"role": "user", "content": [{"text": "Hi"}]},
            {
                "role": "assistant",
                "content": [
                    {"text": "Well"},
                    {"toolUse": {"toolUseId": "t1", "name": "look", "input": {"at": 1}}},
                    {"toolUse": {"toolUseId": "t2", "name": "look", "input": {"at": 1}}},
                ],
            },
            {
                "role": "user",
                "content": [
                    {
                        "toolResult": {
                            "toolUseId": "t1",
                            "content": [{"image": {"format": "png", "source": {"bytes": "aGk="}}}],
                            "status": "error",
                        }
                    },
                    {"toolResult": {"toolUseId": "t2", "content": [{"text": "ok"}]}},
                    {"cachePoint": {"type": "default"}},
                    {"text": "And?"},
                ],
            },
        ],
        "inferenceConfig": {"maxTokens": 5, "temperature": 0.0, "topP": 0.5, "stopSequences": ["x"]},
        "toolConfig": {
            "tools": [
                {
                    "toolSpec": {
                        "name": "look",
                        "description": "Look.",
                        "inputSchema": {"json": {"type": "object", "properties": {}}},
                    }
                },
                {"cachePoint": {"type": "default", "ttl": "1h"}},
                {"systemTool": {"name": "nova_grounding"}},
            ],
            "toolChoice": {"any": {}},
        },
    }


def test_media_become_the_blocks_of_their_kind(body_of) -> None:
    parts = (
        FilePart(data=PDF, filename="The report, 2026.pdf", citations=True),
        FilePart(data=PDF, filename="The report, 2026.pdf"),
        FilePart(data="aGk=", media_type="text/plain", filename="notes.txt", citations=True),
        FilePart(data="aGk=", media_type="text/x-python"),
        FilePart(url="s3://acme/film.mp4"),
        FilePart(data="aGk=", media_type="image/webp"),
        ImagePart(url="s3://acme/cat.jpg"),
        AudioPart(data="aGk=", format="wav"),
    )
    content = body_of([user(*parts)])["messages"][0]["content"]
    assert content == [
        {
            "document": {
                "format": "pdf",
                "name": "The report- 2026",
                "source": {"bytes": PDF},
                "citations": {"enabled": True},
            }
        },
        {"document": {"format": "pdf", "name": "The report- 2026-2", "source": {"bytes": PDF}}},
        {"document": {"format": "txt", "name": "notes", "source": {"text": "hi"}, "citations": {"enabled": True}}},
        {"document": {"format": "txt", "name": "document", "source": {"bytes": "aGk="}}},
        {"video": {"format": "mp4", "source": {"s3Location": {"uri": "s3://acme/film.mp4"}}}},
        {"image": {"format": "webp", "source": {"bytes": "aGk="}}},
        {"image": {"format": "jpeg", "source": {"s3Location": {"uri": "s3://acme/cat.jpg"}}}},
        {"audio": {"format": "wav", "source": {"bytes": "aGk="}}},
    ]


@pytest.mark.parametrize(
    ("part", "kind"),
    [
        (ImagePart(url="https://acme.example/cat.png"), UnsupportedError),
        (ImagePart(data="aGk=", media_type="image/png", detail="low"), UnsupportedError),
        (ImagePart(data="aGk=", media_type="image/tiff"), InvalidRequestError),
        (FilePart(file_id="f1"), UnsupportedError),
        (FilePart(data="aGk=", media_type="application/zip"), InvalidRequestError),
        (FilePart(data="aGk="), InvalidRequestError),
        (FilePart(data="_", media_type="text/plain", citations=True), InvalidRequestError),
        (ThinkingPart(text="hm"), InvalidRequestError),
    ],
)
def test_what_bedrock_does_not_take_is_refused_by_the_messages_number(body_of, part, kind: type) -> None:
    with pytest.raises(kind, match=r"messages\[0\]"):
        body_of([user(part)])


@pytest.mark.parametrize(
    ("model", "wanted", "fields", "effort"),
    [
        (
            "anthropic.claude-3-7-sonnet-20250219-v1:0",
            2000,
            {"thinking": {"type": "enabled", "budget_tokens": 2000}},
            None,
        ),
        (
            "anthropic.claude-sonnet-4-20250514-v1:0",
            "low",
            {"thinking": {"type": "enabled", "budget_tokens": 2048}},
            None,
        ),
        (
            "anthropic.claude-sonnet-4-20250514-v1:0",
            "high",
            {"thinking": {"type": "enabled", "budget_tokens": 3000}},
            None,
        ),
        ("us.anthropic.claude-sonnet-5", "high", {"thinking": {"type": "adaptive"}}, "high"),
        ("us.anthropic.claude-opus-4-6-v1", 1500, {"thinking": {"type": "enabled", "budget_tokens": 1500}}, None),
        ("us.anthropic.claude-sonnet-5", "none", {"thinking": {"type": "disabled"}}, None),
        (
            "us.amazon.nova-2-lite-v1:0",
            "low",
            {"reasoningConfig": {"type": "enabled", "maxReasoningEffort": "low"}},
            None,
        ),
        ("us.amazon.nova-2-lite-v1:0", "none", {"reasoningConfig": {"type": "disabled"}}, None),
        ("qwen.qwen3-32b-v1:0", "high", {"reasoning_config": "high"}, None),
        ("openai.gpt-oss-120b-1:0", "medium", {"reasoning_effort": "medium"}, None),
        (
            "arn:aws:bedrock:e:1:application-inference-profile/a",
            1024,
            {"thinking": {"type": "enabled", "budget_tokens": 1024}},
            None,
        ),
    ],
)
def test_each_family_is_asked_to_think_in_its_own_fields(body_of, model: str, wanted, fields: dict, effort) -> None:
    body = body_of("Hi", model=model, reasoning=wanted, max_tokens=4000)
    assert body["additionalModelRequestFields"] == fields
    assert body.get("outputConfig") == (None if effort is None else {"effort": effort})


@pytest.mark.parametrize(
    ("model", "wanted", "words"),
    [
        ("us.anthropic.claude-sonnet-5", 2000, "no reasoning budget"),
        ("us.anthropic.claude-sonnet-5", "minimal", "least is 'low'"),
        ("openai.gpt-oss-120b-1:0", "none", "no effort 'none'"),
        ("us.amazon.nova-2-lite-v1:0", 2000, "no reasoning budget"),
        ("meta.llama3-8b-instruct-v1:0", "low", "additionalModelRequestFields"),
        ("amazon.nova-lite-v1:0", "low", "additionalModelRequestFields"),
    ],
)
def test_thinking_that_a_model_cannot_be_asked_for_is_refused(body_of, model: str, wanted, words: str) -> None:
    with pytest.raises(UnsupportedError, match=words):
        body_of("Hi", model=model, reasoning=wanted)


def test_extra_joins_the_fields_that_backbay_writes_too(body_of) -> None:
    extra = {"additionalModelRequestFields": {"top_k": 5}, "guardrailConfig": {"guardrailIdentifier": "g"}}
    body = body_of("Hi", reasoning=1024, extra=extra)
    assert body["additionalModelRequestFields"] == {
        "thinking": {"type": "enabled", "budget_tokens": 1024},
        "top_k": 5,
    }
    assert body["guardrailConfig"] == {"guardrailIdentifier": "g"}
    with pytest.raises(OptionConflictError, match="additionalModelRequestFields"):
        body_of("Hi", reasoning=1024, extra={"additionalModelRequestFields": {"thinking": {}}})
    with pytest.raises(OptionConflictError, match="inferenceConfig"):
        body_of("Hi", extra={"inferenceConfig": {}})


def test_a_schema_is_sent_as_text(body_of) -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string"}}}
    form = body_of("Hi", response_format=schema)["outputConfig"]["textFormat"]
    assert form["type"] == "json_schema"
    # Claude wants objects to be closed; other models get the schema as it is.
    assert json.loads(form["structure"]["jsonSchema"]["schema"]) == {**schema, "additionalProperties": False}
    form = body_of("Hi", model="deepseek.v3.2", response_format=schema)["outputConfig"]["textFormat"]
    assert json.loads(form["structure"]["jsonSchema"]["schema"]) == schema
    with pytest.raises(UnsupportedError, match="schema"):
        body_of("Hi", response_format={"type": "json_object"})


def test_tools_are_forbidden_by_not_offering_them_or_in_claudes_own_words(body_of) -> None:
    called = [
        user(TextPart(text="Hi")),
        Message(role="assistant", tool_calls=(CALL,)),
        Message(role="tool", tool_call_id="t1", content="ok"),
    ]
    assert "toolConfig" not in body_of("Hi", tools=[TOOL], tool_choice="none")
    body = body_of(called, tools=[TOOL], tool_choice="none")
    assert body["additionalModelRequestFields"] == {"tool_choice": {"type": "none"}}
    assert "toolChoice" not in body["toolConfig"]
    with pytest.raises(UnsupportedError, match="tool_choice"):
        body_of(called, tools=[TOOL], tool_choice="none", model="amazon.nova-lite-v1:0")


def test_one_call_at_a_time_is_asked_in_claudes_own_words(body_of) -> None:
    body = body_of("Hi", tools=[TOOL], parallel_tool_calls=False)
    assert body["additionalModelRequestFields"] == {"tool_choice": {"type": "auto", "disable_parallel_tool_use": True}}
    body = body_of("Hi", tools=[TOOL], parallel_tool_calls=False, tool_choice="look")
    assert body["toolConfig"]["toolChoice"] == {"tool": {"name": "look"}}
    assert body["additionalModelRequestFields"] == {"tool_choice": {"disable_parallel_tool_use": True}}
    with pytest.raises(UnsupportedError, match="parallel_tool_calls"):
        body_of("Hi", tools=[TOOL], parallel_tool_calls=False, model="amazon.nova-lite-v1:0")


def test_counting_has_the_prompt_in_the_wires_form(codec, invoke) -> None:
    request = build_request(
        "Hi", {"max_tokens": 5, "tools": [TOOL]}, limits=NO_LIMITS, model="anthropic.claude-sonnet-5"
    )
    sent = codec.encode_count(request)
    assert sent.path == "model/anthropic.claude-sonnet-5/count-tokens"
    assert json.loads(sent.body)["input"]["converse"].keys() == {"messages", "toolConfig"}
    counted = json.loads(invoke.encode_count(request).body)["input"]["invokeModel"]["body"]
    assert json.loads(base64.b64decode(counted))["anthropic_version"] == "bedrock-2023-05-31"
    assert codec.decode_count(b'{"inputTokens": 7}') == invoke.decode_count(b'{"inputTokens": 7}') == 7


@pytest.mark.parametrize(
    ("model", "body"),
    [
        ("ai21.j2-mid-v1", {"prompt": "Hi", "maxTokens": 5, "temperature": 0.5, "stopSequences": ["x"]}),
        (
            "amazon.titan-text-lite-v1",
            {
                "inputText": "Hi",
                "textGenerationConfig": {"maxTokenCount": 5, "temperature": 0.5, "stopSequences": ["x"]},
            },
        ),
        ("cohere.command-r-v1:0", {"message": "Hi", "max_tokens": 5, "temperature": 0.5, "stop_sequences": ["x"]}),
        ("mistral.mistral-7b-instruct-v0:2", {"prompt": "Hi", "max_tokens": 5, "temperature": 0.5, "stop": ["x"]}),
        (
            "us.mistral.pixtral-large-2502-v1:0",
            {"messages": [{"role": "user", "content": "Hi"}], "max_tokens": 5, "temperature": 0.5, "stop": ["x"]},
        ),
        (
            "amazon.nova-lite-v1:0",
            {
                "schemaVersion": "messages-v1",
                "messages": [{"role": "user", "content": [{"text": "Hi"}]}],
                "inferenceConfig": {"maxTokens": 5, "temperature": 0.5, "stopSequences": ["x"]},
            },
        ),
        (
            "eu.anthropic.claude-haiku-4-5-20251001-v1:0",
            {
                "anthropic_version": "bedrock-2023-05-31",
                "messages": [{"role": "user", "content": "Hi"}],
                "max_tokens": 5,
                "temperature": 0.5,
                "stop_sequences": ["x"],
            },
        ),
    ],
)
def test_invoke_has_each_models_own_form(body_of, invoke, model: str, body: dict) -> None:
    assert body_of("Hi", by=invoke, model=model, max_tokens=5, temperature=0.5, stop=["x"]) == body


@pytest.mark.parametrize(
    ("model", "options"),
    [
        ("meta.llama3-8b-instruct-v1:0", {"stop": ["x"]}),
        ("ai21.j2-mid-v1", {"tools": [TOOL]}),
        ("ai21.j2-mid-v1", {"system": "Be brief."}),
        ("twelvelabs.pegasus-1-2-v1:0", {}),
        ("amazon.nova-2-lite-v1:0", {"reasoning": "low"}),
    ],
)
def test_what_a_models_own_form_has_no_place_for_is_refused(body_of, invoke, model: str, options: dict) -> None:
    with pytest.raises(UnsupportedError, match="bedrock_converse"):
        body_of(
            [
                *([Message(role="system", content=options.pop("system"))] if "system" in options else []),
                user(TextPart(text="Hi")),
            ],
            by=invoke,
            model=model,
            **options,
        )


@pytest.mark.parametrize(
    ("runtime", "control"),
    [
        ("https://bedrock-runtime.eu-west-1.amazonaws.com", "https://bedrock.eu-west-1.amazonaws.com"),
        ("https://bedrock-runtime-fips.us-east-1.amazonaws.com", "https://bedrock-fips.us-east-1.amazonaws.com"),
        ("https://bedrock-runtime.cn-north-1.amazonaws.com.cn", "https://bedrock.cn-north-1.amazonaws.com.cn"),
        ("http://127.0.0.1:8080/v1", "http://127.0.0.1:8080/v1"),
        ("https://bedrock-runtime.acme.example", "https://bedrock-runtime.acme.example"),
    ],
)
def test_models_are_listed_by_the_control_plane_beside_the_runtime(runtime: str, control: str) -> None:
    assert control_address(runtime) == control
