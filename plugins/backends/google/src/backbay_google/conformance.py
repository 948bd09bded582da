"""How the conformance suite asks these backends, and the Gemini wire emulated.

Source: recorded traffic of the Gemini API and of Vertex AI, and the reference of generateContent. It needs the extra
``conformance``; nothing in this package imports it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar
from urllib.parse import unquote

from backbay import Finish
from backbay.testing import Received
from backbay_conformance import BackendConformance
from backbay_conformance.fuzzing.laws import check_frames
from backbay_conformance.fuzzing.mutation import Mutator
from backbay_conformance.fuzzing.surface import Surface, surface
from backbay_conformance.scenarios import SCENARIOS, Answer, Call
from backbay_conformance.vendor import ANSWER_ID, MODEL, Asked, Dialect, Turn, Vendor
from backbay_conformance.vendors.anthropic_messages import AnthropicMessagesVendor

from . import spec as _spec
from . import vertex_spec as _vertex_spec
from .frames import ArrayFrames

WORDS = {
    Finish.STOP: "STOP",
    Finish.LENGTH: "MAX_TOKENS",
    Finish.TOOL_CALLS: "STOP",
    Finish.CONTENT_FILTER: "SAFETY",
}
STATUSES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
_PATH = re.compile(r".*/models/(?P<model>[^/]+):(?P<verb>generateContent|streamGenerateContent\?alt=sse)")
_RAW_PATH = re.compile(r".*/models/(?P<model>[^/]+):(?P<verb>rawPredict|streamRawPredict)")
_CHOICES = {"AUTO": "auto", "VALIDATED": "auto", "NONE": "none", "ANY": "required"}


class GeminiVendor(Vendor):
    """Answers as the Gemini API does: CRLF, a whole call in one part, usage beside each chunk."""

    wire = "gemini"
    extra = ("safetySettings", [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE"}])
    owned = "contents"
    resends_thinking = True
    system_turns = "first"
    dialects = (Dialect("last_chunk"), Dialect("every_chunk"))

    def whole(self, answer: Answer) -> bytes:
        """Return a ``GenerateContentResponse``."""
        parts = list(_parts(answer))
        content = {"parts": parts, "role": "model"} if parts else {"role": "model"}
        candidate = {"content": content, "finishReason": WORDS[answer.finish], "index": 0}
        return json.dumps({**_head([candidate]), **_usage(answer)}, indent=2, ensure_ascii=False).encode()

    def stream(self, answer: Answer) -> Sequence[bytes]:
        """Return the chunks as server-sent events; the last has the finish reason, and the signature of a text."""
        chunks = [json.dumps(chunk, ensure_ascii=False).encode() for chunk in self._chunks(answer)]
        return [b"data: " + chunk + b"\r\n\r\n" for chunk in chunks]

    def _chunks(self, answer: Answer) -> Iterator[dict[str, Any]]:
        usage = _usage(answer)
        # Vertex AI tells of the prompt at the end only, and till then of the traffic (recorded).
        growing: Mapping[str, Any] = {"usageMetadata": {"trafficType": "ON_DEMAND"}}
        if answer.dialect == "every_chunk" and usage:
            counts = usage["usageMetadata"]
            growing = {"usageMetadata": {"promptTokenCount": counts["promptTokenCount"], "totalTokenCount": 1}}
        for part in _parts(answer, streamed=True):
            yield {**_head([{"content": {"parts": [part], "role": "model"}, "index": 0}]), **growing}
        signed = answer.signature is not None and not answer.calls
        last = {"text": "", **({"thoughtSignature": answer.signature} if signed else {})}
        candidate = {"content": {"parts": [last], "role": "model"}, "finishReason": WORDS[answer.finish], "index": 0}
        yield {**_head([candidate]), **usage}

    def error(self, status: int, message: str) -> bytes:
        """Return a ``google.rpc.Status``."""
        word = STATUSES.get(status, "UNKNOWN")
        return json.dumps({"error": {"code": status, "message": message, "status": word}}, indent=2).encode()

    def error_event(self, message: str) -> bytes:
        """Return an error in a stream."""
        error = {"error": {"code": 503, "message": message, "status": "UNAVAILABLE"}}
        return b"data: " + json.dumps(error).encode() + b"\r\n\r\n"

    def models(self, ids: Sequence[str]) -> bytes:
        """Return a page of models; an empty list is left out."""
        listed = [{"name": f"models/{model}", "displayName": model, "inputTokenLimit": 1048576} for model in ids]
        return json.dumps({"models": listed} if listed else {}).encode()

    def embeddings(self, vectors: Sequence[Sequence[float]]) -> bytes:
        """Return vectors, in the order of the inputs."""
        return json.dumps({"embeddings": [{"values": list(vector)} for vector in vectors]}).encode()

    def read(self, request: Received) -> Asked:
        """Return what a request asked."""
        path = _PATH.fullmatch(request.path)
        if request.method != "POST" or path is None:
            raise ValueError(f"{request.method} {request.path} is no generateContent")
        body = request.json
        config = body.get("generationConfig", {})
        return Asked(
            model=unquote(path["model"]),
            stream=path["verb"] != "generateContent",
            turns=(*_system(body), *(turn for content in body["contents"] for turn in _turns(content))),
            tools=tuple(each["name"] for tool in body.get("tools", ()) for each in tool["functionDeclarations"]),
            tool_choice=_choice(body.get("toolConfig", {}).get("functionCallingConfig")),
            temperature=config.get("temperature"),
            top_p=config.get("topP"),
            max_tokens=config.get("maxOutputTokens"),
            stop=tuple(config.get("stopSequences", ())),
            seed=config.get("seed"),
            schema=config.get("responseJsonSchema"),
            body=body,
        )


class ArrayVendor(GeminiVendor):
    """Streams one JSON array, as proxies do that do not pass ``alt=sse`` on."""

    @property
    def stream_type(self) -> str:
        """A JSON array is no event stream."""
        return "application/json"

    def stream(self, answer: Answer) -> Sequence[bytes]:
        """Return the elements of the array; the end of it belongs to the last."""
        chunks = [json.dumps(chunk, indent=2, ensure_ascii=False).encode() for chunk in self._chunks(answer)]
        begun = [b"[" + chunks[0], *(b"\r\n,\r\n" + chunk for chunk in chunks[1:])]
        return [*begun[:-1], begun[-1] + b"\r\n]"]

    def error_event(self, message: str) -> bytes:
        """Return an error in a list, as Google answers one that asks for a stream."""
        error = {"error": {"code": 503, "message": message, "status": "UNAVAILABLE"}}
        return b"[" + json.dumps(error).encode() + b"\r\n]"


def surfaces() -> list[Surface]:
    """Return what is fuzzed besides the wires: the elements of an array."""
    seeds = [ArrayVendor().stream(SCENARIOS[name].answer) for name in ("plain", "unicode", "one_tool")]
    return [surface("google.array_frames", Mutator(seeds), lambda data: check_frames(data, ArrayFrames), seeds)]


class VertexVendor(GeminiVendor):
    """Answers as Vertex AI does, where it differs: model lists, and vectors of its older models."""

    def models(self, ids: Sequence[str]) -> bytes:
        """Return a page of publisher models; an empty list is left out."""
        listed = [{"name": f"publishers/google/models/{model}", "versionId": "001"} for model in ids]
        return json.dumps({"publisherModels": listed} if listed else {}).encode()

    def embeddings(self, vectors: Sequence[Sequence[float]]) -> bytes:
        """Return predictions, in the order of the inputs."""
        counted = {"token_count": 4, "truncated": False}
        each = [{"embeddings": {"values": list(vector), "statistics": counted}} for vector in vectors]
        return json.dumps({"predictions": each}).encode()


class VertexAnthropicVendor(AnthropicMessagesVendor):
    """Answers as Anthropic's models do on Vertex AI: the model in the address, the version in the body."""

    def read(self, request: Received) -> Asked:
        """Return what a request asked."""
        path = _RAW_PATH.fullmatch(request.path)
        body = request.json
        if request.method != "POST" or path is None:
            raise ValueError(f"{request.method} {request.path} is no rawPredict")
        if body.pop("anthropic_version", None) != "vertex-2023-10-16":
            raise ValueError("anthropic_version: Field required")
        if "model" in body or bool(body.get("stream")) != (path["verb"] == "streamRawPredict"):
            raise ValueError("The body names a model, or asks for another form than the address.")
        body["model"] = unquote(path["model"])
        headers = {**request.headers, "anthropic-version": "2023-06-01"}
        return super().read(replace(request, path="/messages", headers=headers, body=json.dumps(body).encode()))


