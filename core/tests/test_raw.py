"""``complete_raw`` over HTTP: a text is continued as it is, and what belongs to a conversation is refused."""

import asyncio
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import backbay
from backbay.connecting import build
from backbay.folding import fold
from backbay.response import Finish, Response
from backbay.spec import BackendSpec
from backbay.testing import Pause, Reply, ScriptedServer
from backbay.testing.fake import FAKE_SPEC
from backbay.wires import completions as wire

PROMPT = 'Q: "čaj"?\r\nA: \t'
DONE = {
    "id": "cmpl-1",
    "object": "text_completion",
    "model": "m-2",
    "choices": [{"text": " no\n", "index": 0, "finish_reason": "length", "logprobs": None}],
    "usage": {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7},
}
TOOL = {"name": "f", "description": "F.", "parameters": {"type": "object", "properties": {}}}
SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}}

OF_CONVERSATIONS = [
    {"tools": [TOOL]},
    {"tool_choice": "auto"},
    {"tool_choice": "required"},
    {"parallel_tool_calls": True},
    {"system": "Be brief."},
    {"system": ""},
    {"reasoning": "low"},
    {"reasoning": False},
]


def asked(url, prompt=PROMPT, *, connected=None, **options):
    """Ask a compatible server for what follows a text."""

    async def main():
        chosen = {"base_url": url, "retries": 0, **(connected or {})}
        async with backbay.connect("openai-compatible:m-1", **chosen) as backend:
            return await backend.complete_raw(prompt, **options)

    return asyncio.run(main())


def refused(prompt=PROMPT, *, connected=None, **options):
    """Return the error of a call that makes no connection."""
    with ScriptedServer(Reply.json(DONE)) as server:
        with pytest.raises(backbay.BackbayError) as caught:
            asked(server.url, prompt, connected=connected, **options)
        assert server.connections == 0
    assert caught.value.phase in ("prepare", "connect")
    return caught.value


def test_a_text_goes_out_as_it_is_and_what_follows_comes_back_as_it_is():
    with ScriptedServer(Reply.json(DONE)) as server:
        answer = asked(server.url)
        [request] = server.requests
    assert request.path == "/v1/completions"
    assert json.loads(request.body) == {"model": "m-1", "prompt": PROMPT, "stream": False}
    assert (answer.text, answer.finish, answer.raw_finish) == (" no\n", Finish.LENGTH, "length")
    assert (answer.model, answer.id, answer.attempts) == ("m-2", "cmpl-1", 1)
    assert (answer.usage.input, answer.usage.output, answer.usage.cached) == (5, 2, None)
    assert answer.raw == DONE


def test_options_have_the_names_that_this_wire_has_for_them():
    with ScriptedServer(Reply.json(DONE)) as server:
        asked(
            server.url,
            connected={"max_tokens_field": "max_completion_tokens", "completions_path": "text"},
            model="m-3",
            max_tokens=3,
            temperature=0.0,
            top_p=0.5,
            stop="\n",
            seed=0,
            extra={"suffix": "!", "logprobs": 1},
        )
        [request] = server.requests
    assert request.path == "/v1/text"
    assert json.loads(request.body) == {
        "model": "m-3",
        "prompt": PROMPT,
        "stream": False,
        "max_tokens": 3,
        "temperature": 0.0,
        "top_p": 0.5,
        "stop": ["\n"],
        "seed": 0,
        "suffix": "!",
        "logprobs": 1,
    }


@pytest.mark.parametrize(
    ("by", "form", "sent"),
    [
        ("json_schema", SCHEMA, {"json_schema": SCHEMA}),
        ("json_schema", {"type": "json_object"}, {"json_schema": {"type": "object"}}),
        ("response_format", {"type": "json_object"}, {"response_format": {"type": "json_object"}}),
    ],
)
def test_a_form_of_the_answer_is_asked_for_in_the_servers_own_field(by, form, sent):
    with ScriptedServer(Reply.json(DONE)) as server:
        asked(server.url, connected={"raw_schema": by}, response_format=form)
        [request] = server.requests
    assert json.loads(request.body) == {"model": "m-1", "prompt": PROMPT, "stream": False, **sent}


