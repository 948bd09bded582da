"""What core's own client writes, the dialect reads; what the dialect writes, core's own client reads.

Differences that the wire itself makes are in ``told`` and ``heard``, each with its reason.
"""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from backbay.events import Ended, Event, Grammar, Started, Text, Thinking, ToolDelta, UsageSeen
from backbay.folding import fold
from backbay.messages import (
    AudioPart,
    FilePart,
    ImagePart,
    Message,
    ResponseFormat,
    TextPart,
    ThinkingPart,
    ToolCall,
    ToolSpec,
)
from backbay.request import Request
from backbay.response import Finish, Response, Usage
from backbay.spec import BackendSpec
from backbay.wires.openai_chat import OpenAIChat
from backbay_gateway.dialects.base import Ask
from backbay_gateway.dialects.openai_chat import DIALECT
from backbay_gateway.dialects.openai_json import to_bytes, to_json

pytestmark = pytest.mark.hypothesis

SPEC = BackendSpec(name="example", wires=("openai_chat",))
CODEC = OpenAIChat(SPEC, {"thinking_field": "reasoning_content", "cache_marks": "cache_control", "file_urls": True})
PLAIN = OpenAIChat(SPEC, {"max_tokens_field": "max_completion_tokens"})

words = st.text(min_size=1, max_size=8)
texts = st.text(max_size=8)
names = st.from_regex(r"[a-zA-Z0-9_-]{1,12}", fullmatch=True)
marks = st.sampled_from([None, None, "5m", "1h"])
base64s = st.binary(min_size=1, max_size=9).map(lambda data: base64.b64encode(data).decode())
schemas = st.fixed_dictionaries(
    {"type": st.just("object"), "properties": st.dictionaries(names, st.just({}), max_size=2)}
)

text_parts = st.builds(TextPart, text=texts, cache=marks)
image_parts = st.one_of(
    st.builds(ImagePart, data=base64s, media_type=st.sampled_from(["image/png", "image/jpeg"]), cache=marks),
    st.builds(ImagePart, url=names.map("https://example.com/{}".format), detail=st.sampled_from([None, "low", "high"])),
)
audio_parts = st.builds(AudioPart, data=base64s, format=st.sampled_from(["wav", "mp3"]))
file_parts = st.one_of(
    st.builds(
        FilePart, data=base64s, media_type=st.sampled_from([None, "application/pdf", "text/plain"]), filename=names
    ),
    st.builds(FilePart, file_id=names, cache=marks),
    st.builds(FilePart, url=names.map("https://example.com/{}".format), filename=names),
)
user_parts = st.lists(st.one_of(text_parts, image_parts, audio_parts, file_parts), min_size=1, max_size=3).map(tuple)
said_parts = st.lists(st.one_of(text_parts, st.builds(ThinkingPart, text=texts)), min_size=1, max_size=3).map(tuple)
calls = st.builds(
    ToolCall, id=words, name=words, raw_arguments=st.sampled_from(["", "{}", '{"a": 1}', "{broken", '"text"'])
)
messages = st.one_of(
    st.builds(Message, role=st.just("system"), content=st.one_of(texts, st.lists(text_parts, min_size=1).map(tuple))),
    st.builds(Message, role=st.just("user"), content=st.one_of(texts, user_parts), name=st.none() | names),
    st.builds(
        Message,
        role=st.just("assistant"),
        content=st.one_of(st.none(), texts, said_parts),
        tool_calls=st.none() | st.lists(calls, min_size=1, max_size=2).map(tuple),
    ),
    st.builds(
        Message,
        role=st.just("tool"),
        content=st.one_of(texts, st.lists(text_parts, min_size=1, max_size=2).map(tuple)),
        tool_call_id=words,
    ),
)
tools = st.lists(
    st.builds(
        ToolSpec, name=names, description=texts, parameters=schemas, strict=st.none() | st.booleans(), cache=marks
    ),
    max_size=2,
    unique_by=lambda tool: tool.name,
).map(tuple)
formats = st.one_of(
    st.none(),
    st.just(ResponseFormat()),
    st.builds(
        ResponseFormat, schema_=schemas, name=names, description=st.none() | words, strict=st.none() | st.booleans()
    ),
)


