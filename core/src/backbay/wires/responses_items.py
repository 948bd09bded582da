"""Output items of the responses wire: what was said of one so far, and what a whole one says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from ..response import Usage
from . import lists

Said = Literal["text", "refusal", "summary", "reasoning", "arguments"]
"""What an item says, each in deltas of its own."""

CALLS = ("function_call", "custom_tool_call")
"""Items that ask the caller to run a tool; the second has free text in the place of JSON arguments."""

_TEXTS: Mapping[str, tuple[Said, str]] = {"output_text": ("text", "text"), "refusal": ("refusal", "refusal")}


class Item:
    """One output item, while it comes.

    Attributes:
        number: Its place among the items of the answer, from 0.
        type: The vendor's word for what it is; ``None`` until that is known.
        id: The vendor's id, or ``None``.
        phase: The vendor's label of a message, or ``None``.
        closed: Whether it came whole.
        marked: Whether its message was announced.
        sealed: Its encrypted content as last seen.
        annotations: The vendor's annotations of its text.
        logprobs: The vendor's log probabilities of its text.
    """

    __slots__ = ("_said", "annotations", "closed", "id", "logprobs", "marked", "number", "phase", "sealed", "type")

    def __init__(self, number: int) -> None:
        self.number = number
        self.type: str | None = None
        self.id: str | None = None
        self.phase: object = None
        self.closed = False
        self.marked = False
        self.sealed: object = None
        self.annotations: list[Any] = []
        self.logprobs: list[Any] = []
        self._said: dict[Said, dict[int, list[str]]] = {}

    def add(self, said: Said, part: object, delta: str) -> None:
        """Note a delta of part number ``part``."""
        self._said.setdefault(said, {}).setdefault(_number(part), []).append(delta)

    def thinks(self, said: Said) -> bool:
        """Whether this is the form in which the item tells its thoughts: the first one, where there are two."""
        return said == next((kind for kind in self._said if kind in ("summary", "reasoning")), said)

    def rest(self, said: Said, whole: str, part: object = ...) -> str:
        """Return what of ``whole`` was not said yet, of one part or, by default, of all together."""
        parts = self._said.get(said, {})
        chosen = parts.values() if part is ... else [parts.get(_number(part), [])]
        pieces = [piece for each in chosen for piece in each]
        before = "".join(pieces)
        return whole[len(before) :] if whole.startswith(before) else ""


class Items:
    """The output items of one answer, by their places.

    An item is found by ``output_index``: some servers change its id from event to event (GitHub Copilot, recorded).
    """

    __slots__ = ("_items",)

    def __init__(self) -> None:
        self._items: dict[int, Item] = {}

    def __iter__(self) -> Iterator[Item]:
        return (self._items[number] for number in sorted(self._items))

    def at(self, number: int) -> Item:
        """Return the item at a place, new if need be."""
        item = self._items.get(number)
        if item is None:
            item = self._items[number] = Item(number)
        return item

    def about(self, chunk: Mapping[str, Any]) -> Item:
        """Return the item that an event is about: without a number the one of its ``item_id``, or the newest."""
        number, item_id = chunk.get("output_index"), chunk.get("item_id")
        if not isinstance(number, int):
            known = [item.number for item in self if item_id is not None and item.id == item_id]
            number = known[0] if known else max(self._items, default=0)
        return self.at(number)

    def whole(self, chunk: Mapping[str, Any], found: Mapping[str, Any]) -> Item:
        """Return the item that an event with an item, ``found``, is about: without a number that of its id, or new."""
        number, item_id = chunk.get("output_index"), found.get("id")
        if not isinstance(number, int):
            opened = [item.number for item in self if not item.closed and item.type == found.get("type")]
            same = [item.number for item in self if item.id == item_id] if item_id else opened
            number = same[0] if same else len(self._items)
        return self.at(number)

    def details(self) -> dict[str, Any]:
        """Return the annotations and log probabilities of all items, as ``Response.details`` names them."""
        citations = [annotation for item in self for annotation in item.annotations]
        logprobs = [logprob for item in self for logprob in item.logprobs]
        found: dict[str, Any] = {"citations": citations} if citations else {}
        return found | ({"logprobs": {"content": logprobs}} if logprobs else {})


def message_text(item: Item, found: Mapping[str, Any]) -> Iterator[tuple[Said, str]]:
    """Yield what a whole message says, and note its annotations and log probabilities where none came before."""
    content = found.get("content")
    parts = [part for part in content if isinstance(part, dict)] if isinstance(content, list) else []
    if isinstance(content, str):
        yield "text", content
    said: dict[Said, str] = {}
    for part in parts:
        kind, field = _TEXTS.get(str(part.get("type")), (None, ""))
        if kind is not None and isinstance(part.get(field), str):
            said[kind] = said.get(kind, "") + part[field]
    item.annotations = _listed(parts, "annotations") or item.annotations
    item.logprobs = item.logprobs or _listed(parts, "logprobs")
    yield from said.items()


def _listed(parts: list[dict[str, Any]], name: str) -> list[Any]:
    return [each for part in parts if isinstance(part.get(name), list) for each in part[name]]


def _number(part: object) -> int:
    return part if isinstance(part, int) else 0


def thoughts(item: Item, found: Mapping[str, Any]) -> Iterator[tuple[Said, str]]:
    """Yield what a whole reasoning item says: the reasoning itself where it is given, else the summary of it."""
    told: list[tuple[Said, str]] = [
        ("reasoning", _joined(found.get("content"))),
        ("summary", _joined(found.get("summary"))),
    ]
    for kind, whole in told:
        if whole and item.thinks(kind):
            yield kind, whole
            return


def _joined(parts: object) -> str:
    listed = parts if isinstance(parts, list) else ()
    texts = [part.get("text") for part in listed if isinstance(part, dict)]
    return "".join(text for text in texts if isinstance(text, str))


def read_usage(value: object) -> Usage | None:
    """Return the wire's usage object as ``Usage``; ``None`` if it has no count. Missing counts stay ``None``.

    Cached tokens are part of the input here, and reasoning is part of the output. Source: OpenAI's API reference.
    """
    if not isinstance(value, dict):
        return None
    renamed = {
        "prompt_tokens": value.get("input_tokens"),
        "completion_tokens": value.get("output_tokens"),
        "prompt_tokens_details": value.get("input_tokens_details"),
        "completion_tokens_details": value.get("output_tokens_details"),
        "total_tokens": value.get("total_tokens"),
    }
    found = lists.read_usage(renamed)
    return found and Usage(found.input, found.output, found.cached, found.cache_written, found.reasoning, value)
