"""The Gemini wire: ``generateContent`` and what belongs to it, at the Gemini API and on Vertex AI.

Source: the API references of both, and recorded traffic.

Settings, for ``connect``:
    thinking: ``"level"``, ``"budget"``, or ``"auto"`` (default): how an effort is asked for, by the model's name.
    json_schema: Send JSON Schemas as such (default), or in the fields for OpenAPI's, as some proxies want.
    tool_media: ``"inside"`` a tool's result, ``"beside"`` it, or ``"auto"`` (default): beside it before Gemini 3.
    mark_unsigned: Mark calls that another vendor's model made, which Gemini 3 refuses otherwise; default false.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from backbay.errors import DecodeError, InvalidRequestError
from backbay.events import Event
from backbay.http.codec import Codec, Decoded, ErrorFacts, HTTPRequest
from backbay.jsonbytes import JSONBody
from backbay.request import Request
from backbay.response import Embeddings, ModelInfo
from backbay.spec import BackendSpec
from backbay.wires.quirks import Quirks, checked
from backbay.wires.reading import excerpt, load_object
from backbay.wires.streaming import decode_stream, is_stream, read_whole
from backbay.wires.writing import refuse_owned, to_bytes

from . import contents, errors, lists, options
from .frames import GeminiDecoder, is_array
from .parts import FILES
from .reader import GeminiReader, is_blocked

QUIRKS: Quirks = {
    "thinking": ("auto", "level", "budget"),
    "json_schema": (True, False),
    "tool_media": ("auto", "inside", "beside"),
    "mark_unsigned": (False, True),
}

_PROMPT = ("systemInstruction", "contents", "tools")


class Gemini(Codec):
    """The codec of this wire, as the Gemini API speaks it."""

    files: str | None = FILES
    """As in ``parts.write_part``."""

    def __init__(self, spec: BackendSpec, quirks: Mapping[str, object]) -> None:
        self._backend = spec.name
        self._quirks = checked(QUIRKS, quirks, backend=spec.name, wire="gemini")

    def encode(self, request: Request, *, stream: bool) -> HTTPRequest:
        """Return the POST to ``generateContent``, or to ``streamGenerateContent`` for server-sent events."""
        verb = "streamGenerateContent?alt=sse" if stream else "generateContent"
        return HTTPRequest("POST", f"{_path(request.model)}:{verb}", to_bytes(self._body(request)))

    def encode_relay(self, model: str, body: JSONBody, *, stream: bool) -> HTTPRequest:
        """Return the POST of a caller's own body; the model, and whether to stream, stand in the path."""
        verb = "streamGenerateContent?alt=sse" if stream else "generateContent"
        return HTTPRequest("POST", f"{_path(model)}:{verb}", body.without("model").data)

    def decode(self, body: bytes) -> Decoded:
        """Return the answer in a body that was not streamed, or was all the same."""
        if is_stream(body) or is_array(body):
            return decode_stream(self.decoder(), body)
        raw = load_object(body, "an answer of generateContent")
        if not (raw.get("candidates") or raw.get("error") or is_blocked(raw)):
            raise DecodeError("The answer has no candidates.", body=excerpt(body))
        events: Sequence[Event] = read_whole(GeminiReader(self._backend), raw)
        return Decoded(events, raw)

    def decoder(self) -> GeminiDecoder:
        """Return a decoder for one stream: server-sent events, or one JSON array."""
        return GeminiDecoder(GeminiReader(self._backend), self.decode)

    def error(self, status: int, headers: Mapping[str, str], body: bytes) -> ErrorFacts:
        """Return what an error response says."""
        return errors.facts(body)

    def decode_models(self, body: bytes) -> Sequence[ModelInfo]:
        """Return the models of a page of the model list."""
        return lists.read_models(body)

    def next_page(self, body: bytes) -> str | None:
        """Return the query that gets the next page."""
        return lists.next_page(body)

    def encode_embeddings(self, model: str, inputs: Sequence[str], extra: Mapping[str, object]) -> HTTPRequest:
        """Return the POST to ``batchEmbedContents``; ``extra`` goes into the request of each input."""
        refuse_owned(extra, ("model", "content"))
        name = f"models/{lists.bare(model)}"
        requests = [{"model": name, "content": {"parts": [{"text": text}]}, **extra} for text in inputs]
        return HTTPRequest("POST", f"{_path(model)}:batchEmbedContents", to_bytes({"requests": requests}))

    def decode_embeddings(self, body: bytes, count: int) -> Embeddings:
        """Return the vectors of an embeddings body."""
        return lists.read_embeddings(body, count)

    def encode_count(self, request: Request) -> HTTPRequest:
        """Return the POST to ``countTokens``, for all of the prompt: its system messages and its tools too."""
        prompt = {"model": f"models/{lists.bare(request.model or '')}", **self._prompt(request)}
        return HTTPRequest("POST", f"{_path(request.model)}:countTokens", to_bytes({"generateContentRequest": prompt}))

    def decode_count(self, body: bytes) -> int:
        """Return the number of tokens."""
        return lists.read_count(body)

    def _prompt(self, request: Request) -> dict[str, Any]:
        body = self._body(request)
        return {name: body[name] for name in _PROMPT if name in body}

    def _body(self, request: Request) -> dict[str, Any]:
        refuse_owned(request.extra, options.OWNED)
        quirks = self._quirks
        media = quirks["tool_media"]
        json_schema = quirks["json_schema"] is True
        how = contents.Writing(
            backend=self._backend,
            files=self.files,
            inside=media == "inside" or (media == "auto" and not options.is_older(request.model)),
            mark_unsigned=quirks["mark_unsigned"] is True,
        )
        body = contents.write(request.messages, how)
        body |= options.tools(request, json_schema=json_schema)
        config = options.generation_config(request, thinking=str(quirks["thinking"]), json_schema=json_schema)
        if config:
            body["generationConfig"] = config
        merged = ("generationConfig", "toolConfig")
        return {**body, **{name: value for name, value in request.extra.items() if name not in merged}}


