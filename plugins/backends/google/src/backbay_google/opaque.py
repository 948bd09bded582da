"""What of an answer must go back unchanged, and where it is kept: written by the reader, read by the encoder.

Under the backend's name ``ThinkingPart.opaque`` holds one of these, and ``ToolCall.opaque`` some of the second's:

- ``part``: a whole part of the answer that is neither text nor a call of the caller's tools.
- ``thoughtSignature``: the signature of a part. With it ``chars`` says how many characters, at the end of the text
  before it, or of the thinking's own text, the signed part had: streams cut one part into many, and Google says not to
  join a signed part with another (ai.google.dev, Thought signatures).
- ``id``: ``None`` where the vendor gave a call no id, so that it gets none back.
- ``calls``: how many tool calls came before, if any did.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

PART = "part"
SIGNATURE = "thoughtSignature"
CHARS = "chars"
ID = "id"
CALLS = "calls"


def of(holder: Mapping[str, Any] | None, backend: str) -> Mapping[str, Any]:
    """Return what is kept for ``backend``; an empty mapping if nothing is. What is another's is not looked at."""
    kept = (holder or {}).get(backend)
    return kept if isinstance(kept, Mapping) else {}
