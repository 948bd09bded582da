"""How the conformance suite asks this backend, and Bedrock's two wires emulated.

Source: Bedrock's API reference (Converse, ConverseStream, InvokeModelWithResponseStream), AWS's description of event
streams, and recorded traffic. It needs the extra ``conformance``; nothing in this package imports it.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import unquote

from backbay import Finish
from backbay.testing import Received
from backbay_conformance import BackendConformance
from backbay_conformance.fuzzing.laws import check_frames
from backbay_conformance.fuzzing.mutation import Mutator
from backbay_conformance.fuzzing.surface import Surface, surface
from backbay_conformance.scenarios import SCENARIOS, Answer, Call
from backbay_conformance.vendor import Asked, Dialect, Turn, Vendor
from backbay_conformance.vendors.anthropic_messages import UNSAID, AnthropicMessagesVendor

from . import spec as _spec
from .emitting import EventStreamFraming, event, exception
from .frames import EventStreamFrames, converse_text

WORDS = {
    Finish.STOP: "end_turn",
    Finish.LENGTH: "max_tokens",
    Finish.TOOL_CALLS: "tool_use",
    Finish.CONTENT_FILTER: "guardrail_intervened",
}
METRICS = {"inputTokenCount": 12, "outputTokenCount": 5, "invocationLatency": 583, "firstByteLatency": 120}
_CONFIG = {"region": "us-east-1"}
_PATH = re.compile(r".*/model/(?P<model>[^/]+)/(?P<operation>[a-z-]+)")
_CHOICES = {"auto": "auto", "any": "required"}


class _BedrockVendor(Vendor):
    """What both wires have in common: errors, model lists, embeddings, and the framing of streams."""

    @property
    def stream_type(self) -> str:
        """Messages of AWS's event stream."""
        return "application/vnd.amazon.eventstream"

    @property
    def framing(self) -> EventStreamFraming:
        """A changed payload needs other lengths and checksums."""
        return EventStreamFraming()

    def error(self, status: int, message: str) -> bytes:
        """Return the words of an error; its type would stand in a header."""
        return _json({"message": message})

    def error_event(self, message: str) -> bytes:
        """Return an exception."""
        return exception("modelStreamErrorException", message)

    def models(self, ids: Sequence[str]) -> bytes:
        """Return a list of foundation models."""
        arn = "arn:aws:bedrock:us-east-1::foundation-model/"
        listed = [{"modelArn": arn + model, "modelId": model, "modelName": model} for model in ids]
        return _json({"modelSummaries": [{**each, "providerName": "Acme"} for each in listed]})

    def embeddings(self, vectors: Sequence[Sequence[float]]) -> bytes:
        """Return vectors as Cohere Embed v4 does, in the order of the inputs."""
        listed = [list(vector) for vector in vectors]
        return _json({"id": "e-1", "embeddings": {"float": listed}, "response_type": "embeddings_by_type"})


