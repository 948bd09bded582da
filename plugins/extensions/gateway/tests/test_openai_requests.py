"""Requests of OpenAI's clients: every documented field is read or refused by name, and no other gets through."""

from __future__ import annotations

import typing
from typing import Any

import pytest
from openai.types import completion_create_params, embedding_create_params
from openai.types.chat import completion_create_params as chat_params

from backbay.errors import BackbayError, InvalidRequestError, UnsupportedError
from backbay.messages import AudioPart, FilePart, ImagePart, TextPart, ThinkingPart, ToolSpec
from backbay_gateway.dialects import completions, embeddings
from backbay_gateway.dialects.openai_chat import DIALECT
from backbay_gateway.dialects.openai_chat_request import HINTS, KNOWN, VENDOR_FIELDS, refuse_vendor_fields
from backbay_gateway.dialects.openai_fields import FORBIDDEN, refuse_forbidden

HI: dict[str, Any] = {"model": "local:tiny", "messages": [{"role": "user", "content": "Hi"}]}
LOOK = {"type": "function", "function": {"name": "look", "description": "Looks.", "parameters": {"type": "object"}}}
NOW = {"type": "function", "function": {"name": "now"}}


def read(**more: Any) -> Any:
    """Read a request with more fields."""
    return DIALECT.read(HI | more)


def message(**fields: Any) -> Any:
    """Read a request's one message."""
    return read(messages=[fields]).messages[0]


def user(*parts: Any) -> Any:
    """Read one user message's parts."""
    return message(role="user", content=list(parts)).content


def refused(**more: Any) -> Any:
    """Return the error that a request with more fields is refused with."""
    with pytest.raises((InvalidRequestError, UnsupportedError)) as caught:
        read(**more)
    return caught.value


def _documented(*kinds: type) -> set[str]:
    return {name for kind in kinds for name in typing.get_type_hints(kind)}


def test_every_field_that_openai_documents_is_known_and_no_other():
    chat = _documented(chat_params.CompletionCreateParamsNonStreaming, chat_params.CompletionCreateParamsStreaming)
    assert chat == KNOWN
    legacy = (
        completion_create_params.CompletionCreateParamsNonStreaming,
        completion_create_params.CompletionCreateParamsStreaming,
    )
    assert _documented(*legacy) == completions.KNOWN
    for name in _documented(embedding_create_params.EmbeddingCreateParams) - {"model", "input"}:
        embeddings.DIALECT.read({"model": "m", "input": "x", name: None})


def test_a_null_is_as_good_as_nothing():
    assert read(**dict.fromkeys(KNOWN - HI.keys())).options == {}


def test_an_unknown_field_is_refused_with_the_nearest_name():
    error = refused(temprature=1)
    assert (error.param, error.code) == ("temprature", "unknown_parameter")
    assert "'temperature'" in str(error)
    assert refused(messages=[{"role": "user", "content": "x", "contents": 1}]).param == "messages[0].contents"
    assert refused(messages=[{"role": "user", "content": [{"type": "text", "txt": "x"}]}]).param == (
        "messages[0].content[0].txt"
    )


@pytest.mark.parametrize(
    "name", ["api_base", "base_url", "API-Key", "extra_headers", "headers", "organization", "proxy"]
)
def test_where_a_request_goes_and_as_whom_is_not_for_clients(name):
    error = refused(**{name: "x"})
    assert "not for clients" in error.message
    assert "configuration" in error.hint
    for body in ({"a": {name: 1}}, {"a": [{"b": {name: 1}}]}):
        with pytest.raises(InvalidRequestError, match="not for clients"):
            refuse_forbidden(body, deep=True)
    assert refused(web_search_options={"filters": [{name: "x"}]}).message


def test_no_documented_field_counts_as_forbidden():
    assert not {name.replace("_", "") for name in KNOWN | completions.KNOWN} & FORBIDDEN


@pytest.mark.parametrize("name", HINTS)
def test_what_changes_nothing_in_the_answer_is_read_and_left_out(name):
    value: Any = {"metadata": {"a": "b"}, "prompt_cache_options": {"mode": "explicit"}, "prompt_cache_retention": "24h"}
    assert read(**{name: value.get(name, "someone")}).options == {}
    assert refused(**{name: 5}).param == name


