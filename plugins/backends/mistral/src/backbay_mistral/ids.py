"""Ids of tool calls as Mistral takes them.

"Tool call id was ... but must be a-z, A-Z, 0-9, with a length of 9" is its error 3280 (anomalyco/opencode #1680,
nearai/ironclaw #1241). Its own ids are so (recorded); those that another vendor gave, or a program made, are not.
"""

from __future__ import annotations

import hashlib
import re
import string

_OWN = re.compile("[a-zA-Z0-9]{9}")
_DIGITS = string.digits + string.ascii_letters


def tool_id(given: str) -> str:
    """Return ``given`` if Mistral takes it, else an id that is always the same for it."""
    if _OWN.fullmatch(given):
        return given
    number = int.from_bytes(hashlib.sha256(given.encode("utf-8", "surrogatepass")).digest())
    digits = []
    for _ in range(9):
        number, digit = divmod(number, len(_DIGITS))
        digits.append(_DIGITS[digit])
    return "".join(digits)
