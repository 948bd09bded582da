"""A server on the loopback that answers as every vendor does, by the path that is asked; and the way there.

What each wire looks like is what the emulators of the conformance suite know: those of core's wires, and those that the
plugins with a wire of their own ship.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from importlib.metadata import entry_points
from typing import Any
from urllib.parse import urlsplit

from backbay.http.adapters.direct import DirectTransport
from backbay.http.transport import TransportResponse
from backbay.response import Finish
from backbay.testing import Received, Reply, ScriptedServer
from backbay_conformance.batchdesk import BatchDesk
from backbay_conformance.problems import EmulatorError
from backbay_conformance.scenarios import Answer, Call
from backbay_conformance.vendor import Asked, Vendor
from backbay_conformance.vendors import VENDORS

_LOCAL = ("127.", "localhost", "::1")
_OTHER_CALLS: dict[str, Any] = {
    "/rerank": {"results": [{"index": 0, "relevance_score": 0.9}], "data": [{"index": 0, "relevance_score": 0.9}]},
    "/tokenize": {"tokens": [1, 2, 3], "token_strings": ["Say", " pong", "."]},
    "/count_tokens": {"input_tokens": 3},
    ":countTokens": {"totalTokens": 3},
    "/health": {"status": "ok"},
    "/version": {"version": "0.9.0"},
}
"""Answers to calls that the emulators do not write, by how their paths end."""

_OF_BATCHES = ("/files", "/batches", "/batch/jobs")
"""What stands in the paths of calls about batches."""


def emulators(preferred: str) -> list[Vendor]:
    """Return an emulator of each wire; first those of the plugin whose backend has the name ``preferred``."""
    found: list[Vendor] = []
    for entry in sorted(entry_points(group="backbay.conformance"), key=lambda entry: entry.name != preferred):
        try:
            vendor = getattr(entry.load(), "vendor", None)
        except ImportError as failure:  # of a plugin that wants what this environment does not have
            print(f"no emulator of {entry.name}: {failure}", file=sys.stderr)
            continue
        made = vendor() if isinstance(vendor, type) else vendor
        if isinstance(made, Vendor):
            found.append(made)
    own = [vendor for vendor in found if type(vendor).__module__.startswith(f"backbay_{preferred.replace('-', '_')}.")]
    core = [VENDORS["openai_chat"](), *(kind() for wire, kind in VENDORS.items() if wire != "openai_chat")]
    return [*own, *core, *(vendor for vendor in found if vendor not in own)]


class Vendors:
    """Answers a request in the wire that it is in: with a tool call, with JSON of a schema, or with "pong."."""

    def __init__(self, preferred: str) -> None:
        self._emulators = emulators(preferred)
        self._lists = self._emulators[0]
        self._desk = _desk(self._lists)

    def __call__(self, request: Received) -> Reply:
        """Return the answer to a request; 404 for one that no emulator knows, with the path in it."""
        path = request.path.partition("?")[0]
        for readable in (request, _without_tools(request)):
            for vendor in self._emulators:
                try:
                    asked = vendor.read(readable)
                except (ValueError, KeyError, TypeError, AttributeError):
                    continue
                return vendor.reply(readable, answer_to(asked))
        for end, body in _OTHER_CALLS.items():
            if path.endswith(end):
                return Reply.json(body)
        if self._desk is not None and any(part in path for part in _OF_BATCHES):
            return self._desk(request)
        if path.endswith(("/embeddings", "/embed", ":batchEmbedContents", ":embedContent")):
            body = request.json
            asked_for = body.get("input") or body.get("texts") or body.get("inputs") or body.get("requests") or [""]
            count = 1 if isinstance(asked_for, str) else len(asked_for)
            vectors = [[0.25, 0.5, 0.75]] * count
            return Reply(headers={"content-type": "application/json"}, steps=[self._lists.embeddings(vectors)])
        if request.method == "GET":
            models = self._lists.models(["conformance-1"])
            return Reply(headers={"content-type": "application/json"}, steps=[models])
        return Reply.json({"error": {"message": f"no emulator knows {request.method} {path}"}}, status=404)


def _desk(vendor: Vendor) -> BatchDesk | None:
    """Return what takes batches on the wire of a vendor that has them."""
    try:
        return vendor.batches()
    except EmulatorError:
        return None


def _without_tools(request: Received) -> Received:
    """Return a request without its tools, for an emulator that does not know those that a vendor runs by itself."""
    try:
        body = {name: value for name, value in request.json.items() if name not in ("tools", "toolConfig")}
    except (ValueError, AttributeError):
        return request
    return replace(request, body=json.dumps(body).encode())


def answer_to(asked: Asked) -> Answer:
    """Return what a vendor that wants to please answers to a request."""
    if asked.schema is not None:
        return Answer(text=(json.dumps(instance(asked.schema)),))
    if asked.tools and asked.turns[-1].answers is None and not asked.turns[-1].calls:
        parameters = _parameters(asked, asked.tools[0])
        call = Call("call_a", asked.tools[0], (json.dumps(instance(parameters)),))
        return Answer(calls=(call,), finish=Finish.TOOL_CALLS)
    return Answer(text=("po", "ng", "."))


def instance(schema: Any) -> Any:
    """Return a value that fits a JSON Schema of the plain kinds that documentation has."""
    if "enum" in schema:
        return schema["enum"][0]
    match schema.get("type", "object"):
        case "object":
            return {name: instance(inner) for name, inner in schema.get("properties", {}).items()}
        case "array":
            return [instance(schema.get("items", {"type": "string"}))]
        case "integer" | "number":
            return schema.get("minimum", 1)
        case "boolean":
            return True
        case _:
            return "Rome"


def _parameters(asked: Asked, name: str) -> Any:
    for tool in asked.body.get("tools", ()):
        function = tool.get("function", tool)
        if function.get("name") == name:
            return function.get("parameters") or function.get("input_schema") or {}
    return {}


def lead_to(server: ScriptedServer) -> None:
    """Send every request of the default transport to ``server``, and refuse any connection off this machine.

    A request to an address on this machine goes there too, since no engine runs where the tests do.
    """
    send = DirectTransport.send

    async def send_to_server(
        self: DirectTransport, method: str, url: str, headers: Sequence[tuple[str, str]], body: bytes
    ) -> TransportResponse:
        parts = urlsplit(url)
        rest = f"{parts.path}?{parts.query}" if parts.query else parts.path
        return await send(self, method, f"http://127.0.0.1:{server.port}{rest}", headers, body)

    DirectTransport.send = send_to_server  # type: ignore[method-assign]
    sys.addaudithook(_stay_here)


def _stay_here(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "socket.connect" and isinstance(arguments[1], tuple):
        host = str(arguments[1][0])
    elif event == "socket.getaddrinfo" and arguments[0] is not None:
        host = str(arguments[0])
    else:
        return
    if not host.startswith(_LOCAL):
        raise PermissionError(f"a page of the documentation wanted to connect to {host}")
