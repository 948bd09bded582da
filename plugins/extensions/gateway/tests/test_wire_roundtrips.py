"""Properties: what core's codecs write the dialects read, and what the dialects write core's decoders read.

Where the two differ is said beside the function that makes them comparable.
"""

from __future__ import annotations

import base64
import itertools
import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from backbay.capabilities import Capabilities
from backbay.events import Ended, Started, Text, Thinking, ToolDelta, UsageSeen, check_events
from backbay.folding import fold
from backbay.limits import NO_LIMITS
from backbay.messages import (
    FilePart,
    ImagePart,
    Message,
    ResponseFormat,
    TextPart,
    ThinkingPart,
    ToolCall,
    ToolSpec,
)
from backbay.request import build_request
from backbay.response import Finish, Response, Usage
from backbay.spec import BackendSpec
from backbay.wires.anthropic_messages import AnthropicMessages as AnthropicCodec
from backbay.wires.openai_responses import OpenAIResponses as ResponsesCodec
from backbay_gateway.dialects import anthropic_messages, openai_responses
from backbay_gateway.dialects.base import Ask
from backbay_gateway.dialects.envelopes import ENVELOPES

NAME = "acme"
FULL = Capabilities.of(full="reasoning")
CODECS = {
    "anthropic_messages": AnthropicCodec(
        BackendSpec(name=NAME, wires=("anthropic_messages",), capabilities=FULL),
        {"thinking": "both", "system_anywhere": True},
    ),
    "openai_responses": ResponsesCodec(
        BackendSpec(name=NAME, wires=("openai_responses",), capabilities=FULL),
        {"cache_marks": "prompt_cache_breakpoint"},
    ),
}
DIALECTS = {"anthropic_messages": anthropic_messages.DIALECT, "openai_responses": openai_responses.DIALECT}
NUMBERS = itertools.count()
QUICK = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])

words = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1, max_size=12)
names = st.from_regex(r"[a-z][a-z_]{0,11}", fullmatch=True)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-1000, 1000) | words,
    lambda inner: st.lists(inner, max_size=2),
    max_leaves=3,
)
objects = st.dictionaries(names, values, max_size=3)
opaques = st.dictionaries(st.sampled_from([NAME, "example"]), objects, min_size=1, max_size=2)
caches = st.sampled_from([None, "5m", "1h"])
pictures = st.binary(min_size=1, max_size=12).map(lambda data: base64.b64encode(data).decode())

text_parts = st.builds(TextPart, text=words, cache=caches)
image_parts = st.builds(ImagePart, data=pictures, media_type=st.just("image/png"), cache=caches) | st.builds(
    ImagePart, url=st.just("https://example.org/a.png"), cache=caches
)
file_parts = st.builds(
    FilePart, data=pictures, media_type=st.just("application/pdf"), filename=st.just("a.pdf"), cache=caches
) | st.builds(FilePart, url=st.just("https://example.org/a.pdf"), cache=caches)
user_parts = st.lists(text_parts | image_parts | file_parts, min_size=1, max_size=3).map(tuple)


@st.composite
def thoughts(draw: Any, wire: str) -> ThinkingPart:
    """What core keeps of an answer of the gateway's: an envelope, in the place where the wire has it."""
    text, sealed = draw(words), ENVELOPES.seal(draw(opaques))
    if wire == "anthropic_messages":
        return ThinkingPart(text=text, opaque={NAME: {"signature": sealed}})
    number = next(NUMBERS)  # Items of one id and one place are one item to core.
    item = {"type": "reasoning", "id": f"rs_{number}", "summary": [{"type": "summary_text", "text": text}]}
    return ThinkingPart(text=text, opaque={NAME: {"index": number, "item": {**item, "encrypted_content": sealed}}})


@st.composite
def conversations(draw: Any, wire: str) -> list[Message]:
    found = [Message(role="system", content=draw(words | st.lists(text_parts, min_size=1, max_size=2).map(tuple)))]
    found = found if draw(st.booleans()) else []
    for turn in range(draw(st.integers(1, 3))):
        found.append(Message(role="user", content=draw(words | user_parts)))
        said = draw(st.none() | words | st.lists(thoughts(wire) | words.map(lambda t: TextPart(text=t)), max_size=3))
        said = tuple(said) if isinstance(said, list) else said
        count = draw(st.integers(0 if said else 1, 2))
        calls = tuple(ToolCall(id=f"call_{turn}_{n}", name=draw(names), arguments=draw(objects)) for n in range(count))
        found.append(Message(role="assistant", content=said or None, tool_calls=calls or None))
        for call in calls:
            failed = draw(st.sampled_from([None, True, False])) if wire == "anthropic_messages" else None
            found.append(Message(role="tool", tool_call_id=call.id, content=draw(words), is_error=failed))
    return [*found, Message(role="user", content=draw(words))]


