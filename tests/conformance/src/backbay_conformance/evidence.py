"""What a law saw: requests and answers on the wire, without a key in them."""

from __future__ import annotations

import base64
import contextlib
import json
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

from backbay.testing import Pause, Received, Reply

from .subject import KEY, Script, Session, Subject

_SHOWN_BYTES = 1200
_SHOWN_EXCHANGES = 3
_SHOWN_HEADERS = frozenset({"accept", "content-type", "content-length", "transfer-encoding"})
_SHORTEST = 6
HIDDEN = "[a key]"


class Witness(Subject):
    """A subject that remembers what its sessions sent and got."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.sessions: list[Session] = []
        self.replies: list[Reply] = []
        self.keys: set[str] = {KEY}

    @contextlib.contextmanager
    def session(self, script: Script, **config: Any) -> Iterator[Session]:
        """Give a session, as ``Subject`` does, and remember it."""
        with super().session(script, **config) as session:
            self.keys |= {str(value) for name, value in config.items() if name == "api_key" and isinstance(value, str)}
            if self.engine is not None and (key := session.backend.settings.api_key) is not None:
                self.keys.add(key.reveal())  # a person's own, for a server that runs
            self.sessions.append(session)
            yield session

    def _script(self, script: Script) -> Any:
        made = super()._script(script)
        if not isinstance(made, list | Reply) and not callable(made):
            return made
        given: list[Reply] = []

        def answer(request: Received) -> Reply:
            if callable(made):
                reply: Reply = made(request)
            else:
                reply = made if isinstance(made, Reply) else made[min(len(given), len(made) - 1)]
            given.append(reply)
            self.replies.append(reply)
            return reply

        return answer


def exchanges(subject: object) -> list[dict[str, Any]]:
    """Return the last exchanges that a subject had, as JSON has them: the request, and how the answer began."""
    if not isinstance(subject, Witness):
        return []
    asked = [request for session in subject.sessions if session.server for request in session.server.requests]
    paired = [*zip(asked, [*subject.replies, *[None] * len(asked)], strict=False)]
    return [
        {
            "request": {
                "line": f"{request.method} {request.path}",
                "headers": {name: value for name, value in request.headers.items() if name in _SHOWN_HEADERS},
                "body": _text(request.body),
            },
            "answer": None if reply is None else _answer(reply),
        }
        for request, reply in paired[-_SHOWN_EXCHANGES:]
    ]


def keys_of(subject: object) -> set[str]:
    """Return every key that the sessions of a subject were given, or sent, as far as they can be told apart."""
    if not isinstance(subject, Witness):
        return {KEY}
    found = set(subject.keys)
    hidden = {"authorization", "proxy-authorization", "x-api-key", "api-key", subject.spec.auth_header.lower()}
    for session in subject.sessions:
        for request in session.server.requests if session.server else ():
            for name in hidden & request.headers.keys():
                value = request.headers[name]
                found |= {value, value.partition(" ")[2] or value}
    return found


def without(keys: set[str], value: Any) -> Any:
    """Return a JSON value in which no string has a key, in any of the forms that a key takes."""
    if isinstance(value, str):
        for form in sorted(_forms(keys), key=len, reverse=True):
            value = value.replace(form, HIDDEN)
        return value
    if isinstance(value, Mapping):
        return {without(keys, name): without(keys, item) for name, item in value.items()}
    if isinstance(value, list):
        return [without(keys, item) for item in value]
    return value


def _forms(keys: set[str]) -> set[str]:
    found: set[str] = set()
    for key in keys:
        encoded = base64.b64encode(key.encode()).decode()
        found |= {key, quote(key, safe=""), json.dumps(key)[1:-1], repr(key)[1:-1], encoded, encoded.rstrip("=")}
        found |= {key[::-1]}
    return {form for form in found if len(form) >= _SHORTEST}


def _answer(reply: Reply) -> dict[str, Any]:
    steps = [f"[pause of {step.seconds:g} s]".encode() if isinstance(step, Pause) else step for step in reply.steps]
    return {
        "status": reply.status,
        "headers": dict(reply.headers),
        "body": _text(b"".join(steps)),
        "pieces": len(steps),
        "ends": reply.end,
    }


def _text(body: bytes) -> str:
    shown = body[:_SHOWN_BYTES].decode("utf-8", errors="backslashreplace")
    return shown if len(body) <= _SHOWN_BYTES else f"{shown} [and {len(body) - _SHOWN_BYTES} more bytes]"
