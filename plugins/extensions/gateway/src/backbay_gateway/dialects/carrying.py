"""What readers of requests share beside ``Fields``: models' names, and fields that cannot be carried."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from backbay.messages import describe

from .openai_fields import Fields, UnsupportedFieldError, unsupported, wrong

M = TypeVar("M", bound=BaseModel)

_MODEL = re.compile(r"[^\x00-\x20\x7f]{1,256}")
_UPWARDS = re.compile(r"(?:^|[/\\])\.{1,2}(?:[/\\]|$)")


def model_of(fields: Fields) -> str:
    """Return the model's name: at most 256 characters, none of them blank, and no step upwards in a path.

    Raises:
        InvalidRequestError: It is missing, or can be no such name.
    """
    name = fields.need_text("model")
    if not _MODEL.fullmatch(name) or _UPWARDS.search(name):
        raise wrong("model", "model has characters, or a length, that no model's name has.")
    return name


def refuse_uncarried(fields: Fields, names: Collection[str]) -> None:
    """Refuse fields that a vendor's reference has, and that nothing here can carry. ``null`` counts as absent.

    Raises:
        UnsupportedError: There is one; the message names it.
    """
    for name in names:
        if name in fields:
            raise uncarried(fields.at(name))


def uncarried(
    path: str, why: str = "The gateway cannot carry it", hint: str = "Leave it out."
) -> UnsupportedFieldError:
    """Return the error of the field at ``path``, which is right and cannot be carried."""
    return unsupported(path, f"{path} is not supported here. {why}.", hint)


def need_object(fields: Fields, name: str) -> dict[str, Any]:
    """Return an object as it is, which must be there."""
    found = fields.mapping(name)
    if found is None:
        raise wrong(fields.at(name), f"{fields.at(name)} is missing; give an object.", "missing_required_parameter")
    return found


def strings(fields: Fields, name: str) -> tuple[str, ...]:
    """Return a list of strings; an empty tuple where it is absent.

    Raises:
        InvalidRequestError: It is something else.
    """
    listed = fields.listed(name) or []
    for number, item in enumerate(listed):
        if not isinstance(item, str):
            raise wrong(f"{fields.at(name)}.{number}", f"{fields.at(name)}.{number} must be a string.", "invalid_type")
    return tuple(listed)


def build(kind: type[M], path: str, **values: object) -> M:
    """Return a value of core's; raises ``InvalidRequestError`` that names ``path`` where core refuses it."""
    try:
        return kind(**values)
    except ValidationError as failure:
        raise wrong(path, f"{path}: {describe(failure)}.") from None


def type_of(value: object) -> str:
    """Return the ``type`` of a JSON object; ``""`` if it has none, or is no object."""
    kind = value.get("type") if isinstance(value, Mapping) else None
    return kind if isinstance(kind, str) else ""