class Conformance(BackendConformance):
    """Every law, for the Gemini API."""

    spec = _spec
    vendor = GeminiVendor


class ArrayConformance(BackendConformance):
    """Every law, for a server that streams a JSON array."""

    spec = _spec
    vendor = ArrayVendor


class VertexConformance(BackendConformance):
    """Every law, for Vertex AI."""

    spec = _vertex_spec
    vendor = VertexVendor
    config: ClassVar = {"project": "acme", "location": "us-central1"}


class VertexAnthropicConformance(BackendConformance):
    """Every law, for Anthropic's models on Vertex AI."""

    spec = _vertex_spec.on_wire("anthropic_messages")
    vendor = VertexAnthropicVendor
    config: ClassVar = {"project": "acme", "location": "us-east5"}


def _head(candidates: list[dict[str, Any]]) -> dict[str, Any]:
    return {"candidates": candidates, "modelVersion": MODEL, "responseId": ANSWER_ID}


def _parts(answer: Answer, *, streamed: bool = False) -> Iterator[dict[str, Any]]:
    """Yield the parts of an answer; a signature stands on the first call, or on a whole answer's text."""
    thoughts = answer.thinking if streamed else [part for part in ("".join(answer.thinking),) if part]
    yield from ({"text": piece, "thought": True} for piece in thoughts)
    # A refusal is words of the model on this wire, and a finish reason.
    said = (*answer.text, *answer.refusal)
    texts = [{"text": piece} for piece in (said if streamed else ("".join(said),)) if piece]
    if texts and answer.signature is not None and not answer.calls and not streamed:
        texts[-1]["thoughtSignature"] = answer.signature
    yield from texts
    for number, call in enumerate(answer.calls):
        signed = {"thoughtSignature": answer.signature} if answer.signature is not None and not number else {}
        yield {"functionCall": _call(call), **signed}


