"""What a chat reads before it starts: the prompt, images, a schema, tools. All is checked before any call."""

from __future__ import annotations

import base64
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from backbay import InvalidRequestError

if TYPE_CHECKING:
    from backbay import ImagePart

LARGEST_FILE = 64 * 1024 * 1024
"""Bytes. A larger file is surely not what was meant."""

_REMOTE = ("http://", "https://", "data:")


def prompt_from(text: str) -> str:
    """Return a prompt given on the command line.

    Raises:
        InvalidRequestError: It is empty, or its bytes are not UTF-8.
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        raise InvalidRequestError("The prompt is not valid UTF-8.") from None
    if not text.strip():
        raise InvalidRequestError("The prompt is empty.", hint="Give a PROMPT, or pipe one in.")
    return text


def prompt_from_stdin() -> str:
    """Return all of standard input, without one line end at its end.

    Raises:
        InvalidRequestError: It is empty, or not UTF-8.
    """
    data = sys.stdin.buffer.read()
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as failure:
        raise InvalidRequestError(f"Standard input is not UTF-8 text: byte {failure.start}.") from None
    return prompt_from(text.removesuffix("\n").removesuffix("\r"))


def image(source: str) -> ImagePart:
    """Return the image at a path or a URL; only a path is read here.

    Raises:
        InvalidRequestError: There is no such file, it is too large, or it is no image that vendors take.
    """
    from backbay import ImagePart

    if source.startswith(_REMOTE):
        try:
            return ImagePart(url=source)
        except ValueError:
            raise InvalidRequestError("--image has a data: URL that is not base64.") from None
    part = ImagePart(data=base64.b64encode(_read(source, "--image")).decode("ascii"))
    if part.media_type is None:
        raise InvalidRequestError(
            f"--image {source} is no image that Backbay knows.", hint="PNG, JPEG, GIF, WebP and BMP are known."
        )
    return part


def schema(path: str) -> Mapping[str, object]:
    """Return the JSON Schema in a file.

    Raises:
        InvalidRequestError: It cannot be read, or is no JSON object.
    """
    found = _read_json(path, "--schema")
    if not isinstance(found, dict):
        raise InvalidRequestError(f"--schema {path} has a JSON {_kind(found)}; a JSON Schema is an object.")
    return found


def tools(path: str) -> Sequence[Mapping[str, object]]:
    """Return the tools in a file: a JSON list of ``{"name", "description", "parameters"}``, or of OpenAI's form.

    Raises:
        InvalidRequestError: It cannot be read, or is no list of objects. What is in them is checked with the request.
    """
    found = _read_json(path, "--tools")
    if not isinstance(found, list) or not found or not all(isinstance(item, dict) for item in found):
        raise InvalidRequestError(
            f"--tools {path} is no list of tools.",
            hint='As in [{"name": "add", "description": "...", "parameters": {}}]',
        )
    return found


def _read_json(path: str, option: str) -> object:
    try:
        found: object = json.loads(_read(path, option).decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise InvalidRequestError(f"{option} {path} is not UTF-8 text.") from None
    except (ValueError, RecursionError) as failure:
        raise InvalidRequestError(f"{option} {path} is not valid JSON: {failure}") from None
    return found


def _read(path: str, option: str) -> bytes:
    try:
        with Path(path).open("rb") as file:
            data = file.read(LARGEST_FILE + 1)
    except (OSError, ValueError) as failure:
        reason = getattr(failure, "strerror", None) or failure
        raise InvalidRequestError(f"{option} {path} cannot be read: {reason}") from None
    if len(data) > LARGEST_FILE:
        raise InvalidRequestError(f"{option} {path} is larger than {LARGEST_FILE // 1024 // 1024} MB.")
    return data


def _kind(value: object) -> str:
    return {list: "list", str: "string", bool: "boolean", type(None): "null"}.get(type(value), "number")
