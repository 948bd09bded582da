"""OpenAI's chat completions, as clients speak them: ``POST /v1/chat/completions``."""

from __future__ import annotations

from typing import ClassVar

from backbay.errors import BackbayError
from backbay.response import JSONObject, Response

from .base import Ask, Dialect, Refusal, Writer
from .openai_chat_answer import write_chat
from .openai_chat_request import read_chat
from .openai_chat_stream import ChatWriter
from .openai_errors import refuse


class OpenAIChatDialect(Dialect):
    """The dialect that most clients speak."""

    name: ClassVar[str] = "openai_chat"
    wire: ClassVar[str | None] = "openai_chat"

    def read(self, body: JSONObject) -> Ask:
        """Return what a request asks for; see ``openai_chat_request`` for what becomes of each field."""
        return read_chat(body)

    def write(self, response: Response, ask: Ask) -> JSONObject:
        """Return a whole answer as a chat completion."""
        return write_chat(response, ask)

    def writer(self, ask: Ask) -> Writer:
        """Return what writes one answer as chunks."""
        return ChatWriter(ask)

    def refuse(self, error: BackbayError, request_id: str) -> Refusal:
        """Return an error in OpenAI's form."""
        return refuse(error, request_id)


DIALECT = OpenAIChatDialect()
"""The dialect; it has no state."""