@st.composite
def options(draw: Any, wire: str) -> dict[str, Any]:
    found: dict[str, Any] = {
        "max_tokens": draw(st.integers(4096, 10**6)),
        "temperature": draw(st.none() | st.floats(0, 1)),
        "top_p": draw(st.none() | st.floats(0.1, 1)),
        "response_format": draw(st.none() | st.builds(ResponseFormat, schema_=objects, strict=st.just(None))),
    }
    efforts = ["low", "medium", "high", "xhigh", "max", "none"]
    if wire == "anthropic_messages":
        found["reasoning"] = draw(st.none() | st.sampled_from(efforts) | st.integers(1024, 4000))
        found["stop"] = draw(st.none() | st.lists(words, min_size=1, max_size=2))
    else:
        found["reasoning"] = draw(st.none() | st.sampled_from([*efforts, "minimal"]))
    marks = caches if wire == "anthropic_messages" else st.none()
    tool = st.builds(ToolSpec, name=names, description=words, parameters=objects, cache=marks)
    tools = draw(st.lists(tool, max_size=2, unique_by=lambda tool: tool.name))
    if tools:
        found["tools"] = tools
        found["tool_choice"] = draw(st.sampled_from(["auto", "none", "required", tools[0].name]))
        if found["tool_choice"] != "none":  # With no call there are no parallel ones, and the wires do not say it.
            found["parallel_tool_calls"] = draw(st.none() | st.booleans())
    return {name: value for name, value in found.items() if value is not None}


def unwrapped(part: ThinkingPart) -> ThinkingPart:
    """The thinking as the client had it from us: its own opaque data out of core's, and out of the envelope."""
    kept: Any = (part.opaque or {}).get(NAME) or {}
    opened = ENVELOPES.open(kept.get("signature") or (kept.get("item") or {}).get("encrypted_content"))
    return ThinkingPart(text=part.text, opaque=opened.opaque if opened else None)


def plain(messages: Any) -> list[tuple[Any, ...]]:
    """Messages without the ways to say one thing in two: a string is one part of text, neighbours are one turn."""
    found: list[tuple[Any, ...]] = []
    for message in messages:
        calls = [(call.id, call.name, call.arguments, call.opaque) for call in message.tool_calls or ()]
        about = (message.role, message.tool_call_id, message.is_error)
        if found and found[-1][0] == about and message.role != "tool":
            found[-1][1].extend(message.parts())
            found[-1][2].extend(calls)
        else:
            found.append((about, list(message.parts()), calls))
    return found


@pytest.mark.parametrize("wire", CODECS)
@QUICK
@given(data=st.data())
def test_a_request_of_cores_codec_is_read_as_what_it_was_made_of(wire: str, data: st.DataObject) -> None:
    messages, asked = data.draw(conversations(wire)), data.draw(options(wire))
    request = build_request(messages, asked, limits=NO_LIMITS, model="acme-1")
    body = json.loads(CODECS[wire].encode(request, stream=data.draw(st.booleans())).body)

    ask = DIALECTS[wire].read(body)

    read = build_request(ask.messages, dict(ask.options), limits=NO_LIMITS, model=ask.model)
    sent = [
        message.model_copy(
            update={"content": tuple(unwrapped(p) if p.type == "thinking" else p for p in message.parts()) or None}
        )
        for message in messages
    ]
    assert plain(read.messages) == plain(sent)
    assert ask.stream is body.get("stream", False)
    differing = {"messages"}
    if request.response_format is not None and wire == "anthropic_messages":
        assert read.response_format is not None  # The wire has no name for a schema.
        assert read.response_format.schema_ == request.response_format.schema_
        differing.add("response_format")
    assert read.model_dump(exclude=differing) == request.model_dump(exclude=differing)


