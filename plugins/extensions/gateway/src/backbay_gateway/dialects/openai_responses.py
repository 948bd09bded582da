"""The dialect of clients of OpenAI's Responses API."""

from __future__ import annotations

from typing import ClassVar

from backbay.errors import BackbayError
from backbay.response import JSONObject, Response

from .base import Ask, Dialect, Refusal, Writer
from .carrying import model_of
from .envelopes import ENVELOPES, Envelopes
from .openai_errors import refuse
from .openai_responses_answer import answer_of
from .openai_responses_input import InputReader
from .openai_responses_request import fields_of, options_of
from .openai_responses_stream import ResponseWriter


class OpenAIResponses(Dialect):
    """The dialect; see ``openai_responses_request`` for what is read, and what is not carried.

    Args:
        envelopes: What carries vendor data through the client.
    """

    name: ClassVar[str] = "openai_responses"
    wire: ClassVar[str | None] = "openai_responses"

    def __init__(self, envelopes: Envelopes = ENVELOPES) -> None:
        self._envelopes = envelopes

    def read(self, body: JSONObject) -> Ask:
        """Return what a request asks for; raises as ``Dialect.read`` says."""
        fields = fields_of(body)
        messages, options = InputReader(self._envelopes).messages(fields), options_of(fields)
        return Ask(model_of(fields), messages, options, stream=bool(fields.flag("stream")), raw=body)

    def write(self, response: Response, ask: Ask) -> JSONObject:
        """Return a whole answer in the dialect."""
        return answer_of(response, ask, self._envelopes)

    def writer(self, ask: Ask) -> Writer:
        """Return what writes one streamed answer."""
        return ResponseWriter(ask, self._envelopes)

    def refuse(self, error: BackbayError, request_id: str) -> Refusal:
        """Return an error in the dialect."""
        return refuse(error, request_id)


DIALECT = OpenAIResponses()
