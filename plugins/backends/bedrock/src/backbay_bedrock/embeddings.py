"""Embeddings by InvokeModel, which has a form for each maker of models: Amazon Titan's, and Cohere's.

Source: Bedrock's user guide (Amazon Titan Text Embeddings, Cohere Embed v3, Cohere Embed v4), and recorded traffic
(Cohere Embed v4).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from backbay.errors import DecodeError, InvalidRequestError, UnsupportedError
from backbay.http.codec import HTTPRequest
from backbay.response import Embeddings, Usage
from backbay.wires.reading import excerpt, floats, load_object
from backbay.wires.writing import refuse_owned, to_bytes

from .models import path_of, split_id
from .reading import count_of

FORMS = ("titan", "cohere")
"""``"titan"`` takes one text a call, ``"cohere"`` several."""

_TYPES = ("float", "int8", "uint8")
"""Types of Cohere's vectors, the most exact first. ``extra`` may ask for one."""


def form_of(model: str, told: str | None) -> str:
    """Return the form of a model's calls. One whose id says nothing is asked as Cohere's are.

    Raises:
        UnsupportedError: The model has another form.
    """
    provider, name = split_id(model)
    if told is not None or provider in ("", "cohere"):
        return told or "cohere"
    if provider == "amazon" and name.startswith("titan"):
        return "titan"
    raise UnsupportedError(
        f"{model} has a form of embedding calls that this backend does not write.",
        hint="Use a model of Amazon Titan or Cohere; or connect with embedding_form=, if it takes one of their forms.",
    )


def encode(model: str, inputs: Sequence[str], extra: Mapping[str, object], told: str | None) -> HTTPRequest:
    """Return the POST for embeddings of ``inputs``.

    Cohere wants to be told what the texts are for: ``input_type`` is ``"search_document"`` unless ``extra`` says it.

    Raises:
        InvalidRequestError: There are several texts, and the form takes one.
        OptionConflictError: ``extra`` names the field of the texts.
        UnsupportedError: The model has another form.
    """
    body: dict[str, Any]
    if form_of(model, told) == "titan":
        refuse_owned(extra, ("inputText",))
        if len(inputs) != 1:
            raise InvalidRequestError(f"{model} takes one text a call, and there are {len(inputs)}.")
        body = {"inputText": inputs[0], **extra}
    else:
        refuse_owned(extra, ("texts",))
        body = {"input_type": "search_document", **extra, "texts": list(inputs)}
    return HTTPRequest("POST", path_of(model, "invoke"), to_bytes(body))


def decode(body: bytes, count: int) -> Embeddings:
    """Return the vectors of an embeddings body of either form, in the order of the inputs.

    Raises:
        DecodeError: It has not ``count`` vectors of numbers.
    """
    found = load_object(body, "embeddings")
    titan = found.get("embedding")
    listed: object = [titan] if titan is not None else found.get("embeddings")
    if isinstance(listed, dict):
        # By type, where types were asked for, and from Embed v4 on always (recorded).
        listed = next((listed[name] for name in _TYPES if name in listed), None)
    vectors = [floats(vector) or None for vector in listed] if isinstance(listed, list) else []
    if len(vectors) != count or None in vectors:
        raise DecodeError(f"Expected {count} embeddings, and something else came.", body=excerpt(body))
    tokens = count_of(found.get("inputTextTokenCount"))
    usage = None if tokens is None else Usage(input=tokens, raw={"inputTextTokenCount": tokens})
    return Embeddings(vectors=[vector for vector in vectors if vector is not None], usage=usage)


def joined(found: Sequence[Embeddings]) -> Embeddings:
    """Return the vectors of several calls as those of one."""
    counts = [each.usage.input for each in found if each.usage is not None and each.usage.input is not None]
    usage = Usage(input=sum(counts)) if len(counts) == len(found) else None
    return Embeddings(vectors=[vector for each in found for vector in each.vectors], usage=usage)
