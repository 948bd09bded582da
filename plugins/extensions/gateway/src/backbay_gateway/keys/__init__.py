"""Virtual keys: who may use what, how much, and what they used."""

from __future__ import annotations

from .admission import Keys, first_key_notice
from .grant import Grant
from .key import Key, KeyRequest, NewKey
from .limits import KeyLimits, Period

__all__ = ["Grant", "Key", "KeyLimits", "KeyRequest", "Keys", "NewKey", "Period", "first_key_notice"]
