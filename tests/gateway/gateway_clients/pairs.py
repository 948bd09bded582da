"""The sixteen pairs: four kinds of client and of backend, and the canonical scenarios of the conformance suite.

The client is Backbay, which reads the gateway's answers with the decoders that read the vendors'; a backend is an
emulator of the suite on the loopback, or, for ``native``, one in the gateway's process that speaks no wire.
"""

from __future__ import annotations

import contextlib
import http.client
import json
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import backbay
from backbay import Ended, Started, Text, Thinking, ToolDelta, Usage
from backbay.backend import Backend
from backbay.events import Event, UsageSeen
from backbay.folding import fold
from backbay.http.sse import SSEDecoder
from backbay.limits import NO_LIMITS
from backbay.request import Request, build_request
from backbay.response import ModelInfo, Response
from backbay.testing import Received, Reply, ScriptedServer
from backbay_conformance.scenarios import Answer, Scenario
from backbay_conformance.vendor import ANSWER_ID, MODEL, Asked, Turn, Vendor
from backbay_conformance.vendors import VENDORS
from backbay_gateway.dialects.native_client import read_error, read_event, read_response, write_request

from .inside import Inside, inside

WIRES = ("openai_chat", "openai_responses", "anthropic_messages")
KINDS = (*WIRES, "native")

_ALL = (
    "generate streaming system_prompt tools parallel_tool_calls streamed_tool_calls forced_tool_choice "
    "structured_output json_mode image_input temperature top_p max_tokens stop seed reasoning usage list_models health "
)
SPEC = backbay.BackendSpec(
    name="acme",
    label="Acme",
    wires=WIRES,
    credential_env=("ACME_API_KEY",),
    capabilities=backbay.Capabilities.of(full=_ALL + "embeddings execute"),
    per_wire={"anthropic_messages": {"auth_header": "x-api-key"}},
)
NATIVE = backbay.BackendSpec(
    name="acme-inside",
    label="Acme inside",
    requires_credential=False,
    models_path=None,
    health_path=None,
    embeddings_path=None,
    native=True,
    capabilities=backbay.Capabilities.of(full=_ALL),
    backend="gateway_clients.pairs:InsideBackend",
)


class InsideBackend(Backend):
    """Gives the canonical answer as events of ours, without a wire."""

    answer = Answer()
    asked: list[Request] = []  # noqa: RUF012 (the test and the gateway must see the same)

    async def _stream(self, request: Request) -> AsyncIterator[Event]:
        self.asked.append(request)
        for event in events_of(self.answer):
            yield event

    async def _list_models(self) -> Sequence[ModelInfo]:
        return [ModelInfo(id=MODEL)]


def events_of(answer: Answer) -> Iterator[Event]:
    """Yield a canonical answer as events."""
    yield Started(MODEL, ANSWER_ID)
    signed = None if answer.signature is None else {"acme-inside": {"signature": answer.signature}}
    for number, piece in enumerate(answer.thinking):
        last = number == len(answer.thinking) - 1
        yield Thinking(piece, signed if last else None)
    for piece in answer.text:
        yield Text(piece)
    for index, call in enumerate(answer.calls):
        for piece in call.arguments:
            yield ToolDelta(index, call.id, call.name, piece)
    if answer.usage is not None:
        yield UsageSeen(Usage(*answer.usage, cached=answer.cached, reasoning=answer.reasoning))
    yield Ended(answer.finish, answer.finish.value, "".join(answer.refusal) or None)


