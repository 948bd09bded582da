"""Faults as data: what a server does on a connection, step by step. A plan is JSON on its way to the server."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class Sleep:
    """Wait ``seconds``, or until the client is gone."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Repeat:
    """Send ``data`` again and again, ``times`` times, with ``pause`` seconds after each."""

    data: bytes
    times: int
    pause: float = 0.0


Ending = Literal["hold", "half", "close", "reset", "abort"]
"""Wait for the client to go; close our direction alone and wait; close; reset; close without TLS's own goodbye."""

Step = bytes | Sleep | Repeat | Ending

Reading = Literal["all", "head", "stop"]
"""What is read of a request before it is answered: all; its head; its head, and then nothing more is taken at all."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What follows one request. Without an ending as its last step the connection waits for another request."""

    steps: Sequence[Step] = ()
    reads: Reading = "all"

    def to_json(self) -> object:
        """Return the answer as JSON."""
        return {"steps": [_step(step) for step in self.steps], "reads": self.reads}


@dataclass(frozen=True, slots=True, kw_only=True)
class TLS:
    """How a door speaks TLS.

    Attributes:
        chain: File with key and certificates.
        client_authority: File with the authority of clients' certificates; ``None`` asks for none.
        old: Whether to speak TLS 1.1 and nothing newer.
    """

    chain: str
    client_authority: str | None = None
    old: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """A port to be opened.

    Attributes:
        answers: To the requests, in the order in which they come; the last again and again.
        greeting: What happens on a connection before anything is read.
        tls: How it speaks TLS; ``None`` for plain.
        deaf: Whether connections are accepted and never read.
        blackhole: Whether connections are not even accepted.
        host: The address to listen on.
        port: The port to listen on; 0 for any.
    """

    answers: Sequence[Answer] = ()
    greeting: Sequence[Step] = ()
    tls: TLS | None = None
    deaf: bool = False
    blackhole: bool = False
    host: str = "127.0.0.1"
    port: int = 0

    def to_json(self) -> Mapping[str, object]:
        """Return the door as JSON."""
        tls = self.tls
        return {
            "answers": [answer.to_json() for answer in self.answers],
            "greeting": [_step(step) for step in self.greeting],
            "tls": None if tls is None else [tls.chain, tls.client_authority, tls.old],
            "deaf": self.deaf,
            "blackhole": self.blackhole,
            "host": self.host,
            "port": self.port,
        }


def door_from(found: Mapping[str, Any]) -> Door:
    """Return the door that ``to_json`` wrote down."""
    tls = found["tls"]
    return Door(
        answers=[Answer([_read(step) for step in each["steps"]], each["reads"]) for each in found["answers"]],
        greeting=[_read(step) for step in found["greeting"]],
        tls=None if tls is None else TLS(chain=tls[0], client_authority=tls[1], old=tls[2]),
        deaf=found["deaf"],
        blackhole=found["blackhole"],
        host=found["host"],
        port=found["port"],
    )


def _step(step: Step) -> object:
    if isinstance(step, bytes):
        return {"send": base64.b64encode(step).decode()}
    if isinstance(step, Sleep):
        return {"sleep": step.seconds}
    if isinstance(step, Repeat):
        return {"repeat": [base64.b64encode(step.data).decode(), step.times, step.pause]}
    return step


def _read(found: Any) -> Step:
    if isinstance(found, str):
        ending: Any = found
        return ending  # type: ignore[no-any-return]
    if "send" in found:
        return base64.b64decode(found["send"])
    if "sleep" in found:
        return Sleep(found["sleep"])
    data, times, pause = found["repeat"]
    return Repeat(base64.b64decode(data), times, pause)


@dataclass(frozen=True, slots=True)
class Seen:
    """One thing that the server saw.

    Attributes:
        at: Seconds of the monotonic clock, which all processes of a machine share.
        what: ``"open"``, ``"head"`` (of a request), ``"request"`` (all that was to be read of it), ``"answered"``,
            ``"eof"`` (the client closed its direction) or ``"lost"`` (the connection is gone).
        connection: Its number, from 1.
        more: Of a request its method, path, headers (name and value in turn) and body.
    """

    at: float
    what: str
    connection: int
    more: Mapping[str, Any] = field(default_factory=dict, repr=False)  # it has the key
