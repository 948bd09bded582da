"""Saboteurs of signatures, on an invented dialect of the chat wire whose vendor signs what its model thought.

A signature comes as ``system_fingerprint``, with the last chunk, and goes back as ``reasoning_signature`` of the turn.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Sequence
from typing import Any

from backbay import Ended, Event, Thinking
from backbay.request import Request
from backbay.spec import BackendSpec
from backbay.testing import Received, sse

from ..scenarios import Answer
from ..vendor import Asked, Turn
from ..vendors.openai_chat import OpenAIChatVendor
from .wire import Sabotaged

SENT, CAME = "reasoning_signature", "system_fingerprint"


class SigningVendor(OpenAIChatVendor):
    """Signs its thinking, and reads the signature back."""

    resends_thinking = True

    def whole(self, answer: Answer) -> bytes:
        """Return the body with the signature in it."""
        return json.dumps(self._signed(json.loads(super().whole(answer)), answer)).encode()

    def stream(self, answer: Answer) -> Sequence[bytes]:
        """Return the chunks; the last but ``[DONE]`` has the signature."""
        events = list(super().stream(answer))
        last = json.loads(events[-2].removeprefix(b"data: "))
        return [*events[:-2], sse(self._signed(last, answer)), events[-1]]

    def _signed(self, body: dict[str, Any], answer: Answer) -> dict[str, Any]:
        return body if answer.signature is None else {**body, CAME: answer.signature}

    def read(self, request: Received) -> Asked:
        """Return what was asked, with the signatures that came back."""
        asked = super().read(request)
        messages = request.json["messages"]
        turns = [_with(turn, message) for turn, message in zip(asked.turns, messages, strict=True)]
        return dataclasses.replace(asked, turns=tuple(turns))


class HonestSigner(Sabotaged):
    """Keeps a signature, and sends it back with the turn that it is of."""

    def __init__(self, spec: BackendSpec, quirks: dict[str, object]) -> None:
        super().__init__(spec, quirks)
        self._name = spec.name

    def event(self, event: Event) -> Iterable[Event]:
        signature = (event.details or {}).get(CAME) if isinstance(event, Ended) else None
        return (event,) if signature is None else (Thinking("", {self._name: signature}), event)

    def body(self, body: dict[str, Any], request: Request) -> dict[str, Any]:
        messages = []
        for written, message in zip(body["messages"], request.messages, strict=True):
            opaque = [part.opaque or {} for part in message.parts() if part.type == "thinking"]
            found = [str(item[self._name]) for item in opaque if self._name in item]
            messages.append(written | ({SENT: self.resent(found[0])} if found else {}))
        return {**body, "messages": messages}

    def resent(self, signature: str) -> str:
        """Return the signature that is sent for one that came."""
        return signature


class LosesSignatures(HonestSigner):
    """Does not keep what the vendor wants back."""

    def event(self, event: Event) -> Iterable[Event]:
        return (event,)


class TidiesSignatures(HonestSigner):
    """Takes padding off a signature."""

    def resent(self, signature: str) -> str:
        return signature.replace("==", "")


class SaysSignatures(HonestSigner):
    """Sends a signature back within the text."""

    def body(self, body: dict[str, Any], request: Request) -> dict[str, Any]:
        sent = super().body(body, request)
        said = [message | {"content": f"{message['content']}{message.get(SENT, '')}"} for message in sent["messages"]]
        return {**sent, "messages": said}


def _with(turn: Turn, message: dict[str, Any]) -> Turn:
    signatures = (message[SENT],) if SENT in message else ()
    return dataclasses.replace(turn, signatures=signatures)
