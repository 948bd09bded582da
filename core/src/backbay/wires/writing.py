"""What codecs share when they write a body: ``extra`` under the codec's own fields, and JSON bytes."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any

from ..errors import InvalidRequestError, OptionConflictError

HINTS = {"n": "Make one call for each answer."}


def refuse_owned(extra: Mapping[str, object], owned: Collection[str]) -> None:
    """Refuse ``extra`` that names a field which the codec writes.

    Raises:
        OptionConflictError: It does; the message names the fields.
    """
    taken = sorted(set(owned) & set(extra))
    if taken:
        hint = HINTS.get(taken[0]) if len(taken) == 1 else None
        raise OptionConflictError(
            f"extra names fields that Backbay writes: {', '.join(taken)}.",
            hint=hint or "Use the option of that meaning.",
        )


def to_bytes(body: Mapping[str, Any]) -> bytes:
    """Return ``body`` as JSON bytes.

    Raises:
        InvalidRequestError: It holds what JSON or UTF-8 cannot: NaN, infinity, half of a surrogate pair.
    """
    try:
        return json.dumps(body, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
    except UnicodeEncodeError:
        raise InvalidRequestError("The request has half of a surrogate pair, which is no text.") from None
    except (ValueError, TypeError) as failure:
        raise InvalidRequestError(f"The request cannot be written as JSON: {failure}") from None