class ConverseVendor(_BedrockVendor):
    """Answers as Converse does: text begins without a word, and the counts come after the end."""

    wire = "bedrock_converse"
    extra = ("requestMetadata", {"acme": "3"})
    owned = "inferenceConfig"
    resends_thinking = True
    system_turns = "first"
    image_urls = False
    names_model = False
    names_answer = False
    tells = frozenset({"input", "output", "cached"})
    dialects = (Dialect("with_cache", tells), Dialect("without_cache", frozenset({"input", "output"})))

    @property
    def events_that_finish(self) -> int:
        """The stop reason is one; the metadata follow it."""
        return 2

    def whole(self, answer: Answer) -> bytes:
        """Return the body of Converse."""
        content = [block for block, _, _ in _blocks(answer)]
        message = {"output": {"message": {"content": content, "role": "assistant"}}}
        return _json({**message, "stopReason": WORDS[answer.finish], **_metadata(answer)})

    def stream(self, answer: Answer) -> Sequence[bytes]:
        """Return the events of ConverseStream."""
        return [event(name, value) for name, value in self._events(answer)]

    def _events(self, answer: Answer) -> Iterator[tuple[str, dict[str, Any]]]:
        yield "messageStart", {"role": "assistant"}
        for index, (_, start, deltas) in enumerate(_blocks(answer)):
            if start is not None:
                yield "contentBlockStart", {"contentBlockIndex": index, "start": start}
            for delta in deltas:
                yield "contentBlockDelta", {"contentBlockIndex": index, "delta": delta}
            yield "contentBlockStop", {"contentBlockIndex": index}
        yield "messageStop", {"stopReason": WORDS[answer.finish]}
        yield "metadata", _metadata(answer)

    def read(self, request: Received) -> Asked:
        """Return what a request asked."""
        path = _PATH.fullmatch(request.path)
        if request.method != "POST" or path is None or path["operation"] not in ("converse", "converse-stream"):
            raise ValueError(f"{request.method} {request.path} is no call of Converse")
        body = request.json
        config = body.get("inferenceConfig", {})
        tools = body.get("toolConfig", {})
        form = body.get("outputConfig", {}).get("textFormat")
        return Asked(
            model=unquote(path["model"]),
            stream=path["operation"] == "converse-stream",
            turns=tuple(_turns(body)),
            tools=tuple(tool["toolSpec"]["name"] for tool in tools.get("tools", ())),
            tool_choice=_choice(tools.get("toolChoice")),
            temperature=config.get("temperature"),
            top_p=config.get("topP"),
            max_tokens=config.get("maxTokens"),
            stop=tuple(config.get("stopSequences", ())),
            schema=None if form is None else json.loads(form["structure"]["jsonSchema"]["schema"]),
            body=body,
        )


class InvokeVendor(_BedrockVendor, AnthropicMessagesVendor):
    """Answers as Anthropic's models do by InvokeModel: their own events, each in base64 within one of AWS's."""

    wire = "bedrock_invoke"

    @property
    def events_that_finish(self) -> int:
        """The stop reason is one; ``message_stop`` follows it."""
        return 2

    def stream(self, answer: Answer) -> Sequence[bytes]:
        """Return the events of the answer. The last has Bedrock's own metrics too."""
        events = [json.loads(sent.partition(b"data: ")[2]) for sent in AnthropicMessagesVendor.stream(self, answer)]
        events[-1]["amazon-bedrock-invocationMetrics"] = METRICS
        return [event("chunk", {"bytes": base64.b64encode(_json(each)).decode()}) for each in events]

    def read(self, request: Received) -> Asked:
        """Return what a request asked."""
        path = _PATH.fullmatch(request.path)
        streamed = "invoke-with-response-stream"
        if request.method != "POST" or path is None or path["operation"] not in ("invoke", streamed):
            raise ValueError(f"{request.method} {request.path} is no call of InvokeModel")
        body = request.json
        if body.get("anthropic_version") != "bedrock-2023-05-31":
            raise ValueError("anthropic_version: Field required")
        if "model" in body or "stream" in body:
            raise ValueError("model, stream: Extra inputs are not permitted")
        # All else is the messages wire, as its own emulator reads it.
        named = {**body, "model": unquote(path["model"]), "stream": path["operation"] == streamed}
        version = {"anthropic-version": "2023-06-01"}
        asked = AnthropicMessagesVendor.read(
            self, replace(request, path="/messages", headers=version, body=_json(named))
        )
        # A budget is added to what the codec says where nobody does.
        unsaid = UNSAID + body.get("thinking", {}).get("budget_tokens", 0)
        return replace(asked, body=body, max_tokens=None if asked.max_tokens == unsaid else asked.max_tokens)


class Conformance(BackendConformance):
    """Every law, for Converse."""

    spec = _spec
    vendor = ConverseVendor
    config = _CONFIG


def surfaces() -> list[Surface]:
    """Return what is fuzzed besides the wires: the messages of an event stream."""
    seeds = [ConverseVendor().stream(SCENARIOS[name].answer) for name in ("plain", "thinking", "parallel_tools")]
    seeds.append([event("messageStart", {"role": "assistant"}), exception("throttlingException", "Slower.")])
    mutator = Mutator(seeds, EventStreamFraming())
    return [surface("bedrock.frames", mutator, lambda data: check_frames(data, _frames), seeds)]


def _frames() -> EventStreamFrames:
    return EventStreamFrames(converse_text)