class Rig:
    """A gateway before the four kinds of backend.

    Attributes:
        gateway: The gateway.
        servers: The loopback vendors, by wire.
        vendors: Their emulators, by wire.
        answer: What every backend answers.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.vendors: Mapping[str, Vendor] = {wire: VENDORS[wire]() for wire in WIRES}
        self.servers: dict[str, ScriptedServer] = {}
        self.answer = Answer()
        self.gateway: Inside

    @contextlib.contextmanager
    def running(self) -> Iterator[Rig]:
        """Give itself while all runs. The variable ``ACME_API_KEY`` must be set."""
        with contextlib.ExitStack() as stack:
            stack.enter_context(backbay.register("acme", SPEC, replace=True))
            stack.enter_context(backbay.register("acme-inside", NATIVE, replace=True))
            upstreams: list[dict[str, Any]] = [{"vendor": "acme-inside", "name": "native"}]
            for wire in WIRES:
                server = self.servers[wire] = stack.enter_context(ScriptedServer(self._script(wire)))
                upstreams.append({"vendor": "acme", "name": wire, "wire": wire, "base_url": server.url})
            tables = {
                "keys": {"database": f"sqlite:///{self._folder / 'keys.sqlite'}"},
                "routing": {"retries": 0, "health_interval": 3600, "breaker_failures": 1000},
                "logging": {"requests": False, "level": "error"},
                "upstreams": upstreams,
            }
            self.gateway = stack.enter_context(inside(tables))
            yield self

    def _script(self, wire: str) -> Any:
        def reply(request: Received) -> Reply:
            vendor = self.vendors[wire]
            if request.method == "GET":
                return Reply(headers={"content-type": "application/json"}, steps=[vendor.models([MODEL])])
            return vendor.reply(request, self.answer)

        return reply

    def answers(self, answer: Answer) -> None:
        """Say what every backend answers from now on, and forget what they were asked."""
        self.answer = InsideBackend.answer = answer
        InsideBackend.asked.clear()
        for server in self.servers.values():
            server.requests.clear()

    def asked(self, kind: str) -> list[Asked | Request]:
        """Return what a kind of backend was asked."""
        if kind == "native":
            return list(InsideBackend.asked)
        return [self.vendors[kind].read(request) for request in self.servers[kind].requests if request.method == "POST"]

    async def ask(self, client: str, backend: str, scenario: Scenario, how: str) -> Response:
        """Ask a kind of backend through the gateway, as a kind of client.

        Raises:
            BackbayError: As the client reads the gateway's refusal.
        """
        model = f"{backend}:{MODEL}"
        if client == "native":
            return self._ask_native(model, scenario, stream=how == "stream")
        config: dict[str, Any] = {"wire": client, "base_url": f"{self.gateway.url}/v1", "retries": 0}
        async with backbay.connect(f"acme:{model}", api_key=self.gateway.key, **config) as connected:
            if how == "complete":
                return await connected.complete(scenario.messages, **scenario.options)
            return await connected.stream(scenario.messages, **scenario.options).collect()

    def _ask_native(self, model: str, scenario: Scenario, *, stream: bool) -> Response:
        request = build_request(scenario.messages, scenario.options, limits=NO_LIMITS, model=model)
        connection = http.client.HTTPConnection("127.0.0.1", self.gateway.port, timeout=10)
        head = {"authorization": f"Bearer {self.gateway.key}", "content-type": "application/json"}
        try:
            connection.request("POST", "/native/v1/generate", json.dumps(write_request(request, stream=stream)), head)
            answer = connection.getresponse()
            body = answer.read()
        finally:
            connection.close()
        if answer.status != 200:
            raise read_error(json.loads(body)["error"])
        if not stream:
            return read_response(json.loads(body))
        return fold(read_event(json.loads(event.data)) for event in SSEDecoder().feed(body))


def subject(rig: Rig, kind: str) -> Any:
    """Return what the suite's comparisons ask of a subject: an emulator and a spec."""
    return SimpleNamespace(the_vendor=rig.vendors[kind], spec=SPEC)


def turn_of(message: backbay.Message) -> Turn:
    """Return a message that a backend without a wire got, in the suite's form."""
    parts = list(message.parts())
    return Turn(
        role=message.role,
        text="".join(part.text for part in parts if part.type == "text"),
        images=sum(part.type == "image" for part in parts),
        calls=tuple((call.id, call.name, call.arguments) for call in message.tool_calls or ()),
        answers=message.tool_call_id,
    )
