"""The addresses at which clients ask for answers, and the dialect of each. Dialects are imported when first used."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from types import ModuleType
from typing import Literal, cast

from .dialects.base import Dialect

Kind = Literal["generate", "embed", "count"]


@dataclass(frozen=True)
class Endpoint:
    """One address.

    Attributes:
        name: What metrics and logs call it.
        module: The module below ``dialects`` that has its dialect as ``DIALECT``.
        kind: What is asked of a backend: an answer, vectors, or a count of tokens.
    """

    name: str
    module: str
    kind: Kind = "generate"

    @cached_property
    def dialect(self) -> Dialect:
        """How its clients speak, where no version is named."""
        return cast("Dialect", self._module.DIALECT)

    def spoken(self, version: str | None) -> Dialect:
        """Return how a client speaks.

        Args:
            version: Its ``anthropic-version`` header.

        Raises:
            InvalidRequestError: The dialect has versions, and this is none of them.
        """
        if self.module != "anthropic_messages":
            return self.dialect
        return cast("Dialect", self._module.for_version(version))

    @cached_property
    def _module(self) -> ModuleType:
        return import_module(f".dialects.{self.module}", __package__)


ENDPOINTS: Mapping[str, Endpoint] = {
    "/v1/chat/completions": Endpoint("chat_completions", "openai_chat"),
    "/v1/responses": Endpoint("responses", "openai_responses"),
    "/v1/responses/input_tokens": Endpoint("input_tokens", "openai_responses", "count"),
    "/v1/completions": Endpoint("completions", "completions"),
    "/v1/embeddings": Endpoint("embeddings", "embeddings", "embed"),
    "/v1/messages": Endpoint("messages", "anthropic_messages"),
    "/v1/messages/count_tokens": Endpoint("count_tokens", "anthropic_messages", "count"),
    "/native/v1/generate": Endpoint("native", "native"),
}
"""By path; all are asked by POST."""


def dialect_for(path: str, *, anthropic: bool) -> Dialect:
    """Return the dialect in which an error at ``path`` is told.

    Args:
        path: The request's path, which may be none of ours.
        anthropic: Whether the client names an Anthropic version.
    """
    found = ENDPOINTS.get(path)
    if found is not None:
        return found.dialect
    if path.startswith("/native/"):
        return ENDPOINTS["/native/v1/generate"].dialect
    if anthropic or path.startswith("/v1/messages"):
        return ENDPOINTS["/v1/messages"].dialect
    return ENDPOINTS["/v1/chat/completions"].dialect