@pytest.mark.parametrize(
    ("more", "param"),
    [
        ({"n": 2}, "n"),
        ({"store": True}, "store"),
        ({"service_tier": "priority"}, "service_tier"),
        ({"functions": []}, "functions"),
        ({"function_call": "auto"}, "function_call"),
        ({"stream": True, "stream_options": {"include_obfuscation": True}}, "stream_options.include_obfuscation"),
        ({"tools": [{"type": "custom", "custom": {"name": "x"}}]}, "tools[0].type"),
        ({"tools": [LOOK], "tool_choice": {"type": "custom", "custom": {"name": "x"}}}, "tool_choice"),
        ({"messages": [{"role": "function", "name": "f", "content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": "assistant", "audio": {"id": "x"}}]}, "messages[0].audio"),
        (
            {
                "messages": [
                    {
                        "role": "user",
                        "content": [{"type": "image_url", "image_url": {"url": "data:,", "detail": "original"}}],
                    }
                ]
            },
            "messages[0].content[0].image_url.detail",
        ),
    ],
)
def test_what_cannot_be_carried_is_unsupported_by_name(more, param):
    error = refused(**more)
    assert isinstance(error, UnsupportedError)
    assert (error.param, error.code) == (param, "unsupported_parameter")


@pytest.mark.parametrize(
    ("more", "param"),
    [
        ({"model": None}, "model"),
        ({"model": ""}, "model"),
        ({"model": "a/../b"}, "model"),
        ({"messages": None}, "messages"),
        ({"messages": []}, "messages"),
        ({"messages": "Hi"}, "messages"),
        ({"messages": ["Hi"]}, "messages[0]"),
        ({"messages": [{"content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": "usr", "content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": "user"}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": []}]}, "messages[0].content"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "messages[0].tool_call_id"),
        ({"messages": [{"role": "system", "content": [{"type": "image_url"}]}]}, "messages[0].content[0].type"),
        ({"temperature": -1}, "temperature"),
        ({"temperature": float("nan")}, "temperature"),
        ({"temperature": True}, "temperature"),
        ({"top_p": 1.5}, "top_p"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_tokens": 1.5}, "max_tokens"),
        ({"max_tokens": 5, "max_completion_tokens": 5}, "max_tokens"),
        ({"n": 0}, "n"),
        ({"seed": "x"}, "seed"),
        ({"stop": [1]}, "stop"),
        ({"stop": ""}, "stop"),
        ({"stream": "yes"}, "stream"),
        ({"stream_options": {"include_usage": True}}, "stream_options"),
        ({"top_logprobs": 2}, "top_logprobs"),
        ({"logit_bias": {"5": 1000}}, "logit_bias.5"),
        ({"reasoning_effort": "hgh"}, "reasoning_effort"),
        ({"tools": [LOOK, LOOK]}, "tools"),
        ({"tools": [{"function": {}}]}, "tools[0].function.name"),
        ({"tools": [{"type": "web_search"}]}, "tools[0].type"),
        ({"tool_choice": "required"}, "tool_choice"),
        (
            {"tools": [LOOK], "tool_choice": {"type": "function", "function": {"name": "no"}}},
            "tool_choice.function.name",
        ),
        ({"response_format": {"type": "json_schema"}}, "response_format.json_schema"),
        (
            {"response_format": {"type": "json_schema", "json_schema": {"name": "x"}}},
            "response_format.json_schema.schema",
        ),
        (
            {"response_format": {"type": "json_schema", "json_schema": {"name": "a b", "schema": {}}}},
            "response_format.json_schema.name",
        ),
    ],
)
def test_what_is_wrong_is_refused_by_name_before_anything_is_sent(more, param):
    error = refused(**more)
    assert isinstance(error, InvalidRequestError)
    assert error.param == param
    assert param.partition("[")[0].partition(".")[0] in error.message or param == "model"


def test_a_body_that_is_no_object_is_refused():
    for dialect in (DIALECT, completions.DIALECT, embeddings.DIALECT):
        with pytest.raises(InvalidRequestError, match="object"):
            dialect.read([])  # type: ignore[arg-type]


def test_images_come_as_data_and_by_https_only():
    data, remote = user(
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA", "detail": "low"}},
        {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}},
    )
    assert data == ImagePart(data="AAAA", media_type="image/png", detail="low")
    assert remote == ImagePart(url="https://example.com/a.png")
    for url in ("http://127.0.0.1/a.png", "file:///etc/passwd", "a.png", "data:image/png,AAAA"):
        part = {"type": "image_url", "image_url": {"url": url}}
        assert refused(messages=[{"role": "user", "content": [part]}]).param.startswith("messages[0].content[0]")


def test_sound_and_files_become_parts():
    parts = user(
        {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}},
        {"type": "file", "file": {"file_data": "data:text/plain;base64,AAAA", "filename": "a.txt"}},
        {"type": "file", "file": {"file_id": "file-1"}},
        {"type": "file", "file": {"file_data": "AAAA"}},
        {"type": "file", "file": {"file_data": "https://example.com/a.pdf"}},
    )
    assert parts == (
        AudioPart(data="AAAA", format="wav"),
        FilePart(data="AAAA", media_type="text/plain", filename="a.txt"),
        FilePart(file_id="file-1"),
        FilePart(data="AAAA"),
        FilePart(url="https://example.com/a.pdf"),
    )
    both = {"type": "file", "file": {"file_data": "AAAA", "file_id": "file-1"}}
    assert refused(messages=[{"role": "user", "content": [both]}]).param == "messages[0].content[0].file"


def test_marks_of_what_to_cache_are_carried_in_both_forms():
    content = user(
        {"type": "text", "text": "a", "prompt_cache_breakpoint": {"mode": "explicit"}},
        {"type": "text", "text": "b", "cache_control": {"type": "ephemeral"}},
        {"type": "text", "text": "c", "cache_control": {"type": "ephemeral", "ttl": "1h"}},
    )
    assert [part.cache for part in content] == ["1h", "5m", "1h"]
    long = {"type": "text", "text": "a", "prompt_cache_breakpoint": {"mode": "explicit", "ttl": "12h"}}
    assert isinstance(refused(messages=[{"role": "user", "content": [long]}]), UnsupportedError)


def test_the_developer_speaks_as_the_system():
    assert message(role="developer", content="Be brief.").role == "system"


def test_what_answers_have_and_requests_have_not_is_taken_back():
    said = message(
        role="assistant",
        content=None,
        refusal="No.",
        reasoning_content="Hm.",
        annotations=[],
        audio=None,
        function_call=None,
        tool_calls=None,
    )
    assert said.content == (ThinkingPart(text="Hm."), TextPart(text="No."))
    assert message(role="assistant", content=[{"type": "refusal", "refusal": "No."}]).text == "No."


def test_what_is_not_sealed_here_does_not_go_to_a_backend():
    entry = {"type": "reasoning.text", "text": "Hm.", "signature": "bb1.e30.AAAA", "format": "backbay-v1"}
    call = {
        "id": "a",
        "type": "function",
        "function": {"name": "f", "arguments": "{}"},
        "extra_content": {"backbay": {"anthropic": {"x": 1}}, "google": {"thought_signature": "s"}},
    }
    said = message(role="assistant", content="x", reasoning_content="Hm.", reasoning_details=[entry], tool_calls=[call])
    assert said.content == (ThinkingPart(text="Hm."), TextPart(text="x"))
    assert said.tool_calls[0].opaque is None


def test_tools_and_every_form_of_their_choice():
    look = ToolSpec(name="look", description="Looks.", parameters={"type": "object"})
    # OpenAI passes over what else stands in a function (recorded), and so must this.
    odd = LOOK | {"function": {**LOOK["function"], "requires_confirmation": False}}  # type: ignore[dict-item]
    assert read(tools=[odd, NOW]).options["tools"] == (look, ToolSpec(name="now"))
    for choice in ("auto", "none", "required"):
        assert read(tools=[LOOK], tool_choice=choice).options["tool_choice"] == choice
    named = {"type": "function", "function": {"name": "now"}}
    assert read(tools=[LOOK, NOW], tool_choice=named).options["tool_choice"] == "now"
    allowed = {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [named]}}
    options = read(tools=[LOOK, NOW], tool_choice=allowed, parallel_tool_calls=False).options
    assert options == {"tools": (ToolSpec(name="now"),), "tool_choice": "required", "parallel_tool_calls": False}
    assert read(tools=[], tool_choice="auto", parallel_tool_calls=True).options == {}


def test_forms_of_the_answer():
    assert read(response_format={"type": "text"}).options == {}
    assert read(response_format={"type": "json_object"}).options["response_format"].schema_ is None
    inner = {"name": "answer", "schema": {"type": "object"}, "strict": True, "description": "It."}
    form = read(response_format={"type": "json_schema", "json_schema": inner}).options["response_format"]
    assert (form.name, form.schema_, form.strict, form.description) == ("answer", {"type": "object"}, True, "It.")


def test_sampling_is_carried():
    options = read(
        temperature=0, top_p=0.5, max_completion_tokens=5, stop="x", seed=-1, n=1, reasoning_effort="xhigh"
    ).options
    assert options == {
        "temperature": 0,
        "top_p": 0.5,
        "max_tokens": 5,
        "stop": ("x",),
        "seed": -1,
        "reasoning": "xhigh",
    }


def test_fields_of_this_wire_alone_go_by_extra_and_are_refused_at_other_wires():
    given: dict[str, Any] = {
        "frequency_penalty": 1,
        "presence_penalty": -1,
        "logit_bias": {"5": -100},
        "logprobs": True,
        "top_logprobs": 2,
        "verbosity": "low",
        "prediction": {"type": "content", "content": "x"},
        "modalities": ["text", "audio"],
        "audio": {"voice": "alloy", "format": "wav"},
        "web_search_options": {},
        "moderation": {"model": "m"},
    }
    assert given.keys() == set(VENDOR_FIELDS)
    ask = read(**given)
    assert ask.options == {"extra": given}
    refuse_vendor_fields(ask, "openai_chat")
    for wire in ("anthropic_messages", "openai_responses", None):
        with pytest.raises(UnsupportedError, match="frequency_penalty"):
            refuse_vendor_fields(ask, wire)


def test_the_documented_defaults_of_such_fields_are_for_any_wire():
    ask = read(
        frequency_penalty=0,
        presence_penalty=0.0,
        logit_bias={},
        logprobs=False,
        verbosity="medium",
        modalities=["text"],
        service_tier="auto",
        store=False,
    )
    assert ask.options == {}
    refuse_vendor_fields(ask, None)


def test_legacy_completions_refuse_what_only_makes_sense_where_a_text_is_continued():
    base: dict[str, Any] = {"model": "m", "prompt": "Once"}
    for name, value in {"echo": True, "suffix": "x", "best_of": 2, "logprobs": 1, "n": 2}.items():
        with pytest.raises(UnsupportedError) as caught:
            completions.DIALECT.read(base | {name: value})
        assert caught.value.param == name  # type: ignore[attr-defined]
    fine = {"echo": False, "suffix": None, "best_of": 1, "n": 1, "logit_bias": {}, "presence_penalty": 0}
    assert completions.DIALECT.read(base | fine).options == {"max_tokens": 16}
    for prompt, kind in [(["a", "b"], UnsupportedError), ([1, 2], UnsupportedError), ("", InvalidRequestError)]:
        with pytest.raises(kind) as caught_prompt:
            completions.DIALECT.read(base | {"prompt": prompt})
        assert caught_prompt.value.param == "prompt"


def test_embeddings_take_texts_and_refuse_token_numbers():
    for wrong, kind in [
        ([1], UnsupportedError),
        ([[1]], UnsupportedError),
        ("", InvalidRequestError),
        ([""], InvalidRequestError),
        ([], InvalidRequestError),
        (None, InvalidRequestError),
        (["x"] * 2049, InvalidRequestError),
    ]:
        with pytest.raises(kind) as caught:
            embeddings.DIALECT.read({"model": "m", "input": wrong})
        assert caught.value.param.startswith("input")


REFUSED = {
    "openai/chat/multi_choice/001": "n",
    "openai/chat/multi_choice/002": "n",
    "openai/chat/multi_choice_stream/001": "n",
    "openai/chat/multi_choice_stream/002": "n",
    "openai/chat/tools/002": "functions",
    "openai/completions/error_400/001": "temperature",
    "openai/completions/length/001": "n",
    "openai/completions/logprobs/001": "suffix",
    "openai/completions/multi_choice/001": "n",
    "openai/embeddings/embeddings/002": "input",
    "openai/embeddings/error_400/001": "dimensions",
}
"""Recorded requests that are refused, and the field: several answers, the form before tools, what only makes sense
where a text is continued, token numbers, and two that OpenAI itself refused."""


def test_recorded_requests_of_openais_clients_are_read(load_exchanges):
    dialects = {"chat": DIALECT, "completions": completions.DIALECT, "embeddings": embeddings.DIALECT}
    found, count = {}, 0
    for api, dialect in dialects.items():
        for exchange in load_exchanges(f"openai/{api}/**/*.json"):
            count += 1
            try:
                ask = dialect.read(exchange["request"]["json"])  # type: ignore[attr-defined]
            except BackbayError as error:
                found[exchange["id"]] = error.param  # type: ignore[attr-defined]
            else:
                assert ask.model == exchange["request"]["json"]["model"]
    assert (found, count) == (REFUSED, 69)