def _call(call: Call) -> dict[str, Any]:
    written: dict[str, Any] = {"id": call.id, "name": call.name}
    if not call.raw:
        return written
    try:
        return {**written, "args": json.loads(call.raw)}
    except ValueError:
        # Google's own servers give objects only; what is no object can stand here as text, as a proxy would have it.
        return {**written, "args": call.raw}


def _usage(answer: Answer) -> dict[str, Any]:
    if answer.usage is None:
        return {}
    prompt, completion = answer.usage
    counts = {"promptTokenCount": prompt, "candidatesTokenCount": completion - (answer.reasoning or 0)}
    counts["totalTokenCount"] = prompt + completion
    if answer.cached is not None:
        counts["cachedContentTokenCount"] = answer.cached
    if answer.reasoning is not None:
        counts["thoughtsTokenCount"] = answer.reasoning
    return {"usageMetadata": counts}


def _system(body: Mapping[str, Any]) -> list[Turn]:
    return [Turn("system", part["text"]) for part in body.get("systemInstruction", {}).get("parts", ())]


def _turns(content: Mapping[str, Any]) -> Iterator[Turn]:
    """Yield the turns of a content: a tool's result is one by itself, all else is one together."""
    parts = content["parts"]
    results = [part["functionResponse"] for part in parts if "functionResponse" in part]
    for result in results:
        yield Turn("tool", str(result["response"].get("output", result["response"])), answers=result.get("id"))
    if results:
        return
    calls = [part["functionCall"] for part in parts if "functionCall" in part]
    thoughts = [part["text"] for part in parts if part.get("thought")]
    yield Turn(
        role={"user": "user", "model": "assistant"}[content["role"]],
        text="".join(part["text"] for part in parts if "text" in part and not part.get("thought")),
        images=sum(_is_image(part) for part in parts),
        calls=tuple((call.get("id", ""), call["name"], call["args"]) for call in calls),
        signatures=tuple(part["thoughtSignature"] for part in parts if "thoughtSignature" in part),
        thinking="".join(thoughts) if thoughts else None,
    )


def _is_image(part: Mapping[str, Any]) -> bool:
    source = part.get("inlineData") or part.get("fileData") or {}
    return str(source.get("mimeType", "")).startswith("image/")


def _choice(config: Mapping[str, Any] | None) -> str | None:
    if config is None:
        return None
    names = config.get("allowedFunctionNames")
    return str(names[0]) if names else _CHOICES[config["mode"]]
