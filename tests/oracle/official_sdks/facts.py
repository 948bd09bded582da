"""The facts of an answer that an SDK and Backbay can both tell, and where the two differ.

A fact that an SDK has no place for is left out of its facts, and is then not compared. Token counts are in Backbay's
arithmetic: a reader of an SDK adds up what that vendor documents as separate counts.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from backbay import BackbayError, Embeddings, ModelInfo, Ranking, Response
from backbay.errors import (
    AuthenticationError,
    BadRequestError,
    NotFoundError,
    OverloadedError,
    PermissionDeniedError,
    RateLimitError,
    ServerError,
)

Facts = dict[str, Any]

KINDS: Mapping[type[BackbayError], str] = {
    BadRequestError: "bad request",
    AuthenticationError: "authentication",
    PermissionDeniedError: "permission",
    NotFoundError: "not found",
    RateLimitError: "rate limit",
    OverloadedError: "server",
    ServerError: "server",
}
"""Backbay's error classes, in words that the SDKs' classes can be given as well."""

SDK_KINDS: Mapping[str, str] = {
    "BadRequestError": "bad request",
    "UnprocessableEntityError": "bad request",
    "AuthenticationError": "authentication",
    "UnauthorizedError": "authentication",
    "PermissionDeniedError": "permission",
    "ForbiddenError": "permission",
    "NotFoundError": "not found",
    "RateLimitError": "rate limit",
    "TooManyRequestsError": "rate limit",
    "InternalServerError": "server",
    "OverloadedError": "server",
    "ServiceUnavailableError": "server",
}
"""The SDKs' error classes by name, likewise."""


@dataclass(frozen=True)
class Difference:
    """One fact in which an SDK and Backbay differ.

    Attributes:
        exchange: Id of the exchange.
        sdk: The SDK's distribution.
        fact: Which fact; ``"failed"``: the SDK raised what is no error of its API; ``"raised"``: only one of the two
            reported an error; ``"accumulator"``: the SDK's own accumulator failed, and its single chunks were read.
        ours: What Backbay read.
        theirs: What the SDK read.
        all_ours: Every fact that Backbay read.
        all_theirs: Every fact that the SDK read.
    """

    exchange: str
    sdk: str
    fact: str
    ours: Any
    theirs: Any
    all_ours: Facts
    all_theirs: Facts

    def __str__(self) -> str:
        return f"{self.exchange} ({self.sdk}) {self.fact}: ours {_short(self.ours)}, theirs {_short(self.theirs)}"


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 300 else f"{text[:150]} ... {text[-150:]}"


def chat_facts(answer: Response) -> Facts:
    """Return the facts of Backbay's answer."""
    usage = answer.usage
    return {
        "text": answer.text,
        "thinking": answer.thinking or None,
        "refusal": answer.refusal,
        "tool_calls": [
            (call.name, call.raw_arguments if call.arguments is None else call.arguments) for call in answer.tool_calls
        ],
        "tool_call_ids": [call.id for call in answer.tool_calls],
        "finish": answer.raw_finish,
        "model": answer.model,
        "id": answer.id,
        "signatures": sorted(_strings([part.opaque for part in answer.parts if part.type != "text"])),
        "input": usage and usage.input,
        "output": usage and usage.output,
        "cached": usage and usage.cached,
        "cache_written": usage and usage.cache_written,
        "reasoning": usage and usage.reasoning,
    }


def embedding_facts(found: Embeddings) -> Facts:
    """Return the facts of Backbay's vectors."""
    usage = found.usage
    return {"vectors": rounded(found.vectors), "model": found.model, "input": usage and usage.input}


def model_facts(found: Sequence[ModelInfo]) -> Facts:
    """Return the facts of Backbay's list of models."""
    return {"models": [model.id.removeprefix("models/") for model in found]}


def ranking_facts(found: Ranking) -> Facts:
    """Return the facts of Backbay's ranking."""
    return {"ranking": [(item.index, item.score) for item in found.results]}


def error_facts(error: BackbayError) -> Facts:
    """Return the facts of an error of Backbay."""
    kinds = [KINDS[kind] for kind in type(error).__mro__ if kind in KINDS]
    return {
        "raised": True,
        "error_status": error.status,
        "error_kind": kinds[0] if kinds else type(error).__name__,
        "error_code": error.code,
    }


def sdk_error(error: Exception, status: int | None, *codes: object) -> Facts:
    """Return the facts of an error of an SDK; its kind is left out where its class does not tell one."""
    facts: Facts = {"raised": True, "error_status": status}
    if type(error).__name__ in SDK_KINDS:
        facts["error_kind"] = SDK_KINDS[type(error).__name__]
    if codes:
        facts["error_code"] = [str(code) for code in codes if code is not None]
    return facts


def arguments(value: object) -> object:
    """Return a call's arguments as an object; as text, where they are not the JSON of an object."""
    if not isinstance(value, str):
        return value
    if not value.strip():
        return {}
    try:
        found = json.loads(value)
    except ValueError:
        return value
    return found if isinstance(found, dict) else value


def total(*counts: int | None) -> int | None:
    """Return a sum in which unknown counts are nothing; ``None`` if the first is unknown."""
    return None if counts[0] is None else sum(count or 0 for count in counts)


def rounded(vectors: Sequence[Sequence[float]]) -> list[list[float]]:
    """Return vectors with as many digits as a 32-bit float holds for certain."""
    return [[float(f"{number:.6g}") for number in vector] for vector in vectors]


def differences(exchange: str, sdk: str, ours: Facts, theirs: Facts) -> Iterator[Difference]:
    """Yield where two readings of one exchange differ."""

    def differ(fact: str) -> Difference:
        return Difference(exchange, sdk, fact, ours.get(fact), theirs.get(fact), ours, theirs)

    if "failed" in theirs:
        yield differ("failed")
        return
    if ours.get("raised") != theirs.get("raised"):
        yield differ("raised")
        return
    for fact, value in theirs.items():
        if not _same(fact, ours.get(fact), value):
            yield differ(fact)


def _same(fact: str, ours: Any, theirs: Any) -> bool:
    if fact == "signatures":
        return set(theirs) <= set(ours)
    if fact == "error_code":
        # OpenAI's family tells a code and a type, of which ours is the more exact one that is there.
        return (str(ours) in theirs) if theirs else ours is None
    return bool(ours == theirs)


def _strings(value: object) -> set[str]:
    """Return every string in a JSON value."""
    if isinstance(value, str):
        return {value}
    if isinstance(value, Mapping):
        value = list(value.values())
    return {text for item in value for text in _strings(item)} if isinstance(value, list) else set()