def test_a_schema_is_refused_where_the_server_is_not_known_to_keep_it():
    error = refused(response_format=SCHEMA)
    assert isinstance(error, backbay.UnsupportedError)
    assert error.code == "structured_output"
    assert "response_format" in error.hint


@pytest.mark.parametrize("field", ["prompt", "stream", "n", "best_of", "stop", "model"])
def test_extra_cannot_say_what_is_written_already(field):
    error = refused(extra={field: 1})
    assert isinstance(error, backbay.OptionConflictError)
    assert field in error.message


def test_a_field_that_a_form_takes_cannot_be_named_beside_it():
    error = refused(connected={"raw_schema": "json_schema"}, response_format=SCHEMA, extra={"json_schema": {}})
    assert isinstance(error, backbay.OptionConflictError)


@pytest.mark.parametrize("options", OF_CONVERSATIONS, ids=str)
def test_what_belongs_to_a_conversation_is_refused_by_name(options):
    error = refused(**options)
    assert type(error) is backbay.InvalidRequestError
    assert next(iter(options)) in error.message
    assert "complete()" in error.hint


def test_all_that_has_no_place_is_named_at_once_and_what_is_empty_is_none_of_it():
    assert "tools, system" in refused(tools=[TOOL], system="x").message
    with ScriptedServer(Reply.json(DONE)) as server:
        assert asked(server.url, tools=[], reasoning=None).text == " no\n"


@pytest.mark.parametrize("prompt", [["a", "b"], b"a", None, 1, {"role": "user", "content": "a"}])
def test_a_prompt_that_is_no_string_is_refused(prompt):
    error = refused(prompt)
    assert type(error) is backbay.InvalidRequestError
    assert type(prompt).__name__ in error.message


def test_half_a_surrogate_pair_is_no_text_and_is_refused():
    assert isinstance(refused("a\ud800"), backbay.InvalidRequestError)


def test_an_empty_prompt_is_the_vendors_to_take_or_refuse():
    with ScriptedServer(Reply.json(DONE)) as server:
        asked(server.url, "")
        assert json.loads(server.requests[0].body)["prompt"] == ""


@pytest.mark.parametrize("said", ["unsupported", "not_implemented", "unknown"])
def test_what_is_not_declared_is_refused_before_any_io(said):
    """L11: it does not chat instead."""
    error = refused(connected={"capabilities": {"complete_raw": said}})
    assert isinstance(error, backbay.UnsupportedError)
    assert error.code == "complete_raw"


def test_a_wire_without_raw_text_refuses_it():
    error = refused(connected={"wire": "anthropic_messages", "api_key": "k"})
    assert isinstance(error, backbay.UnsupportedError)
    assert error.code == "complete_raw"


def test_a_failure_is_retried_as_the_policy_says():
    busy = Reply.json({"error": {"message": "busy"}}, status=503, headers={"retry-after": "0"})
    with ScriptedServer([busy, busy, Reply.json(DONE)]) as server:
        answer = asked(server.url, connected={"retries": 2})
        assert len(server.requests) == 3
    assert answer.attempts == 3


def test_a_limit_ends_a_text_that_does_not_come():
    slow = Reply(headers={"content-type": "application/json"}, steps=[Pause(5)])
    with ScriptedServer(slow) as server:
        with pytest.raises(backbay.LimitExceededError) as caught:
            asked(server.url, limits={"total": 0.1})
    assert (caught.value.limit, caught.value.attempts) == ("total", 1)


@pytest.mark.parametrize(
    "body",
    [
        {"choices": []},
        {"choices": [{"text": None, "finish_reason": "stop"}]},
        {"choices": [{"text": 5, "finish_reason": "stop"}]},
        {"choices": ["text"]},
        {"choices": {"text": "a"}},
        {"choices": [{"message": {"content": "a chat"}, "finish_reason": "stop"}]},
        [DONE],
    ],
    ids=str,
)
def test_what_has_no_text_is_a_decode_error(body):
    with ScriptedServer(Reply.json(body)) as server, pytest.raises(backbay.DecodeError):
        asked(server.url)


