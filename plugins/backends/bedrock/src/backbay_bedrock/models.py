"""Ids of models: who made one, its own name, its place in a URL, and the list of them.

Ids are ``provider.name``, with a region's prefix for inference profiles (``us.anthropic.claude-...``), or the ARN of
either. Source: Bedrock's user guide (Supported models, Inference profiles), and its API reference
(ListFoundationModels).
"""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote

from backbay.errors import DecodeError
from backbay.response import ModelInfo
from backbay.wires.reading import excerpt, load_object

PROVIDERS = frozenset(
    "ai21 amazon anthropic cohere deepseek google luma meta minimax mistral moonshot moonshotai nvidia openai qwen "
    "stability twelvelabs writer xai zai".split()
)
"""Who makes models on Bedrock, as ids have it."""


def split_id(model: str | None) -> tuple[str, str]:
    """Return the provider and the name of a model; ``""`` for the provider where the id does not say."""
    own = (model or "").rpartition("/")[2].lower()
    parts = own.split(".")
    for place in (0, 1):
        if len(parts) > place + 1 and parts[place] in PROVIDERS:
            return parts[place], ".".join(parts[place + 1 :])
    return "", own


def path_of(model: str | None, operation: str) -> str:
    """Return the path of an operation on a model. Colons and slashes of its id are encoded, as AWS's clients do it."""
    return f"model/{quote(model or '', safe='')}/{operation}"


def read_models(body: bytes, *, native: bool) -> Sequence[ModelInfo]:
    """Return the models of a ListFoundationModels body.

    Raises:
        DecodeError: It is none.
    """
    listed = load_object(body, "a list of foundation models").get("modelSummaries")
    if not isinstance(listed, list) or any(
        not isinstance(item, dict) or not isinstance(item.get("modelId"), str) or not item["modelId"] for item in listed
    ):
        raise DecodeError("Expected a list of foundation models, and something else came.", body=excerpt(body))
    return [
        ModelInfo(
            id=item["modelId"],
            label=_word(item.get("modelName")),
            owned_by=_word(item.get("providerName")),
            native=native,
            raw=item,
        )
        for item in listed
    ]


def _word(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