@st.composite
def events(draw: Any) -> list[Any]:
    """Event sequences of the grammar, in which the deltas of calls may be mixed."""
    count = draw(st.integers(0, 3))
    texts = [draw(st.just("") | objects.map(json.dumps)) for _ in range(count)]
    pieces = {n: [text[:5], text[5:9], text[9:]] for n, text in enumerate(texts)}
    names_of = [draw(names) for _ in range(count)]
    found: list[Any] = [Started("acme-1", "answer-1")] if draw(st.booleans()) else []
    waiting = [n for n in range(count) for _ in range(3)]
    waiting = waiting if draw(st.booleans()) else draw(st.permutations(waiting))
    others = draw(
        st.lists(
            words.map(Text)
            | st.builds(Thinking, words, st.none() | opaques)
            | st.builds(Thinking, st.just(""), opaques)
            | st.integers(1, 99).map(lambda n: UsageSeen(Usage(input=n, output=n))),
            max_size=6,
        )
    )
    for kind in draw(st.permutations([*["call"] * len(waiting), *["other"] * len(others)])):
        if kind == "other":
            found.append(others.pop(0))
            continue
        n = waiting.pop(0)
        opaque = draw(st.none() | st.just({NAME: {"seen": n}}))
        found.append(ToolDelta(n, f"call_{n}", names_of[n], pieces[n].pop(0), opaque))
    cached = draw(st.none() | st.integers(0, 9))
    usage = Usage(input=draw(st.integers(20, 99)), output=draw(st.integers(0, 9)), cached=cached, cache_written=cached)
    if draw(st.booleans()):
        found.append(UsageSeen(replace(usage, reasoning=draw(st.none() | st.integers(0, 9)))))
    finish = draw(st.sampled_from(Finish))
    refusal = draw(st.none() | words) if finish is Finish.CONTENT_FILTER else None
    found.append(Ended(finish, None, refusal, None))
    check_events(found)
    return found


def decoded(wire: str, response: Response) -> tuple[Any, ...]:
    """An answer as core decoded it, with the envelopes opened. Core's own marks of where what stood are left out."""
    said: list[tuple[Any, ...]] = []
    kept: dict[str, dict[str, Any]] = {}
    for part in response.parts:
        if isinstance(part, TextPart):
            _say(said, part.text)
        elif isinstance(part, ThinkingPart):
            own: Any = (part.opaque or {}).get(NAME) or {}
            sealed = own.get("signature") or (own.get("item") or own.get("block") or {}).get(
                "encrypted_content" if "item" in own else "data"
            )
            opened = ENVELOPES.open(sealed)
            if opened is not None and opened.call is not None:
                kept.setdefault(opened.call, {}).update(opened.opaque)
                opened = None
            if part.text or opened:
                said.append(("thinking", part.text, opened.opaque if opened else None))
    calls = [(call.id, call.name, call.arguments, kept.get(call.id)) for call in response.tool_calls]
    return said, calls, response.finish, response.refusal, _counts(wire, response.usage)


def expected(wire: str, response: Response) -> tuple[Any, ...]:
    """The answer that was written, with what the wire has no word for as its dialect says that it is then."""
    said: list[tuple[Any, ...]] = []
    for part in response.parts:
        if isinstance(part, TextPart):
            _say(said, part.text)
        elif isinstance(part, ThinkingPart):
            said.append(("thinking", part.text, part.opaque))
    calls = [(call.id, call.name, call.arguments, call.opaque) for call in response.tool_calls]
    ended = response.finish
    usual = Finish.TOOL_CALLS if calls else Finish.STOP
    if wire == "anthropic_messages":
        # A cancelled answer may be continued, which core calls OTHER; one that ended for no known reason ended.
        same = {Finish.STOP: usual, Finish.OTHER: usual, Finish.CANCELLED: Finish.OTHER}
    else:
        same = {Finish.STOP: usual, Finish.TOOL_CALLS: usual, Finish.CANCELLED: Finish.OTHER}
    return said, calls, same.get(ended or Finish.OTHER, ended), response.refusal, _counts(wire, response.usage)


def _say(said: list[tuple[Any, ...]], text: str) -> None:
    """Neighbouring texts are one: a block that stood between them may have been an envelope alone."""
    if said and said[-1][0] == "text":
        text = said.pop()[1] + text
    said.append(("text", text))


