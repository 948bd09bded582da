"""Answers of the Gemini wire as events: what the corpus shows little of, or nothing."""

from __future__ import annotations

import base64
import json

import pytest

import backbay
from backbay import Finish, fold
from backbay.events import check_events
from backbay_google.frames import ArrayFrames


def answer(*parts: dict, finish: str | None = "STOP", **more: object) -> dict:
    candidate = {"content": {"parts": list(parts), "role": "model"}, "index": 0, **more}
    return {
        "candidates": [{**candidate, **({"finishReason": finish} if finish else {})}],
        "modelVersion": "gemini-3.5-flash",
        "responseId": "r1",
    }


def whole(codec, body: dict) -> backbay.Response:
    events = codec.decode(json.dumps(body).encode()).events
    check_events(events)
    return fold(events)


def streamed(codec, *chunks: dict, size: int = 7) -> backbay.Response:
    """Return the answer of a stream, which must be the same in both forms and at each split."""
    sse = b"".join(b"data: " + json.dumps(chunk).encode() + b"\r\n\r\n" for chunk in chunks)
    array = json.dumps(list(chunks), indent=1).encode()
    found = []
    for body in (sse, array):
        for step in (1, size, len(body)):
            decoder = codec.decoder()
            events = [
                event for start in range(0, len(body), step) for event in decoder.feed(body[start : start + step])
            ]
            events += decoder.finish()
            if decoder.failure is not None:
                raise decoder.failure
            check_events(events)
            found.append(fold(events))
    assert all(each == found[0] for each in found)
    return found[0]


