"""How tokens are counted: a request is read as that of an answer is, and the answer is one number.

Sources: Anthropic's API reference, Count tokens in a Message; OpenAI's, Get input token counts (both read 2026-11-21).
"""

from __future__ import annotations

from backbay.response import JSONObject

from .anthropic_request import messages_of, prompt_fields, prompt_options
from .anthropic_turns import Turns
from .base import Ask
from .carrying import model_of
from .envelopes import ENVELOPES, Envelopes
from .openai_responses_input import InputReader
from .openai_responses_request import counted_fields, options_of


def read_responses(body: JSONObject, *, envelopes: Envelopes = ENVELOPES) -> Ask:
    """Return what ``/v1/responses/input_tokens`` shall count. As ``read``."""
    fields = counted_fields(body)
    messages = InputReader(envelopes).messages(fields)
    return Ask(model_of(fields), messages, options_of(fields), raw=body)


def read(body: JSONObject, *, version: str = "2023-06-01", envelopes: Envelopes = ENVELOPES) -> Ask:
    """Return what ``/v1/messages/count_tokens`` shall count, for ``Backend.count_tokens``.

    Args:
        body: The client's JSON.
        version: The API version that the client speaks.
        envelopes: What opens what vendors want back.

    Raises:
        InvalidRequestError: A field is missing, unknown, of a wrong type, or out of range; the message names it.
        UnsupportedError: A field is right, and nothing of Backbay's can carry it.
    """
    fields = prompt_fields(body)
    messages = messages_of(fields, Turns(envelopes, version))
    return Ask(model_of(fields), messages, prompt_options(fields), raw=body)


def write(count: int) -> JSONObject:
    """Return a count of tokens as Anthropic's clients have it."""
    return {"input_tokens": count}


def write_responses(count: int) -> JSONObject:
    """Return a count of tokens as OpenAI's clients have it."""
    return {"input_tokens": count, "object": "response.input_tokens"}
