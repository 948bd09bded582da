"""What an answer has beside text, thoughts and calls: citations, media, the vendor's own tools, other candidates."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from typing import Any

_HOSTED = ("executableCode", "codeExecutionResult", "toolCall", "toolResponse")
# Of the first candidate; the newest holds.
_KEPT = ("avgLogprobs", "finishMessage", "safetyRatings", "tokenCount", "urlContextMetadata")
_CITATIONS = ("citationSources", "citations")
"""The first at the Gemini API, the second at Vertex AI (recorded)."""


class Extras:
    """Collects over the chunks of one answer what goes into ``Response.details``."""

    __slots__ = ("_audio", "_citations", "_grounding", "_images", "_kept", "_logprobs", "_others", "_tools")

    def __init__(self) -> None:
        self._kept: dict[str, Any] = {}
        self._citations: list[Any] = []
        self._images: list[Any] = []
        self._audio: list[dict[str, Any]] = []
        self._tools: list[Any] = []
        self._grounding: dict[str, Any] = {}
        self._logprobs: dict[str, Any] = {}
        self._others: dict[int, dict[str, Any]] = {}

    def keep(self, name: str, value: object) -> None:
        """Keep a value under the vendor's own name."""
        self._kept[name] = value

    def read_candidate(self, candidate: dict[str, Any]) -> None:
        """Read what stands beside the content of the first candidate."""
        for name in _KEPT:
            if candidate.get(name) not in (None, [], {}):
                self._kept[name] = candidate[name]
        cited = candidate.get("citationMetadata")
        if isinstance(cited, dict):
            for name in _CITATIONS:
                self._citations += _listed(cited.get(name))
        if isinstance(candidate.get("groundingMetadata"), dict):
            # An empty one stands in each chunk before the last (recorded).
            self._grounding |= candidate["groundingMetadata"]
        if isinstance(candidate.get("logprobsResult"), dict):
            _extend(self._logprobs, candidate["logprobsResult"])

    def read_part(self, part: dict[str, Any]) -> None:
        """Read a part that is neither text nor a call of the caller's tools."""
        self._tools += [{name: part[name]} for name in _HOSTED if name in part]
        data = part.get("inlineData")
        if not isinstance(data, dict) or part.get("thought") is True:
            return  # A picture among the thoughts is a draft.
        if str(data.get("mimeType", "")).startswith("audio/"):
            self._audio.append(data)
        else:
            self._images.append(data)

    def read_other(self, index: int, candidate: dict[str, Any]) -> None:
        """Read a chunk of another candidate than the first."""
        known = self._others.get(index)
        if known is None:
            self._others[index] = {**candidate, "index": index, "content": _joined({}, candidate.get("content"))}
            return
        content = _joined(known["content"], candidate.get("content"))
        self._others[index] = {**known, **candidate, "index": index, "content": content}

    def details(self) -> dict[str, Any]:
        """Return what was found, under the names that every wire has."""
        grounding = [{"groundingMetadata": self._grounding}] if self._grounding else []
        found = {
            "citations": self._citations,
            "logprobs": self._logprobs,
            "server_tools": [*self._tools, *grounding],
            "images": self._images,
            "audio": _sound(self._audio),
            "choices": [self._others[index] for index in sorted(self._others)],
        }
        return {**self._kept, **{name: value for name, value in found.items() if value}}


def _listed(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _extend(known: dict[str, Any], more: dict[str, Any]) -> None:
    for name, value in more.items():
        both_lists = isinstance(value, list) and isinstance(known.get(name), list)
        known[name] = [*known[name], *value] if both_lists else value


def _joined(known: dict[str, Any], more: object) -> dict[str, Any]:
    """Return content with that of the next chunk; text goes on where it is of the same kind and nothing is signed."""
    if not isinstance(more, dict):
        return known
    parts = list(_listed(known.get("parts")))
    for part in _listed(more.get("parts")):
        last = parts[-1] if parts else {}
        if _is_plain(part) and _is_plain(last) and part.get("thought") == last.get("thought"):
            parts[-1] = {**last, "text": last["text"] + part["text"]}
        else:
            parts.append(part)
    return {**known, **more, **({"parts": parts} if parts else {})}


def _is_plain(part: object) -> bool:
    return isinstance(part, dict) and set(part) <= {"text", "thought"} and isinstance(part.get("text"), str)


def _sound(pieces: Iterable[dict[str, Any]]) -> dict[str, Any] | None:
    """Return recorded sound as one object: a stream cuts it, each piece in base64 of its own."""
    first: dict[str, Any] | None = None
    joined = b""
    for piece in pieces:
        first = first or piece
        try:
            joined += base64.b64decode(str(piece.get("data", "")), validate=True)
        except ValueError:
            return first
    return None if first is None else {**first, "data": base64.b64encode(joined).decode()}