def test_code_that_the_vendor_ran_is_kept_whole_and_told(codec) -> None:
    code = {"executableCode": {"language": "PYTHON", "code": "print(1)"}, "thoughtSignature": "S="}
    result = {"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "1\n"}}
    found = whole(codec, answer({"text": "Look."}, code, result, {"text": "It is 1."}))
    assert found.text == "Look.It is 1."
    assert found.details["server_tools"] == [{"executableCode": code["executableCode"]}, result]
    kept = [part.opaque for part in found.parts if part.type == "thinking"]
    assert kept == [{"google": {"part": code}}, {"google": {"part": result}}]


def test_media_are_told_and_sound_is_joined(codec) -> None:
    sound = [
        {"inlineData": {"mimeType": "audio/L16", "data": base64.b64encode(piece).decode()}} for piece in (b"ab", b"cd")
    ]
    found = streamed(codec, answer(sound[0], finish=None), answer(sound[1]))
    assert base64.b64decode(found.details["audio"]["data"]) == b"abcd"
    image = {"inlineData": {"mimeType": "image/png", "data": "iVBO"}, "thoughtSignature": "S="}
    assert whole(codec, answer(image)).details["images"] == [image["inlineData"]]


def test_other_candidates_are_told_whole_also_where_they_came_in_pieces(codec) -> None:
    def other(text: str, **more: object) -> dict:
        return {"content": {"parts": [{"text": text}], "role": "model"}, "index": 1, **more}

    first, second = answer({"text": "a"}, finish=None), answer({"text": "b"})
    first["candidates"].append(other("x"))
    second["candidates"].append(other("y", finishReason="STOP"))
    found = streamed(codec, first, second)
    assert found.text == "ab"
    assert found.details["choices"] == [other("xy", finishReason="STOP")]


def test_log_probabilities_of_all_chunks_are_told(codec) -> None:
    def chosen(token: str) -> dict:
        return {"chosenCandidates": [{"token": token, "logProbability": -0.1}]}

    found = streamed(
        codec,
        answer({"text": "a"}, finish=None, logprobsResult=chosen("a")),
        answer({"text": "b"}, logprobsResult=chosen("b")),
    )
    assert [each["token"] for each in found.details["logprobs"]["chosenCandidates"]] == ["a", "b"]


@pytest.mark.parametrize(
    ("word", "finish"),
    [
        ("STOP", Finish.STOP),
        ("MAX_TOKENS", Finish.LENGTH),
        ("PROHIBITED_CONTENT", Finish.CONTENT_FILTER),
        ("IMAGE_SAFETY", Finish.CONTENT_FILTER),
        ("MALFORMED_FUNCTION_CALL", Finish.OTHER),
        ("A_NEW_WORD", Finish.OTHER),
    ],
)
def test_finish_words_have_our_meaning_and_stay_themselves(codec, word: str, finish: Finish) -> None:
    """N9."""
    found = whole(codec, answer({"text": "a"}, finish=word))
    assert (found.finish, found.raw_finish) == (finish, word)


def test_calls_count_beside_any_word_that_is_no_failure(codec) -> None:
    call = {"functionCall": {"name": "f", "args": {}}}
    assert whole(codec, answer(call, finish="UNEXPECTED_TOOL_CALL")).finish is Finish.TOOL_CALLS
    assert whole(codec, answer(call, finish="MAX_TOKENS")).finish is Finish.LENGTH


def test_calls_without_ids_get_their_own_and_the_same_each_time(codec) -> None:
    """N3."""
    call = {"functionCall": {"name": "f", "args": {"x": 1}}}
    first, again = whole(codec, answer(call, call)), streamed(codec, answer(call, finish=None), answer(call))
    ids = [each.id for each in first.tool_calls]
    assert len(set(ids)) == 2
    assert ids == [each.id for each in again.tool_calls]
    other = {**answer(call), "responseId": "r2"}
    assert whole(codec, other).tool_calls[0].id not in ids


def test_arguments_that_come_in_pieces_are_put_together(vertex_codec) -> None:
    def piece(path: str, *, last: bool = False, **value: object) -> dict:
        return {
            "functionCall": {"partialArgs": [{"jsonPath": path, **value}], **({} if last else {"willContinue": True})}
        }

    named = {"functionCall": {"name": "route", "id": "c1", "willContinue": True}, "thoughtSignature": "S="}
    pieces = (
        piece("$.stops[0].city", stringValue="Zag", willContinue=True),
        piece("$.stops[0].city", stringValue="reb"),
        piece("$.stops[1]['full name']", stringValue="Split"),
        piece("$.fast", boolValue=False),
        piece("$.note", nullValue="NULL_VALUE"),
    )
    found = streamed(
        vertex_codec, *(answer(each, finish=None) for each in (named, *pieces)), answer({"functionCall": {}})
    )
    [call] = found.tool_calls
    assert call.arguments == {
        "stops": [{"city": "Zagreb"}, {"full name": "Split"}],
        "fast": False,
        "note": None,
    }
    assert call.opaque == {"vertex": {"thoughtSignature": "S="}}
    wrong = answer({"functionCall": {"name": "f", "partialArgs": [{"jsonPath": "x", "stringValue": ""}]}})
    with pytest.raises(backbay.DecodeError, match="no path"):
        whole(vertex_codec, wrong)


def test_a_signed_answer_goes_back_as_it_came(codec, body_of) -> None:
    """A signature stays with the characters that it is of, however a stream cuts them."""
    parts = ({"text": "\n"}, {"text": "It says so.", "thoughtSignature": "S="})
    for found in (
        whole(codec, answer(*parts)),
        streamed(codec, *(answer(part, finish=None) for part in parts), answer()),
    ):
        assert found.text == "\nIt says so."
        turn = backbay.Message.model_validate_json(found.message.model_dump_json())
        sent = body_of([backbay.Message(role="user", content="?"), turn])["contents"][1]
        assert sent == {"role": "model", "parts": list(parts)}


def test_a_blocked_prompt_is_an_empty_answer_with_the_reason(codec) -> None:
    feedback = {"blockReason": "PROHIBITED_CONTENT", "blockReasonMessage": "no"}
    found = whole(codec, {"promptFeedback": feedback, "usageMetadata": {"promptTokenCount": 3}})
    assert (found.text, found.finish, found.raw_finish) == ("", Finish.CONTENT_FILTER, None)
    assert found.refusal == "prompt_blocked:PROHIBITED_CONTENT"
    assert found.details["promptFeedback"] == feedback


def test_an_older_model_that_finishes_with_each_chunk_is_read_to_its_end(codec) -> None:
    assert streamed(codec, answer({"text": "a"}), answer({"text": "b"}), answer({"text": "c"})).text == "abc"


def test_counts_are_added_up_as_they_are_billed(codec) -> None:
    """Thoughts are apart from the answer, and what the vendor's tools read from the prompt."""
    usage = {"promptTokenCount": 10, "toolUsePromptTokenCount": 5, "candidatesTokenCount": 2, "thoughtsTokenCount": 4}
    found = whole(codec, {**answer({"text": "a"}), "usageMetadata": {**usage, "totalTokenCount": 21}})
    assert found.usage is not None
    assert (found.usage.input, found.usage.output, found.usage.reasoning, found.usage.total) == (15, 6, 4, 21)
    assert whole(codec, {**answer({"text": "a"}), "usageMetadata": {"trafficType": "ON_DEMAND"}}).usage is None


def test_an_error_within_an_array_keeps_what_came_before_it(codec) -> None:
    error = {"error": {"code": 503, "message": "overloaded", "status": "UNAVAILABLE"}}
    with pytest.raises(backbay.OverloadedError, match="overloaded"):
        streamed(codec, answer({"text": "a"}, finish=None), error)
    with pytest.raises(backbay.TruncatedError):
        streamed(codec, answer({"text": "a"}, finish=None))


@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b"[1]",
        b'[{"candidates": [], 3',
        b'{"candidates": []}',
        b'{"promptFeedback": {"safetyRatings": []}}',
        b"[[[",
        b'["a"]',
    ],
)
def test_what_is_no_answer_is_a_protocol_error(codec, body: bytes) -> None:
    with pytest.raises((backbay.DecodeError, backbay.TruncatedError)):
        codec.decode(body)


def test_an_array_is_cut_in_linear_time_and_elements_are_bounded() -> None:
    element = b'{"text": "\\\\\\"}]{[", "more": [{"a": "' + b"x" * 50 + b'"}]}'
    body = b"[" + b",\r\n".join([element] * 20_000) + b"]trailing"
    frames = ArrayFrames()
    assert list(frames.feed(body)) == [element] * 20_000
    bounded = ArrayFrames(max_bytes=40)
    with pytest.raises(backbay.errors.TooLargeError):
        bounded.feed(b"[" + element)
