"""U7: token counts are read beside the path of a relay, at every split of the bytes, and never in its way."""

import json
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backbay.sniffing import MAX_BODY, MAX_LINE, UsageSniffer


def lines(*chunks, prefix="data: ", end="\n\n", done="data: [DONE]\n\n"):
    return ("".join(f"{prefix}{json.dumps(chunk)}{end}" for chunk in chunks) + done).encode()


CHUNK = {"choices": [{"index": 0, "delta": {"content": 'the "usage" of _tokens" and eval_count"'}}]}
OPENAI = {"prompt_tokens": 12, "completion_tokens": 5, "total_tokens": 17}
MESSAGE = {"id": "m", "usage": {"input_tokens": 12, "output_tokens": 1}}
CASES = {
    "chunk": (lines({**CHUNK, "usage": None}, {**CHUNK, "usage": OPENAI}), 12, 5),
    "empty choices": (lines(CHUNK, {"choices": [], "usage": OPENAI}), 12, 5),
    "no space, CRLF": (lines(CHUNK, {"choices": [], "usage": OPENAI}, prefix="data:", end="\r\n\r\n"), 12, 5),
    "CR": (lines(CHUNK, {"choices": [], "usage": OPENAI}, end="\r\r"), 12, 5),
    "no last line end": (lines(CHUNK, {"choices": [], "usage": OPENAI}, done="").rstrip(), 12, 5),
    "cumulative": (
        lines(*({**CHUNK, "usage": {"prompt_tokens": 12, "completion_tokens": n}} for n in range(6))),
        12,
        5,
    ),
    "anthropic": (
        lines(
            {"type": "message_start", "message": MESSAGE},
            {"type": "content_block_delta", "delta": {"type": "text_delta", "text": "usage"}},
            {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 5}},
            done="",
        ),
        12,
        5,
    ),
    "anthropic with a cache": (
        lines(
            {
                "type": "message_start",
                "message": {
                    "usage": {
                        "input_tokens": 2,
                        "cache_read_input_tokens": 7,
                        "cache_creation_input_tokens": 3,
                        "output_tokens": 1,
                    }
                },
            },
            {"type": "message_delta", "usage": {"input_tokens": None, "output_tokens": 5}},
            done="",
        ),
        12,
        5,
    ),
    "responses": (
        lines(
            {"type": "response.created", "response": {"id": "r", "usage": None}},
            {"type": "response.completed", "response": {"usage": {"input_tokens": 12, "output_tokens": 5}}},
            done="",
        ),
        12,
        5,
    ),
    "ollama": (
        lines(
            {"message": {"content": "hi"}, "done": False},
            {"message": {"content": ""}, "done": True, "prompt_eval_count": 12, "eval_count": 5},
            prefix="",
            end="\n",
            done="",
        ),
        12,
        5,
    ),
    "gemini": (
        lines(
            {"usageMetadata": {"promptTokenCount": 12}},
            {"usageMetadata": {"promptTokenCount": 12, "candidatesTokenCount": 3, "thoughtsTokenCount": 2}},
            done="",
        ),
        12,
        5,
    ),
    "cohere": (
        lines(
            {
                "type": "message-end",
                "delta": {
                    "usage": {
                        "billed_units": {"input_tokens": 1, "output_tokens": 1},
                        "tokens": {"input_tokens": 12, "output_tokens": 5},
                    }
                },
            },
            done="",
        ),
        12,
        5,
    ),
    "one body": (json.dumps({**CHUNK, "usage": OPENAI}).encode(), 12, 5),
    "one body, indented": (json.dumps({"choices": [], "usage": OPENAI}, indent=2).encode() + b"\n", 12, 5),
    "one body, a list": (
        json.dumps(
            [{"x": 1}, {"usageMetadata": {"promptTokenCount": 12, "candidatesTokenCount": 5}}], indent=1
        ).encode(),
        12,
        5,
    ),
    "one body, ollama": (json.dumps({"done": True, "prompt_eval_count": 12, "eval_count": 5}).encode(), 12, 5),
    "absent": (lines(CHUNK, CHUNK), None, None),
    "half": (lines({**CHUNK, "usage": {"prompt_tokens": 12}}), 12, None),
    "no counts": (lines({"usage": {"prompt_tokens": "12", "completion_tokens": True}}), None, None),
    "negative": (lines({"usage": {"prompt_tokens": -1, "completion_tokens": 1.5}}), None, None),
    "an error page": (b"<html>usage</html>", None, None),
    "nothing": (b"", None, None),
}


def sniffed(*pieces):
    sniffer = UsageSniffer()
    for piece in pieces:
        sniffer.feed(piece)
    sniffer.finish()
    return sniffer.input, sniffer.output


@pytest.mark.parametrize("case", CASES)
def test_counts_are_read_at_every_split_of_the_bytes(case):
    """U7."""
    body, *wanted = CASES[case]
    assert sniffed(body) == tuple(wanted)
    assert sniffed(*(body[at : at + 1] for at in range(len(body)))) == tuple(wanted)
    for at in range(len(body) + 1):
        assert sniffed(body[:at], body[at:]) == tuple(wanted), f"cut at byte {at}"


@settings(max_examples=300)
@given(st.lists(st.binary(max_size=60) | st.sampled_from([b'{"usage":', b"data: ", b"[[[[", b"\n", b'"_tokens"'])))
def test_any_bytes_are_passed_over(pieces):
    """U2."""
    found = sniffed(*pieces)
    assert found == sniffed(b"".join(pieces))


def test_deep_nesting_and_long_numbers_do_no_harm():
    """U2."""
    deep = b'data: {"usage":' + b"[" * 100_000 + b"\n\n"
    number = b'data: {"usage":{"prompt_tokens":' + b"1" * 5000 + b"}}\n\n"
    assert sniffed(deep, number, CASES["chunk"][0]) == (12, 5)


def test_a_reader_that_raises_leaves_the_counts_unknown(monkeypatch):
    """U2."""

    def broken(self, line):
        raise RuntimeError("a defect")

    monkeypatch.setattr(UsageSniffer, "_read", broken)
    assert sniffed(*[CASES["chunk"][0]] * 3) == (None, None)


def test_memory_is_bounded_whatever_comes():
    """U3."""
    piece = b"x" * 65536
    for head in (b"data: ", b"{", b""):
        tracemalloc.start()
        sniffer = UsageSniffer()
        sniffer.feed(head)
        for _ in range(300):
            sniffer.feed(piece)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 3 * (MAX_LINE + MAX_BODY)
        sniffer.feed(b"\n" + CASES["chunk"][0])
        sniffer.finish()
        assert (sniffer.input, sniffer.output) == (12, 5)