def _counts(wire: str, usage: Usage | None) -> Any:
    if usage is None:
        return (0, 0) if wire == "anthropic_messages" else None  # That wire wants numbers.
    counts: tuple[Any, ...] = (usage.cached, usage.cache_written, usage.reasoning)
    if wire == "openai_responses":
        counts = tuple(count or 0 for count in counts)  # So does this one, once there is any.
    elif counts == (None, None, None) and usage.input == usage.output == 0:
        return (0, 0)
    return (usage.input, usage.output, *counts)


def answer_of(wire: str, written: bytes, sizes: list[int]) -> Response:
    decoder = CODECS[wire].decoder()
    got: list[Any] = []
    for size in sizes:
        got += decoder.feed(written[:size])
        written = written[size:]
    got += [*decoder.feed(written), *decoder.finish()]
    assert decoder.failure is None, decoder.failure
    check_events(got)
    return fold(got)


LATE_WITHIN_A_THOUGHT = [
    ToolDelta(0, "call_0", "a", "{}"),
    Thinking("0"),
    ToolDelta(0, "call_0", "a", "", {"acme": {"seen": 0}}),
    Thinking("1"),
    Text("2"),
    Ended(Finish.STOP),
]
"""What a vendor wants back of a call comes when the call is over, in the midst of something else."""


@pytest.mark.parametrize("wire", CODECS)
@QUICK
@given(sequence=events(), sizes=st.lists(st.integers(1, 400), max_size=5))
@example(sequence=LATE_WITHIN_A_THOUGHT, sizes=[])
@example(sequence=[*LATE_WITHIN_A_THOUGHT[:3], LATE_WITHIN_A_THOUGHT[-1]], sizes=[])
def test_a_stream_is_decoded_by_core_as_the_events_it_was_written_from(
    wire: str, sequence: list[Any], sizes: list[int]
) -> None:
    ask = Ask("acme:acme-1", (), raw={})
    writer = DIALECTS[wire].writer(ask)
    written = b"".join(writer.feed(event) for event in sequence)
    response = fold(sequence)

    got = answer_of(wire, written, sizes)

    assert decoded(wire, got) == expected(wire, response)
    if isinstance(sequence[0], Started):
        assert (got.model, got.id) == ("acme-1", "answer-1")


@pytest.mark.parametrize("wire", CODECS)
@QUICK
@given(sequence=events())
@example(sequence=LATE_WITHIN_A_THOUGHT)
def test_the_fold_of_a_stream_equals_the_whole_answer(wire: str, sequence: list[Any]) -> None:
    """Both are read by core's decoders as one and the same answer."""
    response, ask = fold(sequence), Ask("acme:acme-1", (), raw={})
    body = json.dumps(DIALECTS[wire].write(response, ask)).encode()
    whole = fold(CODECS[wire].decode(body).events)
    assert decoded(wire, whole) == expected(wire, response)


@pytest.mark.parametrize("wire", CODECS)
@QUICK
@given(sequence=events())
def test_an_answer_comes_back_with_the_next_request_as_it_was(wire: str, sequence: list[Any]) -> None:
    """Signatures and encrypted reasoning survive a client that keeps nothing but the wire's own JSON."""
    response = fold(sequence)
    body: Any = DIALECTS[wire].write(response, Ask("acme:acme-1", (), raw={}))
    user = {"role": "user", "content": "And now?"}
    if wire == "anthropic_messages":
        turns = [user, {"role": "assistant", "content": body["content"]}, user] if body["content"] else [user]
        again: Any = {"model": "m", "max_tokens": 9, "messages": turns}
    else:
        again = {"model": "m", "input": [user, *body["output"], user]}
    back = [message for message in DIALECTS[wire].read(again).messages if message.role == "assistant"]

    mine = [response.message] if response.parts else []
    if response.refusal is not None and wire == "openai_responses":
        mine.append(Message(role="assistant", content=response.refusal))
    assert _joined(plain(back)) == _joined(plain(mine))


def _joined(turns: list[tuple[Any, ...]]) -> Any:
    """Turns with neighbouring texts as one."""
    found = []
    for about, parts, calls in turns:
        said: list[tuple[Any, ...]] = []
        for part in parts:
            if isinstance(part, TextPart):
                _say(said, part.text)
            else:
                said.append((part.type, part.text, part.opaque))
        found.append((about, said, calls))
    return found
