"""Models that InvokeModel asks with one text, and the fields that each family of them has.

Source: Bedrock's user guide (Inference request parameters and response fields for foundation models), and recorded
traffic (AI21 Jurassic-2, Cohere Command and Command R, Titan, Llama).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from backbay.errors import UnsupportedError
from backbay.messages import TextPart
from backbay.request import Request
from backbay.spec import match_prefix
from backbay.wires.writing import refuse_owned

from .models import split_id


@dataclass(frozen=True, slots=True)
class Family:
    """The names of a family's fields; ``None`` for what it has no field for. ``within`` is an object around options."""

    prompt: str
    max_tokens: str
    top_p: str
    stop: str | None
    within: str | None = None
    stream: bool = False


_COMMAND = Family("prompt", "max_tokens", "p", "stop_sequences", stream=True)
_MISTRAL = Family("prompt", "max_tokens", "top_p", "stop")

FAMILIES: Mapping[str, Mapping[str, Family]] = {
    "ai21": {"j2": Family("prompt", "maxTokens", "topP", "stopSequences")},
    "amazon": {"titan": Family("inputText", "maxTokenCount", "topP", "stopSequences", "textGenerationConfig")},
    "cohere": {
        "command-text": _COMMAND,
        "command-light-text": _COMMAND,
        "command-r": Family("message", "max_tokens", "p", "stop_sequences"),
    },
    "meta": {name: Family("prompt", "max_gen_len", "top_p", None) for name in ("llama2", "llama3", "llama4")},
    "mistral": dict.fromkeys(("mistral-7b", "mixtral-8x7b", "mistral-large-2402", "mistral-small-2402"), _MISTRAL),
}
"""By provider and the beginning of a model's name."""


def family_of(model: str | None) -> Family | None:
    """Return the family of a model that is asked with one text; ``None`` for any other."""
    provider, name = split_id(model)
    # Llama's versions stand within its name: llama3-1-70b.
    return match_prefix(FAMILIES.get(provider, {}), name)


def body_of(request: Request, family: Family, *, stream: bool) -> dict[str, Any]:
    """Return the body for ``request``.

    Raises:
        OptionConflictError: ``extra`` names fields that are written here.
        UnsupportedError: It is more than one text, or the family has no field for an option.
    """
    lacking = [name for name in ("tools", "response_format", "reasoning", "seed") if getattr(request, name)]
    lacking += ["stop"] if request.stop and family.stop is None else []
    if lacking:
        raise _unsupported(f"{request.model} takes no {', '.join(lacking)} by InvokeModel.")
    options = {
        family.max_tokens: request.max_tokens,
        "temperature": request.temperature,
        family.top_p: request.top_p,
        **({} if family.stop is None else {family.stop: list(request.stop) or None}),
    }
    given = {name: value for name, value in options.items() if value is not None}
    body: dict[str, Any] = {family.prompt: _prompt(request)}
    body |= given if family.within is None else ({family.within: given} if given else {})
    if stream and family.stream:
        body["stream"] = True
    refuse_owned(request.extra, body)
    return {**body, **request.extra}


def _prompt(request: Request) -> str:
    """Return the one text that is asked, as it is: templates for conversations differ with each model."""
    parts = [part for message in request.messages for part in message.parts()]
    if len(request.messages) != 1 or request.messages[0].role != "user":
        raise _unsupported(f"{request.model} takes one prompt by InvokeModel, and no conversation.")
    if not all(isinstance(part, TextPart) for part in parts):
        raise _unsupported(f"{request.model} takes text alone by InvokeModel.")
    return request.messages[0].text


def _unsupported(problem: str) -> UnsupportedError:
    return UnsupportedError(problem, hint="Connect with wire='bedrock_converse', where it takes what it can.")
