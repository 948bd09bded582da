"""Loopback vendors whose models each do a thing: ``pong`` answers, ``weather`` calls a tool, ``error-429`` refuses."""

from __future__ import annotations

import json
import re
from dataclasses import replace

from backbay import Finish
from backbay.testing import Pause, Received, Reply, ScriptedServer, Step
from backbay_conformance.scenarios import Answer, Call
from backbay_conformance.vendor import Vendor
from backbay_conformance.vendors import VENDORS

from .clever import answer_to

MODELS = ("pong", "weather", "person", "pixel", "slow", "clever")
"""What a vendor's list has."""
RETRY_AFTER = 7
"""Seconds after which a client that was refused with 429 is to come back."""

_JSON = {"content-type": "application/json"}
_PERSON = Answer(text=('{"name": "Ana",', ' "age": 31}'))
_WEATHER = Answer(calls=(Call("call_a", "get_weather", ("", '{"ci', 'ty": "Par', 'is"}')),), finish=Finish.TOOL_CALLS)


class ReplayedVendor:
    """One wire's vendor.

    Args:
        wire: The wire.

    Attributes:
        server: The loopback server, to be entered.
    """

    def __init__(self, wire: str) -> None:
        self.vendor: Vendor = VENDORS[wire]()
        self.server = ScriptedServer(self._reply)

    def _reply(self, request: Received) -> Reply:
        if request.method == "GET":
            return Reply(headers=_JSON, steps=[self.vendor.models(MODELS)])
        body = request.json
        if isinstance(body.get("input"), str) and request.path.endswith("/responses"):
            # A prompt by itself, which the emulator does not read, is one turn of the user.
            turns = [{"role": "user", "content": body["input"]}]
            request = replace(request, body=json.dumps({**body, "input": turns}).encode())
        if request.path.endswith("/embeddings"):
            texts = body["input"] if isinstance(body["input"], list) else [body["input"]]
            return Reply(
                headers=_JSON, steps=[self.vendor.embeddings([[0.25, -0.5, float(len(one))] for one in texts])]
            )
        if request.path.endswith(("/count_tokens", "/input_tokens")):
            return Reply.json({"input_tokens": 7, "object": "response.input_tokens"})
        return self._answer(request, str(body.get("model")))

    def _answer(self, request: Received, model: str) -> Reply:
        if error := re.fullmatch(r"error-(\d{3})", model):
            return self._error(int(error[1]), "The vendor does not want to.")
        if model not in MODELS:
            return self._error(404, f"There is no model {model}.")
        if model == "slow":
            return self._slow()
        turns = self.vendor.read(request).turns
        if model == "pixel" and not any(turn.images for turn in turns):
            return self._error(400, "There is no image.")
        answers = {"pong": Answer(text=("po", "ng", ".")), "person": _PERSON, "pixel": Answer(text=("A ", "pixel."))}
        if model == "clever":
            return self.vendor.reply(request, answer_to(self.vendor.read(request)))
        if model == "weather":
            told = any(turn.answers for turn in turns)
            return self.vendor.reply(request, Answer(text=("Sunny, ", "21.")) if told else _WEATHER)
        return self.vendor.reply(request, answers[model])

    def _error(self, status: int, message: str) -> Reply:
        headers = {**_JSON, **({"retry-after": str(RETRY_AFTER)} if status == 429 else {})}
        return Reply(status=status, headers=headers, steps=[self.vendor.error(status, message)])

    def _slow(self) -> Reply:
        """Say something, and then nothing for long."""
        events = self.vendor.stream(Answer(text=tuple(f"word{number} " for number in range(20))))
        steps: list[Step] = [*events[:12], Pause(20.0), *events[12:]]
        return Reply(headers={"content-type": self.vendor.stream_type}, steps=steps)
