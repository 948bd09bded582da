"""What servers of the chat-completions wire do otherwise than its inventor; each case is recorded or documented."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from backbay.errors import BackbayError
from backbay.events import Event, check_events
from backbay.folding import fold
from backbay.response import Finish, Response
from backbay.spec import BackendSpec
from backbay.wires.chat_thoughts import ThinkTags
from backbay.wires.openai_chat import OpenAIChat

SPEC = BackendSpec(name="acme", wires=("openai_chat",))


def codec(**quirks: object) -> OpenAIChat:
    return OpenAIChat(SPEC, quirks)


def delta(finish: str | None = None, **fields: object) -> dict[str, Any]:
    """Return a chunk with one delta."""
    return {"id": "a", "model": "m", "choices": [{"index": 0, "delta": fields, "finish_reason": finish}]}


def streamed(*chunks: Mapping[str, Any], done: bool = True, **quirks: object) -> Response:
    """Return what a stream of chunks amounts to; the grammar is checked."""
    body = b"".join(b"data: " + json.dumps(chunk).encode() + b"\n\n" for chunk in chunks)
    decoder = codec(**quirks).decoder()
    events: list[Event] = [*decoder.feed(body + (b"data: [DONE]\n\n" if done else b"")), *decoder.finish()]
    assert decoder.failure is None, decoder.failure
    check_events(events)
    return fold(events)


def whole(message: Mapping[str, Any], *, finish: str | None = "stop", **beside: object) -> Response:
    """Return what a whole answer amounts to."""
    choices = [{"index": 0, "message": message, "finish_reason": finish}]
    decoded = codec().decode(json.dumps({"id": "a", "model": "m", "choices": choices, **beside}).encode())
    check_events(decoded.events)
    return fold(decoded.events)


def test_reasoning_that_is_said_twice_is_read_once() -> None:
    details = [{"type": "reasoning.text", "text": "hm", "index": 0}]
    answer = streamed(delta(reasoning="hm", reasoning_details=details), delta("stop", content="yes"))
    assert (answer.thinking, answer.text) == ("hm", "yes")
    assert whole({"reasoning_content": "hm", "reasoning": "hm", "content": "yes"}).thinking == "hm"


def test_reasoning_that_is_in_details_only_is_read_from_them() -> None:
    details = [{"type": "reasoning.encrypted", "data": "x"}, {"type": "reasoning.summary", "summary": "hm"}]
    assert whole({"content": "yes", "reasoning": None, "reasoning_details": details}).thinking == "hm"


def test_streamed_details_are_put_together_and_come_before_the_text() -> None:
    pieces = [
        {"type": "reasoning.text", "text": "a", "index": 0, "format": "f"},
        {"type": "reasoning.text", "text": "b", "index": 0, "format": "f"},
        {"type": "reasoning.text", "text": "", "signature": "s/+=", "index": 0, "format": "f"},
        {"type": "reasoning.encrypted", "data": "x", "index": 1, "id": "rs"},
    ]
    answer = streamed(*(delta(reasoning_details=[piece]) for piece in pieces), delta("stop", content="yes"))
    kept = [{"type": "reasoning.text", "text": "ab", "index": 0, "format": "f", "signature": "s/+="}, pieces[3]]
    assert [part.type for part in answer.parts] == ["thinking", "text"]
    assert answer.parts[0].opaque == {"acme": {"reasoning_details": kept}}
    assert answer.thinking == "ab"


def test_details_of_a_whole_answer_stay_as_they_are() -> None:
    details = [{"type": "reasoning.text", "text": "a"}, {"type": "reasoning.text", "text": "b"}]
    answer = whole({"content": "yes", "reasoning_details": details})
    assert answer.parts[0].opaque == {"acme": {"reasoning_details": details}}


def test_a_signature_of_a_call_is_kept_with_the_call() -> None:
    extra = {"google": {"thought_signature": "sig=="}}
    call = {"id": "c", "function": {"name": "f", "arguments": "{}"}, "extra_content": extra}
    for answer in (whole({"tool_calls": [call]}), streamed(delta("tool_calls", tool_calls=[{**call, "index": 0}]))):
        assert answer.tool_calls[0].opaque == {"acme": {"extra_content": extra}}


@pytest.mark.parametrize(
    ("content", "text"),
    [({"a": [1, "č"]}, '{"a":[1,"č"]}'), (7, "7"), (0, "0"), (False, ""), ([{"name": 1}], '[{"name":1}]')],
)
def test_content_that_is_json_is_the_text_of_it(content: object, text: str) -> None:
    assert whole({"content": content}).text == text
    assert streamed(delta("stop", content=content)).text == text


def test_parts_of_content_are_thinking_text_and_references() -> None:
    reference = {"type": "reference", "reference_ids": [1]}
    parts = [{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}, {"type": "text", "text": "yes"}]
    answer = whole({"content": [*parts, reference]})
    assert (answer.thinking, answer.text, answer.details["citations"]) == ("hm", "yes", [reference])


def test_the_id_is_waited_for_and_the_model_is_not_forgotten() -> None:
    first = {"id": "", "model": "m", "choices": [], "prompt_filter_results": [{"prompt_index": 0}]}
    answer = streamed(first, {"id": "a", "choices": [{"delta": {"content": "x"}, "finish_reason": "stop"}]})
    assert (answer.model, answer.id) == ("m", "a")
    assert answer.details["prompt_filter_results"] == [{"prompt_index": 0}]


@pytest.mark.parametrize(
    ("usage", "counts"),
    [
        ({"prompt_tokens": 5, "completion_tokens": 2}, (5, 2, None, None)),
        ({"prompt_tokens": 5, "completion_tokens": 2, "prompt_cache_hit_tokens": 4}, (5, 2, 4, None)),
        ({"prompt_tokens": 5, "completion_tokens": 2, "cached_tokens": 4}, (5, 2, 4, None)),
        ({"prompt_tokens": 5, "completion_tokens": 2, "cached_tokens": 0}, (5, 2, None, None)),
        ({"prompt_tokens": 5, "completion_tokens": 0}, (5, 0, None, None)),
        ({"prompt_tokens": None, "completion_tokens": 2}, (None, 2, None, None)),
    ],
)
def test_usage_is_read_in_every_dialect(usage: dict[str, Any], counts: tuple[int | None, ...]) -> None:
    """M8, U7: what nobody says is None."""
    for found in (
        whole({"content": "x"}, usage=usage).usage,
        streamed(delta("stop", content="x"), {"choices": [], "usage": usage}).usage,
        streamed({**delta("stop", content="x"), "x_groq": {"usage": usage}}).usage,
    ):
        assert found is not None
        assert (found.input, found.output, found.cached, found.reasoning) == counts
        assert found.raw == usage


@pytest.mark.parametrize(("total", "output"), [(17, 12), (10, 5), (None, 12)])
def test_reasoning_that_is_counted_beside_the_output_is_added(total: int | None, output: int) -> None:
    """The total says how the vendor counts; without one, more reasoning than output cannot be a part of it."""
    details = {"reasoning_tokens": 7 if output == 12 else 3}
    usage = {"prompt_tokens": 5, "completion_tokens": 5, "completion_tokens_details": details, "total_tokens": total}
    assert whole({"content": "x"}, usage=usage).usage.output == output


def test_zero_values_in_place_of_nothing_are_nothing() -> None:
    message = {
        "content": "x",
        "refusal": "",
        "audio": {"id": "", "data": "", "expires_at": 0},
        "function_call": {"name": "", "arguments": ""},
        "tool_calls": [],
        "annotations": None,
    }
    answer = whole(message, finish="")
    assert (answer.text, answer.raw_finish, answer.tool_calls, answer.refusal) == ("x", None, (), None)
    assert answer.details == {}


def test_calls_without_a_finish_reason_still_end_in_calls() -> None:
    call = {"id": "c", "function": {"name": "f", "arguments": "{}"}}
    answer = whole({"content": "", "tool_calls": [call]}, finish="")
    assert (answer.finish, answer.raw_finish) == (Finish.TOOL_CALLS, None)


@pytest.mark.parametrize("word", ["sensitive", "CONTENT_FILTER", "refusal"])
def test_finish_reasons_mean_the_same_in_any_spelling(word: str) -> None:
    answer = whole({"content": "x"}, finish=word)
    assert (answer.finish, answer.raw_finish) == (Finish.CONTENT_FILTER, word)


def test_citations_come_from_annotations_or_from_beside_the_choices() -> None:
    note = {"type": "url_citation", "url_citation": {"url": "https://example.com"}}
    assert streamed(delta(content="x", annotations=[note]), delta("stop", annotations=[note])).details["citations"] == [
        note,
        note,
    ]
    listed = ["https://example.com/a", "https://example.com/b"]
    repeated = [{**delta(content="x"), "citations": listed}, {**delta("stop", content="y"), "citations": listed}]
    assert streamed(*repeated).details["citations"] == listed
    results = [{"title": "a", "url": "https://example.com"}]
    assert whole({"content": "x"}, search_results=results).details["citations"] == results


def test_tools_that_the_vendor_ran_images_and_stop_strings_are_in_the_details() -> None:
    tool, image = {"index": 0, "type": "search"}, {"type": "image_url", "image_url": {"url": "data:,"}}
    answer = whole({"content": "x", "executed_tools": [tool], "images": [image]})
    assert (answer.details["server_tools"], answer.details["images"]) == ([tool], [image])
    assert whole({"content": "x"}, web_search=[tool]).details["server_tools"] == [tool]
    stopped = delta("stop", content="x")
    stopped["choices"][0]["stop_reason"] = "END"
    assert streamed(stopped).details["stop_sequence"] == "END"
    stopped["choices"][0]["stop_reason"] = 154827
    assert streamed(stopped).details == {}


def test_other_choices_are_the_same_streamed_and_whole() -> None:
    call = {"index": 0, "id": "c", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}}
    other = {
        "index": 1,
        "message": {"role": "assistant", "content": "ab", "tool_calls": [call]},
        "finish_reason": "stop",
    }
    first = {"index": 0, "message": {"content": "x"}, "finish_reason": "stop"}
    body = json.dumps({"id": "a", "choices": [first, other]}).encode()
    halves = ({"function": {"arguments": '{"a"'}}, {"function": {"arguments": ":1}"}})
    pieces: Sequence[dict[str, Any]] = [
        {"role": "assistant", "content": "a"},
        {"content": "b", "tool_calls": [{**call, "function": {"name": "f", "arguments": ""}}]},
        {"tool_calls": [{"index": 0, **halves[0]}]},
        {"tool_calls": [{"index": 0, **halves[1]}]},
    ]
    chunks = [{"id": "a", "choices": [{"index": 1, "delta": piece, "finish_reason": None}]} for piece in pieces]
    last = {"id": "a", "choices": [{"index": 1, "delta": {}, "finish_reason": "stop"}]}
    stream = streamed(delta("stop", content="x"), *chunks, last)
    assert stream.details["choices"] == fold(codec().decode(body).events).details["choices"] == [other]
    assert stream.text == "x"


def test_sound_in_pieces_is_one_base64_text() -> None:
    pieces = [{"id": "s", "data": "YQ==", "transcript": "a"}, {"data": "Yg=="}, {"transcript": "b", "expires_at": 9}]
    answer = streamed(*(delta(audio=piece) for piece in pieces), delta("stop"))
    assert answer.details["audio"] == {"id": "s", "data": "YWI=", "transcript": "ab", "expires_at": 9}


def test_log_probabilities_of_thinking_stand_apart() -> None:
    chunk = delta("stop", content="x")
    chunk["choices"][0]["logprobs"] = {"content": [{"token": "x"}], "reasoning_content": [{"token": "h"}]}
    details = streamed(chunk).details
    assert details == {"logprobs": {"content": [{"token": "x"}]}, "reasoning_logprobs": [{"token": "h"}]}


@pytest.mark.parametrize("size", [1, 2, 3, 5, 100])
@pytest.mark.parametrize(
    ("text", "thinking", "said"),
    [
        ("<think>\nhm</think>\n\nyes", "\nhm", "\n\nyes"),
        ("\n<think>hm</think>yes", "hm", "\nyes"),
        ("<think>cut", "cut", ""),
        ("<think></think>yes", "", "yes"),
        ("a <think>b</think>", "", "a <think>b</think>"),
        ("<thinking>no", "", "<thinking>no"),
        ("<thi", "", "<thi"),
        ("<think>a < b </thin", "a < b </thin", ""),
        ("", "", ""),
    ],
)
def test_think_tags_are_found_at_any_split(text: str, thinking: str, said: str, size: int) -> None:
    tags = ThinkTags()
    events = [event for start in range(0, len(text), size) for event in tags.read(text[start : start + size])]
    folded = fold([*events, *tags.end()])
    assert (folded.thinking or "", folded.text) == (thinking, said)


def test_think_tags_are_text_unless_the_server_is_known_for_them() -> None:
    chunks = [delta(content="<think>hm</think>"), delta("stop", content="yes")]
    assert streamed(*chunks).text == "<think>hm</think>yes"
    assert streamed(*chunks, thinking_tags=True).thinking == "hm"


def test_an_error_beside_choices_comes_after_what_they_say() -> None:
    body = json.dumps({**delta("error", content="x"), "error": {"code": 502, "message": "gone"}})
    decoder = codec().decoder()
    events = decoder.feed(f"data: {body}\n\n".encode())
    assert fold(events).text == "x"
    assert isinstance(decoder.failure, BackbayError)
    assert "gone" in decoder.failure.message