def test_an_error_with_status_200_is_an_error():
    with ScriptedServer(Reply.json({"error": {"message": "no such model", "code": "model_not_found"}})) as server:
        with pytest.raises(backbay.ModelNotFoundError, match="no such model"):
            asked(server.url)


def test_log_probabilities_and_other_choices_are_details():
    logprobs = {"tokens": [" no"], "token_logprobs": [-0.5], "top_logprobs": [{" no": -0.5}], "text_offset": [4]}
    first = {**DONE["choices"][0], "logprobs": logprobs, "stop_reason": "\n"}
    second = {"text": " yes", "index": 1, "finish_reason": "stop"}
    with ScriptedServer(Reply.json({**DONE, "choices": [first, second]})) as server:
        answer = asked(server.url)
    assert answer.text == " no\n"
    assert answer.details["logprobs"] == logprobs
    assert answer.details["stop_sequence"] == "\n"
    assert answer.details["choices"][0]["text"] == " yes"


def test_the_blocking_face_has_it_too():
    with ScriptedServer(Reply.json(DONE)) as server:
        with backbay.connect_sync("openai-compatible:m-1", base_url=server.url) as backend:
            assert backend.complete_raw("a", max_tokens=2).text == " no\n"


def test_a_codec_of_a_plugins_own_that_has_none_says_so():
    spec = BackendSpec(
        name="acme",
        wires=("anthropic_messages",),
        default_base_url="http://127.0.0.1:9/v1",
        requires_credential=False,
        capabilities=FAKE_SPEC.capabilities.with_({"complete_raw": "full"}),
    )
    with pytest.raises(backbay.UnsupportedError, match="continue a text"):
        asyncio.run(build(spec, "m").complete_raw("a"))


def test_an_answer_without_a_finish_is_still_an_answer():
    body = {**DONE, "choices": [{"text": "a", "index": 0}], "usage": None}
    with ScriptedServer(Reply.json(body)) as server:
        answer = asked(server.url)
    assert isinstance(answer, Response)
    assert (answer.text, answer.finish, answer.usage) == ("a", Finish.OTHER, None)


@pytest.fixture
def completions(load_exchanges):
    return [
        each for vendor in ("openai", "together", "vllm") for each in load_exchanges(f"{vendor}/completions/*/*.json")
    ]


def test_recorded_completions_are_read_as_they_were_meant(completions):
    """N9: text, the vendor's word for the finish, and the counts, of each vendor whose answers were recorded."""
    whole = [each for each in completions if each["expected"]["kind"] == "chat" and "sse" not in each["response"]]
    assert len(whole) >= 8
    for exchange in whole:
        expected, decoded = exchange["expected"], wire.decode(exchange["response"]["bytes"])
        answer = fold(decoded.events)
        assert answer.text == expected["text"], exchange["id"]
        assert answer.raw_finish == expected["finish_reason"], exchange["id"]
        assert (answer.model, answer.id) == (expected["model"], expected["response_id"]), exchange["id"]
        assert (answer.usage.input, answer.usage.output) == (expected["usage"]["input"], expected["usage"]["output"])


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(sorted(DONE["choices"][0])), inner),
    max_leaves=8,
)


@settings(max_examples=40)
@given(st.fixed_dictionaries({}, optional=dict.fromkeys([*DONE, "error"], JSON)) | JSON, st.lists(JSON, max_size=2))
def test_whatever_json_comes_is_read_or_is_a_typed_error(body, choices):
    """No answer of a server, however wrong, is any other exception."""
    for changed in (body, {**DONE, "choices": choices}, {**DONE, "choices": [{"text": "a", "logprobs": body}]}):
        try:
            found = fold(wire.decode(json.dumps(changed).encode()).events)
        except backbay.BackbayError:
            continue
        assert isinstance(found.text, str)
        assert found.finish is not None
