"""What a model thought, in the forms of the chat-completions wire: fields of text, details that must go back, tags.

Sources: recorded traffic; OpenRouter's guide to reasoning tokens (``reasoning_details``); Google's guide to thought
signatures (``extra_content``, on its OpenAI-compatible endpoint); LiteLLM's page on reasoning (``thinking_blocks``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..events import Event, Text, Thinking

FIELDS = ("reasoning_content", "reasoning")
"""Fields of plain text, by which servers that say the same twice say it first."""

LISTS = ("reasoning_details", "thinking_blocks")
"""Fields that list blocks, which go back unchanged."""

OBJECTS = ("extra_content",)
"""Fields that are one object, which goes back unchanged."""

OPEN, CLOSE = "<think>", "</think>"

_WORDS = ("text", "summary", "thinking")
_GROWING = frozenset({"reasoning.text", "reasoning.summary", "thinking"})


class Thoughts:
    """Collects what one answer holds besides its text and its calls, until it can be given as opaque data.

    Args:
        backend: The name under which opaque data is kept; ``None`` keeps none.

    Attributes:
        kept: What must go back, and was not given yet.
    """

    __slots__ = ("_backend", "_named", "kept")

    def __init__(self, backend: str | None) -> None:
        self._backend = backend
        self.kept: dict[str, Any] = {}
        self._named = False

    def read(self, delta: Mapping[str, Any], *, whole: bool) -> Iterator[Event]:
        """Yield the thinking of a delta, once, and keep what must go back.

        Args:
            delta: The delta, or the message of a whole answer.
            whole: Whether each block that is listed is complete; pieces of a stream are put together.
        """
        words = next((value for name in FIELDS if isinstance(value := delta.get(name), str) and value), "")
        self._named = self._named or bool(words)
        for name in LISTS:
            blocks = delta.get(name)
            if isinstance(blocks, list):
                listed = [block for block in blocks if isinstance(block, dict)]
                if not self._named:
                    words += "".join(_words(block) for block in listed)
                self._keep(name, listed, whole=whole)
        for name in OBJECTS:
            if isinstance(delta.get(name), dict) and delta[name]:
                self.kept[name] = {**self.kept.get(name, {}), **delta[name]}
        if words:
            yield Thinking(words)

    def flush(self) -> Iterator[Event]:
        """Yield what was kept, as opaque data of the thinking so far."""
        if self.kept and self._backend is not None:
            yield Thinking("", {self._backend: self.kept})
        self.kept = {}

    def _keep(self, name: str, blocks: list[dict[str, Any]], *, whole: bool) -> None:
        kept: list[dict[str, Any]] = self.kept.setdefault(name, []) if blocks else []
        for block in blocks:
            if not whole and kept and _continues(kept[-1], block):
                kept[-1] = _joined(kept[-1], block)
            else:
                kept.append(block)


def _words(block: Mapping[str, Any]) -> str:
    return next((value for name in _WORDS if isinstance(value := block.get(name), str)), "")


def _continues(last: Mapping[str, Any], block: Mapping[str, Any]) -> bool:
    """Whether a streamed block is more of the one before it: of a kind that comes in pieces, and not signed yet."""
    kind = block.get("type")
    if not isinstance(kind, str) or kind not in _GROWING or last.get("signature"):
        return False
    return all(last.get(name) == block.get(name) for name in ("type", "index")) and (
        not last.get("id") or not block.get("id") or last["id"] == block["id"]
    )


def _joined(last: dict[str, Any], block: dict[str, Any]) -> dict[str, Any]:
    joined = {**last, **{name: value for name, value in block.items() if value is not None}}
    for name in _WORDS:
        if isinstance(last.get(name), str) and isinstance(block.get(name), str):
            joined[name] = last[name] + block[name]
    return joined


class ThinkTags:
    """Tells thinking from text where a server leaves it in the text, between ``<think>`` and ``</think>``.

    Only thinking at the very beginning is thinking; later a tag is text. White space before the tag stays text. A tag
    may come in pieces.
    """

    __slots__ = ("_held", "_state")

    def __init__(self) -> None:
        self._held = ""
        self._state = OPEN

    def read(self, delta: str) -> Iterator[Event]:
        """Yield the events of more text."""
        held, self._held = self._held + delta, ""
        if self._state == OPEN:
            begin = held.lstrip()
            if len(begin) < len(OPEN) and OPEN.startswith(begin):
                self._held = held
                return
            if begin.startswith(OPEN):
                self._state = CLOSE
                if len(held) > len(begin):
                    yield Text(held[: len(held) - len(begin)])
                held = begin[len(OPEN) :]
            else:
                self._state = ""
        if self._state == CLOSE:
            thought, tag, held = held.partition(CLOSE)
            if tag:
                self._state = ""
            else:
                keep = _overlap(thought)
                thought, self._held = thought[: len(thought) - keep], thought[len(thought) - keep :]
            if thought:
                yield Thinking(thought)
        if held:
            yield Text(held)

    def end(self) -> Iterator[Event]:
        """Yield what was held back in case it was a tag."""
        if self._held:
            yield Text(self._held) if self._state == OPEN else Thinking(self._held)
        self._held = ""


def _overlap(text: str) -> int:
    """Return how many characters at the end of ``text`` may be the beginning of the closing tag."""
    return next((size for size in range(len(CLOSE) - 1, 0, -1) if text.endswith(CLOSE[:size])), 0)
