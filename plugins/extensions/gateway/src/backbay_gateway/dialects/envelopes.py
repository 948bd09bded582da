"""How what a vendor wants back unchanged travels through a client that knows nothing of it.

Our ``opaque`` data (signatures of thinking, encrypted reasoning, blocks of tools that a vendor runs) is kept by
backend name. A client sends back, unchanged, what its dialect says that it must: the ``signature`` of a thinking block,
the ``data`` of a redacted one, the ``encrypted_content`` of a reasoning item. An envelope is what we put there:

    bb1.<payload>.<seal>

``payload`` is base64url of JSON: ``{"o": {backend: data}}``, with ``"c": id`` if the data is of that tool call, and
``"t": text`` if it holds the text of thinking that the client did not want to see. ``seal`` is base64url of the first
16 bytes of HMAC-SHA256 over the payload, so that no client can put items of its own making into a request that goes out
under the gateway's key. What has no valid seal, such as a signature that a vendor made, is left out.

Who wrote it is in the name within: a backend reads its own, and leaves out what others made. A vendor itself refuses
envelopes, so a body that has ``MARK`` in it must be transcoded, not relayed.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

MARK = "bb1."
"""How every envelope begins. A JSON body without it in its bytes has no envelope."""

_SEAL_BYTES = 16
_PURPOSE = b"backbay-gateway/opaque/1"


@dataclass(frozen=True, slots=True)
class Opened:
    """What an envelope held.

    Attributes:
        opaque: Vendor data by backend name, as in ``ThinkingPart.opaque``.
        call: Id of the tool call that it is of; ``None`` if of thinking.
        text: The thinking itself, where the client was not shown it; else ``None``.
    """

    opaque: dict[str, Any]
    call: str | None = None
    text: str | None = None


class Envelopes:
    """Writes and opens envelopes.

    Args:
        secret: What seals them, 16 bytes or more. All processes that serve one client need the same; ``None`` makes one
            that lasts as long as this process does.
    """

    def __init__(self, secret: bytes | None = None) -> None:
        self._key = b""
        self.use(secrets.token_bytes(32) if secret is None else secret)

    def use(self, secret: bytes) -> None:
        """Seal with ``secret`` from now on; what another secret sealed is no longer opened.

        Raises:
            ValueError: It is shorter than 16 bytes.
        """
        if len(secret) < _SEAL_BYTES:
            raise ValueError(f"a secret for envelopes has at least {_SEAL_BYTES} bytes")
        self._key = hmac.digest(secret, _PURPOSE, hashlib.sha256)

    def seal(self, opaque: Mapping[str, Any], *, call: str | None = None, text: str | None = None) -> str:
        """Return the envelope of vendor data; see ``Opened`` for the arguments."""
        held: dict[str, Any] = {"o": opaque}
        if call is not None:
            held["c"] = call
        if text is not None:
            held["t"] = text
        payload = _written(json.dumps(held, separators=(",", ":")).encode())
        return f"{MARK}{payload}.{self._seal(payload)}"

    def open(self, sealed: object) -> Opened | None:
        """Return what an envelope holds; ``None`` for anything that this object's secret did not seal."""
        if not isinstance(sealed, str) or not sealed.startswith(MARK) or not sealed.isascii():
            return None
        payload, dot, seal = sealed[len(MARK) :].partition(".")
        if not dot or not hmac.compare_digest(seal, self._seal(payload)):
            return None
        held = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        return Opened(held["o"], held.get("c"), held.get("t"))

    def _seal(self, payload: str) -> str:
        return _written(hmac.digest(self._key, payload.encode(), hashlib.sha256)[:_SEAL_BYTES])


ENVELOPES = Envelopes()
"""Those of the dialects. ``ENVELOPES.use(secret)`` at start, where several processes or restarts serve one client."""


def _written(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