class VertexGemini(Gemini):
    """The codec of this wire, as Vertex AI speaks it."""

    files = None

    def encode_embeddings(self, model: str, inputs: Sequence[str], extra: Mapping[str, object]) -> HTTPRequest:
        """Return the POST to ``batchEmbedContents`` for Gemini's models, to ``predict`` for older ones.

        ``extra`` goes into the request of each input, or beside the instances.
        """
        if "gemini" in lists.bare(model):
            refuse_owned(extra, ("content",))
            requests = [{"content": {"parts": [{"text": text}]}, **extra} for text in inputs]
            return HTTPRequest("POST", f"{_path(model)}:batchEmbedContents", to_bytes({"requests": requests}))
        refuse_owned(extra, ("instances",))
        body = {"instances": [{"content": text} for text in inputs], **extra}
        return HTTPRequest("POST", f"{_path(model)}:predict", to_bytes(body))

    def encode_count(self, request: Request) -> HTTPRequest:
        """Return the POST to ``countTokens``, for all of the prompt: its system messages and its tools too."""
        return HTTPRequest("POST", f"{_path(request.model)}:countTokens", to_bytes(self._prompt(request)))


def _path(model: str | None) -> str:
    """Return the path of a model: ``models/x``; a tuned one has a path of its own."""
    name = lists.bare(model or "")
    if not name:
        raise InvalidRequestError("This wire has the model in its address; give model=.")
    if name.startswith("tunedModels/"):
        return quote(name, safe="/")
    if name.startswith("endpoints/"):
        # An endpoint stands beside the publishers of the location that the base URL ends in.
        return f"../../{quote(name, safe='/')}"
    return f"models/{quote(name, safe='@')}"