@st.composite
def requests(draw: st.DrawFn) -> Request:
    """Requests that core's client can write on this wire."""
    offered = draw(tools)
    choices = ["auto", "none", "required", *(tool.name for tool in offered)]
    return Request(
        model=draw(names),
        messages=tuple(draw(st.lists(messages, min_size=1, max_size=4))),
        tools=offered,
        tool_choice=draw(st.sampled_from([None, *choices])) if offered else None,
        parallel_tool_calls=draw(st.none() | st.booleans()) if offered else None,
        temperature=draw(st.none() | st.floats(0, 2)),
        top_p=draw(st.none() | st.floats(0, 1)),
        max_tokens=draw(st.none() | st.integers(1, 10**6)),
        stop=tuple(draw(st.lists(words, max_size=2))),
        seed=draw(st.none() | st.integers(-5, 5)),
        response_format=draw(formats),
        reasoning=draw(st.sampled_from([None, "none", "minimal", "low", "medium", "high", "xhigh", "max"])),
    )


def told(message: Message) -> dict[str, Any]:
    """Return what of a message the wire can say."""
    parts: list[Any] = []
    for part in message.parts():
        match part:
            case TextPart(text="", cache=None) if message.role == "assistant":
                continue  # Runs of text without a mark go as one string.
            case ImagePart():
                parts.append((part.as_url, part.detail, part.cache))
            case FilePart(file_id=None):
                # Of a file with data, its type has to be said.
                kind = None if part.url else part.media_type or "application/pdf"
                parts.append((part.data, part.url, kind, part.filename, part.cache))
            case _:
                parts.append(part)
    if message.role == "assistant":
        parts = said(parts)
    return {
        "role": message.role,
        "parts": parts,
        "name": message.name,
        "id": message.tool_call_id,
        # Arguments that never were are an empty object.
        "calls": [(call.id, call.name, call.raw_arguments or "{}") for call in message.tool_calls or ()],
    }


def said(parts: list[Any]) -> list[Any]:
    """Return an assistant's parts as the wire has them: thinking as one field, then the text."""
    thought = "".join(part.text for part in parts if isinstance(part, ThinkingPart))
    spoken = [part for part in parts if isinstance(part, TextPart)]
    if all(part.cache is None for part in spoken):
        spoken = [TextPart(text=text)] if (text := "".join(part.text for part in spoken)) else []
    return [*([thought] if thought else []), *spoken]


@settings(max_examples=150, deadline=None)
@given(requests(), st.booleans())
def test_a_request_of_our_own_client_is_read_as_what_it_was(request: Request, stream: bool) -> None:
    ask = DIALECT.read(json.loads(CODEC.encode(request, stream=stream).body))
    back = Request(model=ask.model, messages=ask.messages, **ask.options)  # type: ignore[arg-type]
    assert [told(message) for message in back.messages] == [told(message) for message in request.messages]
    options = {"messages"}
    assert back.model_dump(exclude=options) == request.model_dump(exclude=options)
    assert (ask.stream, ask.usage) == (stream, True)


def test_both_names_of_the_limit_of_tokens_are_one() -> None:
    request = Request(model="m", messages=(Message(role="user", content="Hi"),), max_tokens=7)
    for codec in (CODEC, PLAIN):
        assert DIALECT.read(json.loads(codec.encode(request, stream=False).body)).options["max_tokens"] == 7


SIGNED = Thinking("", {"vendor": {"signature": "s"}})
counts = st.none() | st.integers(0, 1000)
usages = st.builds(Usage, input=counts, output=counts, cached=counts, cache_written=counts, reasoning=counts)
logprobs = st.lists(
    st.fixed_dictionaries({"token": words, "logprob": st.just(-0.5), "bytes": st.none(), "top_logprobs": st.just([])}),
    min_size=1,
    max_size=2,
).map(lambda content: {"logprobs": {"content": content}})


@st.composite
def streams(draw: st.DrawFn, *, opaque: bool = False) -> list[Event]:
    """Sequences of events that the grammar allows."""
    ids = draw(st.lists(words, unique=True, max_size=3))
    named = [(draw(st.integers(0, 9)) + 10 * number, call_id, draw(words)) for number, call_id in enumerate(ids)]
    kept = st.just({"vendor": {"signature": "s"}})
    kinds: list[st.SearchStrategy[Event]] = [
        st.builds(Text, words),
        st.builds(Thinking, words),
        st.builds(UsageSeen, usages),
    ]
    if opaque:
        kinds.append(st.builds(Thinking, texts, kept))
    if named:
        fragment = st.sampled_from(["", "{", "}", '"a": 1', "{}"])
        kinds += [st.builds(lambda c, f: ToolDelta(*c, f), st.sampled_from(named), fragment)] * 2
    events: list[Event] = [Started(draw(st.none() | words), draw(st.none() | words))] if draw(st.booleans()) else []
    events += draw(st.lists(st.one_of(kinds), max_size=8))
    finish = draw(st.sampled_from(list(Finish)))
    events.append(Ended(finish, "word", draw(st.none() | words), draw(st.none() | logprobs)))
    grammar = Grammar()
    for event in events:
        grammar.check(event)
    return events


