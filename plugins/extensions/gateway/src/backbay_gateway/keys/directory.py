"""The keys as this process knows them: all, so that an id that is not there costs what one that is there costs."""

from __future__ import annotations

import hmac
import secrets
import time
from bisect import bisect_left
from collections.abc import Callable

from backbay.errors import BackbayError

from . import refusals, registry, tokens
from .database import Database
from .key import Key

POLL = 0.5
"""Seconds for which what was read of PostgreSQL is taken for current; a revocation is in force after that."""

_NOBODY = Key(id="\U0010ffff", label="", created=0.0, digest=secrets.token_bytes(32))
"""Stands after every key, so that there is one at every place."""


class Directory:
    """All keys, kept current.

    A SQLite file is asked before every use whether it was changed. PostgreSQL is asked at most every ``POLL`` seconds.
    """

    def __init__(self, database: Database, changed: Callable[[Key], None]) -> None:
        self._database = database
        self._watch = database.watch()
        # In the order of the ids: to find one takes the same steps, and touches as much, whether it is there or not.
        self._ids = [_NOBODY.id]
        self._keys = [_NOBODY]
        self._changed = changed
        self._revision = -1
        self._asked = float("-inf")
        self.take(self.read())

    def is_current(self) -> bool:
        """Whether nothing has changed since the last ``take``, as far as one can see without waiting."""
        if self._watch is not None:
            return self._watch.revision() == self._revision
        return time.monotonic() - self._asked < POLL

    def read(self) -> tuple[float, int, list[Key]]:
        """Read what has changed; blocks. Returns what ``take`` takes.

        Raises:
            OverloadedError: The store cannot be used at the moment.
            ServerError: The store is broken.
        """
        asked = time.monotonic()
        with self._database.transaction(reading=True) as connection:
            self._database.tell_time(connection)
            revision = registry.revision(connection)
            found = registry.changed(connection, self._revision) if revision != self._revision else []
        return asked, revision, found

    def take(self, read: tuple[float, int, list[Key]]) -> None:
        """Make current what ``read`` returned; on the event loop's thread."""
        asked, revision, found = read
        if revision < self._revision:
            return
        if found:
            known = dict(zip(self._ids, self._keys, strict=True)) | {key.id: key for key in found}
            self._ids = sorted(known)
            self._keys = [known[key_id] for key_id in self._ids]
        for key in found:
            self._changed(key)
        self._asked, self._revision = asked, revision

    def doubt(self) -> None:
        """Read again before the next use: this process has changed something itself."""
        self._asked = float("-inf")

    def check(self, presented: str | None, now: float) -> Key | BackbayError:
        """Return whose key was presented, or why it is nobody's.

        What it costs tells nothing: the secret of an unknown id is compared with that of the key next to it.
        """
        if not presented:
            return refusals.no_key()
        parts = tokens.split(presented)
        key_id, secret = parts or ("", "")
        key = self._keys[bisect_left(self._ids, key_id)]
        same = hmac.compare_digest(tokens.digest(secret), key.digest)
        if not same or key.id != key_id:
            return refusals.bad_key()
        state = key.state(now)
        return key if state == "active" else refusals.ended_key(key.id, state)

    def close(self) -> None:
        """Let go of the file."""
        if self._watch is not None:
            self._watch.close()
