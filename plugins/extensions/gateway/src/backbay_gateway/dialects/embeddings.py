"""OpenAI's embeddings: ``POST /v1/embeddings``. They have no messages and no events, so they are no ``Dialect``.

Source: OpenAI's reference, Create embeddings, as openai-python 3.52 has it (read 2026-11-21), and recorded traffic.
"""

from __future__ import annotations

import base64
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from backbay.errors import BackbayError
from backbay.response import Embeddings, JSONObject

from .base import Refusal
from .carrying import model_of
from .openai_errors import refuse
from .openai_fields import Fields, unsupported, wrong

MAX_INPUTS = 2048
"""Texts of one request, at most; OpenAI documents it."""


@dataclass(frozen=True, slots=True)
class EmbeddingsAsk:
    """What a client asks for.

    Attributes:
        model: The model's name as the client wrote it.
        inputs: The texts, one or more, none of them empty.
        extra: Fields for the backend: ``dimensions``, how long each vector is to be.
        base64: Whether the vectors are given as base64 of 32-bit floats, little-endian, and not as lists.
        raw: The client's JSON, as it came.
    """

    model: str
    inputs: tuple[str, ...]
    extra: Mapping[str, object] = field(default_factory=dict)
    base64: bool = False
    raw: JSONObject = field(default_factory=dict)


class EmbeddingsDialect:
    """How clients ask for embeddings."""

    name: ClassVar[str] = "openai_embeddings"
    wire: ClassVar[str | None] = "openai_chat"

    def read(self, body: JSONObject) -> EmbeddingsAsk:
        """Return what a request asks for.

        Raises:
            InvalidRequestError: A field is missing, unknown, of a wrong type, or out of range; the message names it.
            UnsupportedError: The inputs are token numbers.
        """
        fields = Fields(body, "", ("model", "input", "encoding_format", "dimensions", "user"))
        fields.text("user")  # Names whom the vendor may hold to account; that is the gateway.
        dimensions = fields.whole("dimensions", 1, 1 << 20)
        return EmbeddingsAsk(
            model=model_of(fields),
            inputs=_inputs(fields),
            extra={} if dimensions is None else {"dimensions": dimensions},
            base64=fields.choice("encoding_format", ("float", "base64")) == "base64",
            raw=body,
        )

    def write(self, embeddings: Embeddings, ask: EmbeddingsAsk) -> JSONObject:
        """Return the vectors in the order of the inputs."""
        data = [
            {"object": "embedding", "index": index, "embedding": _packed(vector) if ask.base64 else list(vector)}
            for index, vector in enumerate(embeddings.vectors)
        ]
        answer: dict[str, Any] = {"object": "list", "data": data, "model": embeddings.model or ask.model}
        usage = embeddings.usage
        if usage is not None and usage.input is not None:
            answer["usage"] = {"prompt_tokens": usage.input, "total_tokens": usage.input}
        return answer

    def refuse(self, error: BackbayError, request_id: str) -> Refusal:
        """Return an error in OpenAI's form."""
        return refuse(error, request_id)


def _inputs(fields: Fields) -> tuple[str, ...]:
    value = fields.any("input")
    listed = [value] if isinstance(value, str) else value
    if not isinstance(listed, list) or not listed:
        raise wrong("input", "input is missing or empty; give text, or a list of texts.", "missing_required_parameter")
    if len(listed) > MAX_INPUTS:
        raise wrong("input", f"input has {len(listed)} texts; one request may have {MAX_INPUTS}.")
    for number, each in enumerate(listed):
        if isinstance(each, int | list) and not isinstance(each, bool):
            raise unsupported("input", "Inputs of token numbers cannot be carried; give texts.")
        if not isinstance(each, str) or not each:
            raise wrong(f"input[{number}]", f"input[{number}] must be text, and not empty.", "invalid_type")
    return tuple(listed)


def _packed(vector: Sequence[float]) -> str:
    try:
        data = struct.pack(f"<{len(vector)}f", *vector)
    except (OverflowError, struct.error):
        # A number that a 32-bit float has not is as far away as one can say.
        data = b"".join(_float(value) for value in vector)
    return base64.b64encode(data).decode("ascii")


def _float(value: float) -> bytes:
    try:
        return struct.pack("<f", value)
    except OverflowError:
        return struct.pack("<f", float("inf") if value > 0 else float("-inf"))


DIALECT = EmbeddingsDialect()
"""The dialect; it has no state."""
