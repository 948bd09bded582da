"""Mistral's chunks turned into events: those of the chat-completions wire, and thinking that must go back as it came.

Thinking is a chunk of the content: a list of texts, with ``closed``, and with a ``signature`` where it is signed. In a
stream it comes in pieces, each with the same fields and the next words; some have ``closed`` at each piece, some never,
and some an empty piece at the end (recorded). Put together they are the chunk of the whole answer.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from backbay.events import Event, Thinking
from backbay.wires.openai_chat import ChunkReader

CHUNK = "chunk"
"""Where a thinking chunk is kept in opaque data."""


class MistralReader(ChunkReader):
    """Reads the chunks of one answer.

    Args:
        backend: The name under which thinking chunks are kept.
        whole: Whether the one chunk is a whole answer.
    """

    __slots__ = ("_backend", "_thought")

    def __init__(self, backend: str, *, whole: bool) -> None:
        super().__init__(backend, whole=whole)
        self._backend = backend
        self._thought: dict[str, Any] | None = None

    def read(self, chunk: object) -> Sequence[Event]:
        """Take the next chunk, or an error in Mistral's flat form; return its events."""
        if isinstance(chunk, dict) and chunk.get("object") == "error":
            chunk = {"error": chunk}
        return super().read(chunk)

    def end(self) -> Sequence[Event]:
        """Take the end of the answer; return its last events."""
        return [*self._end_thought(), *super().end()]

    def _read_choice(self, choice: dict[str, Any], events: list[Event]) -> None:
        delta = choice.get("delta")
        if self._thought is not None and isinstance(delta, dict) and not choice.get("index"):
            content = delta.get("content")
            if delta.get("tool_calls") or (isinstance(content, str) and content):
                events += self._end_thought()
        super()._read_choice(choice, events)

    def _read_part(self, part: dict[str, Any], events: list[Event]) -> None:
        pieces = part.get("thinking")
        if part.get("type") != "thinking" or not isinstance(pieces, list):
            events += self._end_thought()
        elif self._thought is None or self._whole or self._thought.get("signature"):
            events += self._end_thought()
            self._thought = {**part, "thinking": list(pieces)}
        else:
            self._thought = {**self._thought, **part, "thinking": [*self._thought["thinking"], *pieces]}
        super()._read_part(part, events)

    def _end_thought(self) -> Iterator[Event]:
        """Yield the thinking chunk so far as opaque data, if there is any thought in it."""
        thought, self._thought = self._thought, None
        if thought is None or not (thought["thinking"] or thought.get("signature")):
            return
        if not self._whole:
            thought["thinking"] = list(_joined(thought["thinking"]))
        yield Thinking("", {self._backend: {CHUNK: thought}})


def _joined(pieces: Sequence[object]) -> Iterator[object]:
    """Yield pieces of thinking, texts that follow each other as one."""
    words: list[str] = []
    for piece in pieces:
        if isinstance(piece, dict) and piece.keys() == {"type", "text"} and isinstance(piece["text"], str):
            words.append(piece["text"])
            continue
        if words:
            yield {"type": "text", "text": "".join(words)}
            words = []
        yield piece
    if words:
        yield {"type": "text", "text": "".join(words)}