def written(events: list[Event], ask: Ask) -> bytes:
    """Return the bytes of a stream."""
    writer = DIALECT.writer(ask)
    return b"".join(writer.feed(event) for event in events)


def decoded(body: bytes, size: int = 1 << 20) -> Response:
    """Return what core's client makes of a streamed body, in pieces of ``size`` bytes."""
    decoder = CODEC.decoder()
    events: list[Event] = []
    for start in range(0, len(body), size):
        events += decoder.feed(body[start : start + size])
    events += decoder.finish()
    assert decoder.failure is None
    return fold(events)


_FINISHES = {Finish.CANCELLED: Finish.LENGTH, Finish.OTHER: Finish.STOP}


def heard(answer: Response, ask: Ask, *, ours: bool) -> dict[str, Any]:
    """Return what of an answer the wire can say; of ours (``ours``), as the wire says it."""
    runs: list[tuple[str, str]] = []
    for part in answer.parts:
        # A call without arguments is held back by core's reader until they must be whole, so its place is not told.
        if part.type == "tool_call" or not part.text:
            continue
        if runs and runs[-1][0] == part.type:
            runs[-1] = (part.type, runs[-1][1] + part.text)
        else:
            runs.append((part.type, part.text))
    usage = answer.usage
    if usage is not None and (usage.input is None or usage.output is None):
        usage = None  # The wire has no word for a count that is not known.
    finish = answer.finish
    if ours and finish is not None:
        finish = _FINISHES.get(finish, finish)  # The wire has no word for these.
        if finish is Finish.STOP and (answer.tool_calls or answer.refusal):
            finish = Finish.TOOL_CALLS if answer.tool_calls else Finish.CONTENT_FILTER
    return {
        "runs": runs,
        "calls": sorted((call.id, call.name, call.raw_arguments or "{}") for call in answer.tool_calls),
        "finish": finish,
        "refusal": answer.refusal,
        "usage": usage and (usage.input, usage.output, usage.cached, usage.cache_written, usage.reasoning),
        "model": answer.model or ask.model,
        "id": answer.id if ours else None,
        "logprobs": (answer.details.get("logprobs") or {}).get("content"),  # type: ignore[union-attr, attr-defined]
    }


@settings(max_examples=200, deadline=None)
@given(streams(), st.integers(1, 200))
def test_a_stream_is_read_as_what_it_was_at_any_split(events: list[Event], size: int) -> None:
    ask = Ask("alias", (), stream=True, usage=True)
    before, after = fold(events), decoded(written(events, ask), size)
    expected, found = heard(before, ask, ours=True), heard(after, ask, ours=False)
    if expected.pop("id") is not None:
        assert after.id == before.id
    found.pop("id")
    assert found == expected


@settings(max_examples=150, deadline=None)
@given(streams())
def test_the_fold_of_a_stream_is_the_whole_answer(events: list[Event]) -> None:
    ask = Ask("alias", (), stream=True, usage=True)
    streamed = heard(decoded(written(events, ask)), ask, ours=False)
    body = to_bytes(to_json(DIALECT.write(fold(events), ask)))
    whole = heard(fold(CODEC.decode(body).events), ask, ours=False)
    # A whole answer has its thinking in one place and its text in another.
    for each in (streamed, whole):
        kinds = {kind: "".join(text for other, text in each["runs"] if other == kind) for kind in ("thinking", "text")}
        each["runs"] = kinds
    assert whole == streamed


@example([ToolDelta(0, "a", "f", "{"), Thinking("x"), ToolDelta(0, "a", "f", "}"), SIGNED, Ended(Finish.STOP)], False)
@settings(max_examples=100, deadline=None)
@given(streams(opaque=True), st.booleans())
def test_what_a_vendor_wants_back_comes_back_through_a_client_of_this_wire(events: list[Event], whole: bool) -> None:
    ask, answer = Ask("alias", (), stream=True), fold(events)
    if whole:
        client = OpenAIChat(SPEC, {})
        back = fold(client.decode(to_bytes(to_json(DIALECT.write(answer, ask)))).events)
    else:
        client = OpenAIChat(SPEC, {})
        back = decoded(written(events, ask))
    request = Request(model="m", messages=(Message(role="user", content="Hi"), back.message))
    read = DIALECT.read(json.loads(client.encode(request, stream=False).body)).messages[1]
    signed = [(part.text, part.opaque) for part in answer.parts if isinstance(part, ThinkingPart) and part.opaque]
    kept = [part for part in read.parts() if isinstance(part, ThinkingPart)]
    assert [(part.text, part.opaque) for part in kept if part.opaque] == signed