class InvokeConformance(BackendConformance):
    """Every law, for Anthropic's models by InvokeModel."""

    spec = _spec.on_wire("bedrock_invoke")
    vendor = InvokeVendor
    config = _CONFIG


class ChatConformance(BackendConformance):
    """Every law, for chat completions."""

    spec = _spec.on_wire("openai_chat")
    config = _CONFIG


class ResponsesConformance(BackendConformance):
    """Every law, for responses."""

    spec = _spec.on_wire("openai_responses")
    config = _CONFIG


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def _blocks(answer: Answer) -> Iterator[tuple[dict[str, Any], dict[str, Any] | None, list[dict[str, Any]]]]:
    """Yield each block of an answer as it is whole, what it begins with in a stream, and the deltas that follow."""
    if answer.thinking or answer.signature:
        signed = {} if answer.signature is None else {"signature": answer.signature}
        deltas = [{"reasoningContent": {"text": piece}} for piece in answer.thinking]
        deltas += [{"reasoningContent": signed}] if signed else []
        yield {"reasoningContent": {"reasoningText": {"text": "".join(answer.thinking), **signed}}}, None, deltas
    pieces = answer.text + answer.refusal
    if pieces:
        # Streams of some models begin with a piece that is empty (recorded).
        yield {"text": "".join(pieces)}, None, [{"text": piece} for piece in ("", *pieces)]
    for call in answer.calls:
        start = {"toolUseId": call.id, "name": call.name}
        deltas = [{"toolUse": {"input": piece}} for piece in call.arguments]
        yield {"toolUse": {**start, "input": _input(call), "type": "tool_use"}}, {"toolUse": start}, deltas


def _input(call: Call) -> object:
    try:
        return json.loads(call.raw or "{}")
    except ValueError:
        return call.raw  # Cut off by maxTokens, and here with all that came, as a string.


def _metadata(answer: Answer) -> dict[str, Any]:
    metrics = {"metrics": {"latencyMs": 583}}
    if answer.usage is None:
        return metrics
    prompt, output = answer.usage
    cached = 0 if answer.dialect == "without_cache" else answer.cached or 0
    usage = {"inputTokens": prompt - cached, "outputTokens": output, "totalTokens": prompt + output}
    if answer.cached is not None and answer.dialect != "without_cache":
        counts = {"cacheReadInputTokens": cached, "cacheReadInputTokenCount": cached}
        usage |= {**counts, "cacheWriteInputTokens": 0, "cacheWriteInputTokenCount": 0}
    return {**metrics, "usage": {**usage, "serverToolUsage": {}}}


def _turns(body: Mapping[str, Any]) -> Iterator[Turn]:
    yield from (Turn("system", block["text"]) for block in body.get("system", ()))
    last = None
    for message in body["messages"]:
        if message["role"] == last:
            raise ValueError("A conversation must alternate between user and assistant roles.")
        last = message["role"]
        if not message["content"]:
            raise ValueError("The content field in the Message object is empty.")
        results = [block["toolResult"] for block in message["content"] if "toolResult" in block]
        others = [block for block in message["content"] if "toolResult" not in block]
        for result in results:
            text = "".join(block.get("text", "") for block in result["content"])
            images = sum("image" in block for block in result["content"])
            yield Turn("tool", text, images, answers=result["toolUseId"])
        if others:
            yield _turn(message["role"], others)


def _turn(role: str, blocks: Sequence[Mapping[str, Any]]) -> Turn:
    uses = [block["toolUse"] for block in blocks if "toolUse" in block]
    thoughts = [block["reasoningContent"]["reasoningText"] for block in blocks if "reasoningContent" in block]
    return Turn(
        role=role,
        text="".join(block.get("text", "") for block in blocks),
        images=sum("image" in block for block in blocks),
        calls=tuple((use["toolUseId"], use["name"], use["input"]) for use in uses),
        signatures=tuple(thought["signature"] for thought in thoughts),
        thinking="".join(thought["text"] for thought in thoughts) if thoughts else None,
    )


def _choice(value: Mapping[str, Any] | None) -> str | None:
    if value is None:
        return None
    kind = next(iter(value))
    return str(value["tool"]["name"]) if kind == "tool" else _CHOICES[kind]
