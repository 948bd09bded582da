"""Takes out of an upstream's words what is not for a client: addresses, paths, parts of keys, names of accounts.

``BackbayError.message`` is free of the keys that this process holds; vendors say more than these.
"""

from __future__ import annotations

import re

from backbay.errors import (
    AuthenticationError,
    BackbayError,
    BadRequestError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitError,
    RequestError,
)

_SUFFIXES = (
    "com net org edu gov io ai dev app cloud co eu us uk de fr cn jp in ch sh so xyz tech info biz "
    "local localdomain localhost internal intranet lan home corp private svc cluster arpa test example invalid"
).replace(" ", "|")

_HIDDEN = (
    (re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]{0,20}://[^\s\"'<>]+"), "[address]"),
    (re.compile(r"\[[0-9a-fA-F:.%]*:[0-9a-fA-F:.%]*\](?::\d{1,5})?"), "[address]"),
    (re.compile(r"(?<![\w.:])(?:[0-9a-fA-F]{0,4}:){2,7}[0-9a-fA-F]{0,4}(?![\w:])"), "[address]"),
    (re.compile(r"(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?::\d{1,5})?(?![\w.]*\w)"), "[address]"),
    (re.compile(rf"(?<![\w.@-])(?:[\w-]+\.)+(?:{_SUFFIXES})(?![\w-])(?::\d{{1,5}})?", re.IGNORECASE), "[address]"),
    (re.compile(r"(?<![\w.-])(?:localhost(?::\d{1,5})?|(?=[\w-]*[A-Za-z])[\w-]+:\d{2,5})(?![\w-]|\.\w)"), "[address]"),
    (re.compile(r"(?<![\w/.])(?:[A-Za-z]:)?[/\\](?:[\w.~-]+[/\\])+[\w.~-]*"), "[path]"),
    (re.compile(r"\b(?:sk|gsk|nvapi)-[\w*.…-]*[\w*…]"), "[redacted]"),
    (re.compile(r"\b(?:pk|rk|xai|org|proj|acct|user|key|hf)[-_](?=[\w*.…-]*[\d*…X])[\w*.…-]*[\w*…]"), "[redacted]"),
    (re.compile(r"\b(?:AIza|AKIA|ASIA)[\w-]{8,}"), "[redacted]"),
    (re.compile(r"\bBearer\s+\S+"), "[redacted]"),
)

MAX_CHARS = 2000
"""Characters of a message that a client is told, at most; it also bounds what the patterns cost."""

_STACK = re.compile(r"Traceback \(most recent call last\)|\bFile \"|\n\s+at ")

_TOLD = (BadRequestError, NotFoundError, PermissionDeniedError, RateLimitError)
"""What an upstream says of a request is told. What it says of itself is not: only that it failed."""


def scrub(text: str) -> str:
    """Return ``text`` without addresses, paths, parts of keys, names of accounts, and all from a stack on."""
    text = text[:MAX_CHARS]
    stack = _STACK.search(text)
    if stack is not None:
        text = text[: stack.start()].rstrip()
    for pattern, mark in _HIDDEN:
        text = pattern.sub(mark, text)
    return text


def words_of(error: BackbayError, otherwise: str) -> str:
    """Return what a client may read of an error, ``otherwise`` if nothing.

    Args:
        error: The error. Those that no upstream had a part in are told as they are, with their hint.
        otherwise: A sentence for errors that say more about the upstream than about the request.
    """
    if isinstance(error, RequestError) or (error.backend is None and isinstance(error, (*_TOLD, AuthenticationError))):
        told = f"{error.message} {error.hint}" if error.hint else error.message
        return told[:MAX_CHARS] if error.backend is None else scrub(told)
    if isinstance(error, _TOLD):
        return scrub(error.message) or otherwise
    return otherwise
