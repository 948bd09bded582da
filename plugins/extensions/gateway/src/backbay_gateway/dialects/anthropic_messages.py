"""The dialect of clients of Anthropic's Messages API.

The version of the API is a header, so there is a dialect for each: ``for_version(headers.get("anthropic-version"))``.
``anthropic-beta`` is left to the app: what a beta adds to a body is refused by name where it cannot be carried.
"""

from __future__ import annotations

import difflib
from typing import ClassVar

from backbay.errors import BackbayError, InvalidRequestError
from backbay.response import JSONObject, Response

from .anthropic_answer import answer_of
from .anthropic_errors import refuse
from .anthropic_request import asked
from .anthropic_stream import MessageWriter
from .anthropic_turns import NEWER, Turns
from .base import Ask, Dialect, Refusal, Writer
from .envelopes import ENVELOPES, Envelopes

VERSIONS = ("2023-01-01", "2023-06-01", NEWER)
"""Versions of the API. Source: Anthropic's API reference, Versions (read 2026-11-21)."""


class AnthropicMessages(Dialect):
    """The dialect in one version of the API; see ``anthropic_request`` for what is read, and what is not carried.

    Args:
        version: One of ``VERSIONS``.
        envelopes: What carries vendor data through the client.
    """

    name: ClassVar[str] = "anthropic_messages"
    wire: ClassVar[str | None] = "anthropic_messages"

    def __init__(self, version: str = "2023-06-01", envelopes: Envelopes = ENVELOPES) -> None:
        self.version = version
        self._envelopes = envelopes

    def read(self, body: JSONObject) -> Ask:
        """Return what a request asks for; raises as ``Dialect.read`` says."""
        model, messages, options, stream = asked(body, Turns(self._envelopes, self.version), self.version)
        return Ask(model, messages, options, stream=stream, raw=body)

    def write(self, response: Response, ask: Ask) -> JSONObject:
        """Return a whole answer in the dialect."""
        return answer_of(response, ask, self._envelopes)

    def writer(self, ask: Ask) -> Writer:
        """Return what writes one streamed answer."""
        return MessageWriter(ask, self._envelopes)

    def refuse(self, error: BackbayError, request_id: str) -> Refusal:
        """Return an error in the dialect."""
        return refuse(error, request_id)


DIALECT = AnthropicMessages()
"""The dialect in version 2023-06-01, which takes all that the newer one does."""

_DIALECTS = {**{version: AnthropicMessages(version) for version in VERSIONS}, "2023-06-01": DIALECT}


def for_version(version: str | None) -> AnthropicMessages:
    """Return the dialect for an ``anthropic-version`` header.

    Raises:
        InvalidRequestError: There is none, or no such version. The vendor wants one with each request as well.
    """
    if version in _DIALECTS:
        return _DIALECTS[version]
    if not version:
        raise InvalidRequestError("anthropic-version: header is required.", hint=f"Send one of {', '.join(VERSIONS)}.")
    near = difflib.get_close_matches(version[:20], VERSIONS, n=1, cutoff=0.5)
    raise InvalidRequestError(
        f"anthropic-version: there is no version {version[:20]!r}.",
        hint=f"Did you mean {near[0]}?" if near else f"There are {', '.join(VERSIONS)}.",
    )
