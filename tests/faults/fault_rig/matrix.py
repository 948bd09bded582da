"""The corpus's own faults, ``http-faults.json``: what each must come to, read from what the file says of it."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from backbay import (
    AuthenticationError,
    BackbayError,
    BadRequestError,
    ConnectionLostError,
    LimitExceededError,
    NotFoundError,
    OverloadedError,
    PermissionDeniedError,
    ProtocolError,
    RateLimitError,
    ResponseError,
    ServerError,
    TooLargeError,
    TransportError,
    TruncatedError,
)

from .plan import Answer, Sleep, Step

BROKEN = (TransportError, TruncatedError, ProtocolError)

KINDS: Mapping[str, tuple[type[BackbayError], ...]] = {
    "ConnectionLost": (ConnectionLostError, ProtocolError),
    "StreamIncomplete": (TruncatedError, ConnectionLostError),
    "EmptyResponse": (ProtocolError,),
    "IdleTimeout": (LimitExceededError,),
    "FirstByteTimeout": (LimitExceededError,),
    "FirstTokenTimeout": (LimitExceededError,),
    "Overloaded": (OverloadedError,),
    "StatusError": (ResponseError,),
    "BadContentType": (ProtocolError,),
    "BadEvent": (ProtocolError,),
    "BadEncoding": (ProtocolError,),
    "BadJSON": (ProtocolError, TransportError),
    "BadHTTP": (TransportError,),
    "TooLarge": (TooLargeError, TransportError),
    "RedirectRefused": (ResponseError,),
    "ServerError": (ServerError,),
    "BadRequest": (BadRequestError,),
    "AuthError": (AuthenticationError,),
    "PermissionDenied": (PermissionDeniedError,),
    "NotFound": (NotFoundError,),
    "RequestTimeout": (BadRequestError,),
    "Conflict": (BadRequestError,),
    "RequestTooLarge": (BadRequestError,),
    "RateLimited": (RateLimitError,),
}
"""The classes that the file's own names for errors mean here."""

LIMITS = {"total": 3.0, "first_event": 1.0, "idle": 1.0}
"""Seconds; the file's servers that stall do so for half a minute."""


def kinds(case: Mapping[str, Any]) -> tuple[type[BackbayError], ...]:
    """Return the classes of which the error of a case must be one."""
    said: str = case["expected"]["kind"]
    name = next((known for known in sorted(KINDS, key=len, reverse=True) if said.startswith(known)), None)
    return (BackbayError,) if name is None else KINDS[name]


def answer(case: Mapping[str, Any]) -> Answer:
    """Return what the server of a case does."""
    steps: list[Step] = []
    for segment in case["segments"]:
        if "sleep_s" in segment:
            steps.append(Sleep(segment["sleep_s"]))
        elif "zlib_b64" in segment:
            steps.append(zlib.decompress(base64.b64decode(segment["zlib_b64"])))
        else:
            steps.append(base64.b64decode(segment["b64"]))
    if case["end"] in {"close", "reset"}:
        steps.append(case["end"])
    return Answer(steps)


def cases(file: Path) -> Sequence[Mapping[str, Any]]:
    """Return the cases."""
    found: Sequence[Mapping[str, Any]] = json.loads(file.read_text(encoding="utf-8"))["cases"]
    return found
