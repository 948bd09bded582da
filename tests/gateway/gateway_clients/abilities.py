"""What each client does at each backend, and what it cannot there, with the reason.

A reason is an expected failure: what works after all fails the tests, so that docs/gateway-clients.md stays true.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from .places import ENGINES, LLAMA, PLACES

ABILITIES: Mapping[str, str] = {
    "plain": "a plain answer, with usage and a finish reason",
    "stream": "the same streamed, in pieces",
    "tools": "a tool called, its result sent back, and answered",
    "parse": "an answer that fits a schema, as the client's own typed object",
    "vision": "an image in the prompt",
    "models": "the model list, and one model of it",
    "embeddings": "vectors",
    "count_tokens": "the tokens of a prompt, counted",
    "wrong_key": "a wrong key is the client's own authentication error",
    "unknown_model": "an unknown model is the client's own not-found error",
    "bad_request": "a bad request is the client's own bad-request error",
    "rate_limit": "429 is the client's own rate-limit error, with retry-after",
    "overload": "503 and 529 are the client's own server errors",
    "cancel": "a stream that is left ends upstream within 250 ms",
}
"""Every ability, and what is claimed of it."""

_ERRORS = ("rate_limit", "overload")
_SDK = frozenset(ABILITIES)
_CHAT = _SDK - {"count_tokens"}
_FRAMEWORK = frozenset(
    {"plain", "stream", "tools", "parse", "vision", "wrong_key", "unknown_model", "rate_limit", "cancel"}
)

CLIENTS: Mapping[str, frozenset[str]] = {
    "openai (Python), chat": _CHAT,
    "openai (Python), responses": _SDK - {"models", "embeddings"},
    "anthropic (Python)": _SDK - {"embeddings"},
    "openai (JavaScript), chat": _CHAT,
    "openai (JavaScript), responses": _SDK - {"models", "embeddings"},
    "@anthropic-ai/sdk": _SDK - {"embeddings"},
    "langchain-openai": _FRAMEWORK | {"embeddings"},
    "pydantic-ai, OpenAI": _FRAMEWORK,
    "pydantic-ai, Anthropic": _FRAMEWORK,
    "llm": _FRAMEWORK - {"cancel"},
    "aider": frozenset({"plain", "stream", "wrong_key", "unknown_model", "rate_limit"}),
}
"""Every client, and the abilities that it has anywhere."""

_NO_VISION = "the small model has no eyes"
_NO_FAULTS = "an engine on this machine has no such refusal"

_ELSEWHERE: Mapping[tuple[str, str], str] = {
    **{("vision", place): _NO_VISION for place in ENGINES},
    **{(ability, place): _NO_FAULTS for ability in _ERRORS for place in ENGINES},
}
"""What has no sense at a backend, whoever the client is; it is not tried."""

_NO_COUNT = "the backend does not count tokens on the wire that it is configured for, and the gateway does not guess"
_NO_VECTORS = "this vendor does not embed"
_NO_SCHEMA = "llama.cpp takes no notice of the field that this wire has for a schema, and its bytes are relayed"
_NO_INDEX = "llama.cpp's events on this wire lack output_index, and its bytes are relayed"
_COUNTING = ("anthropic (Python)", "@anthropic-ai/sdk")
_RESPONSES = ("openai (Python), responses", "openai (JavaScript), responses")
_EMBEDDING = ("openai (Python), chat", "openai (JavaScript), chat", "langchain-openai")

CANNOT: Mapping[tuple[str, str, str], str] = {
    **{(client, "count_tokens", "replayed chat"): _NO_COUNT for client in (*_COUNTING, *_RESPONSES)},
    **{(client, "embeddings", "replayed messages"): _NO_VECTORS for client in _EMBEDDING},
    **{(client, "parse", LLAMA): _NO_SCHEMA for client in (*_RESPONSES, *_COUNTING, "pydantic-ai, Anthropic")},
    **{(client, "stream", LLAMA): _NO_INDEX for client in _RESPONSES},
}
"""Why a client cannot do something at a backend; expected failures."""


def cases(*clients: str) -> Iterator[tuple[str, str, str]]:
    """Yield client, ability and backend of all that is tried."""
    for client in clients:
        for ability in (name for name in ABILITIES if name in CLIENTS[client]):
            for place in PLACES:
                if (ability, place) not in _ELSEWHERE:
                    yield client, ability, place


def elsewhere(ability: str, place: str) -> str | None:
    """Return why an ability is not tried at a backend; ``None`` if it is."""
    return _ELSEWHERE.get((ability, place))


def why_not(client: str, ability: str, place: str) -> str | None:
    """Return why a client cannot do something at a backend; ``None`` if it can."""
    return CANNOT.get((client, ability, place))
