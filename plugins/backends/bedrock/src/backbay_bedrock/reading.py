"""Pieces of Converse's answers: a block that has begun, usage, and a whole answer as its events.

Source: the API references of Converse and ConverseStream, and recorded traffic.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Sequence
from typing import Any

from backbay.response import Finish, Usage

FINISHES = {
    "end_turn": Finish.STOP,
    "stop_sequence": Finish.STOP,
    "max_tokens": Finish.LENGTH,
    "model_context_window_exceeded": Finish.LENGTH,
    "tool_use": Finish.TOOL_CALLS,
    "guardrail_intervened": Finish.CONTENT_FILTER,
    "content_filtered": Finish.CONTENT_FILTER,
}
"""Finish reasons by Bedrock's word; any other, such as ``malformed_tool_use``, is ``OTHER``."""


class Block:
    """A block that has begun.

    Attributes:
        kind: What it is: ``"text"``, ``"thinking"``, ``"call"``, ``"hosted"`` (a tool that Bedrock runs, or its
            result) or ``"image"``; ``""`` before anybody said.
        name: The name of its member in the reference's ContentBlock.
        start: What it was when it began.
        pieces: Pieces of text: of a tool's input, or of base64.
        content: What the result of a tool consists of.
        citations: What its text cites, as Bedrock has it.
        characters: How many characters of text have come.
        signature: What the vendor signed it with; ``""`` for nothing.
    """

    __slots__ = ("characters", "citations", "content", "kind", "name", "pieces", "signature", "start")

    def __init__(self) -> None:
        self.kind = ""
        self.name = ""
        self.start: dict[str, Any] = {}
        self.pieces: list[str] = []
        self.content: list[Any] = []
        self.citations: list[Any] = []
        self.characters = 0
        self.signature = ""


def usage_of(value: object) -> Usage | None:
    """Return Bedrock's usage object as ``Usage``; ``None`` if it has no count.

    Bedrock's ``inputTokens`` are those that neither came from a cache nor went into one (recorded: the total is the sum
    of all four); ours are all of them.
    """
    if not isinstance(value, dict):
        return None
    fresh, output = count_of(value.get("inputTokens")), count_of(value.get("outputTokens"))
    read, written = count_of(value.get("cacheReadInputTokens")), count_of(value.get("cacheWriteInputTokens"))
    if fresh is None and output is None and read is None and written is None:
        return None
    total = None if fresh is None else fresh + (read or 0) + (written or 0)
    return Usage(total, output, read, written, None, value)


def events_of(answer: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield a whole answer as the events that would carry it."""
    message = answer["output"]["message"]
    yield {"messageStart": {"role": message.get("role")}}
    for index, block in enumerate(message["content"]):
        if not isinstance(block, dict):
            continue
        start, deltas = _streamed(block)
        if start is not None:
            yield {"contentBlockStart": {"contentBlockIndex": index, "start": start}}
        for delta in deltas:
            yield {"contentBlockDelta": {"contentBlockIndex": index, "delta": delta}}
        yield {"contentBlockStop": {"contentBlockIndex": index}}
    yield {"messageStop": answer}
    yield {"metadata": answer}


def _streamed(block: dict[str, Any]) -> tuple[dict[str, Any] | None, Sequence[dict[str, Any]]]:
    """Return what a block would begin with in a stream (``None`` if nothing), and the deltas that would follow."""
    if "text" in block:
        return None, [{"text": block["text"]}]
    if isinstance(block.get("citationsContent"), dict):
        cited = block["citationsContent"]
        texts = [{"text": part.get("text")} for part in listed(cited.get("content")) if isinstance(part, dict)]
        return None, [*texts, *({"citation": citation} for citation in listed(cited.get("citations")))]
    if isinstance(block.get("reasoningContent"), dict):
        said = block["reasoningContent"].get("reasoningText")
        thought = {**block["reasoningContent"], **(said if isinstance(said, dict) else {})}
        names = ("text", "signature", "redactedContent")
        return None, [{"reasoningContent": {name: thought[name]}} for name in names if name in thought]
    if isinstance(block.get("toolUse"), dict):
        tool = block["toolUse"]
        given = tool.get("input")
        text = given if isinstance(given, str) else json.dumps(given, ensure_ascii=False) if given else ""
        start = {"toolUse": {name: value for name, value in tool.items() if name != "input"}}
        return start, [{"toolUse": {"input": text}}]
    if isinstance(block.get("toolResult"), dict):
        result = block["toolResult"]
        start = {"toolResult": {name: value for name, value in result.items() if name != "content"}}
        return start, [{"toolResult": listed(result.get("content"))}]
    return block, []


def joined(pieces: Sequence[str]) -> str:
    """Return base64 in pieces as one; each is base64 by itself. What is none stays as it came."""
    if len(pieces) == 1:
        return pieces[0]
    try:
        return base64.b64encode(b"".join(base64.b64decode(piece, validate=True) for piece in pieces)).decode()
    except ValueError:
        return "".join(pieces)


def count_of(value: object) -> int | None:
    """Return a number of tokens; ``None`` for what is none."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def listed(value: object) -> list[Any]:
    """Return a list; an empty one for anything else."""
    return value if isinstance(value, list) else []
