"""What a page shows of prompts and answers: texts that are cut and harmless, turns, and options."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pydantic import BaseModel

from backbay.errors import BackbayError
from backbay.messages import AudioPart, FilePart, ImagePart, Message, TextPart, ThinkingPart, ToolSpec

from .shown import harmless
from .thunks import ModelOutputThunk

_SHARED = 2
# Turns that two prompts must begin with before the second only refers to them.

_SHARED_CHARS = 2_000
# Or characters in a single one.


@dataclass(frozen=True, slots=True)
class Passage:
    """A text on the page.

    Attributes:
        text: The text, or its beginning.
        left: How many characters more it has.
        kind: What it is, if it is no plain text: ``"thinking"``, ``"call"``, ``"media"``; else ``""``.
        title: What stands above it, if anything.
    """

    text: str
    left: int = 0
    kind: str = ""
    title: str = ""


@dataclass(frozen=True, slots=True)
class Turn:
    """One turn of a prompt. ``about`` says what else is known of it: a tool's name, the call it answers."""

    role: str
    passages: tuple[Passage, ...]
    about: str = ""


@dataclass(frozen=True, slots=True)
class Prompt:
    """A prompt on the page.

    Attributes:
        turns: The turns that no earlier prompt began with.
        shared: How many turns before these an earlier prompt began with too.
        shared_with: The number of that generation; 0 if there is none.
    """

    turns: tuple[Turn, ...] = ()
    shared: int = 0
    shared_with: int = 0


class Texts:
    """Makes passages, of at most ``max_chars`` characters each; and finds how far a prompt begins as an earlier one."""

    def __init__(self, max_chars: int | None) -> None:
        self._max_chars = max_chars
        self._seen: dict[tuple[int, tuple[str, str]], tuple[int, int]] = {}
        self._places = 0

    def passage(self, text: str, kind: str = "", title: str = "") -> Passage:
        """Return a text, cut and made harmless."""
        left = 0 if self._max_chars is None else max(0, len(text) - self._max_chars)
        return Passage(harmless(text[: self._max_chars]), left, kind, harmless(title))

    def prompt(self, messages: Sequence[Message], number: int) -> Prompt:
        """Return the prompt of generation ``number``. To be asked in the order of the page."""
        # Each step leads from the place after some turns to the place after one more, as in a tree of all prompts.
        place, shared, owner, characters = 0, 0, 0, 0
        for message in messages:
            turn = _key(message)
            step = (place, turn)
            known = self._seen.get(step)
            if known is None:
                self._places += 1
                place = self._places
            else:
                place, shared, owner, characters = known[0], shared + 1, known[1], characters + len(turn[0])
            self._seen[step] = (place, number)
        if shared < _SHARED and characters < _SHARED_CHARS:
            shared, owner = 0, 0
        return Prompt(tuple(self._turn(message) for message in messages[shared:]), shared, owner)

    def _turn(self, message: Message) -> Turn:
        passages = []
        for part in message.parts():
            if isinstance(part, TextPart):
                passages.append(self.passage(part.text))
            elif isinstance(part, ThinkingPart):
                passages.append(self.passage(part.text or "(not for people to read)", "thinking", "Thinking"))
            else:
                passages.append(self.passage(_media(part), "media"))
        passages += [
            self.passage(call.raw_arguments, "call", f"Calls {call.name} ({call.id})")
            for call in message.tool_calls or ()
        ]
        about = [message.name or "", f"answers {message.tool_call_id}" if message.tool_call_id else ""]
        about.append("says that the tool failed" if message.is_error else "")
        return Turn(message.role, tuple(passages), harmless(" · ".join(filter(None, about))))

    def calls(self, thunk: ModelOutputThunk) -> list[Passage]:
        """Return the calls that a model wants made, each with why it cannot be."""
        found = []
        for call in thunk.tool_calls:
            title = f"{call.name} ({call.tool_call_id})" if call.tool_call_id else call.name
            text = call.raw_arguments or _plain(call.args)
            found.append(self.passage(text, "call", f"{title}: cannot be made, {call.error}" if call.error else title))
        return found

    def options(self, options: Mapping[str, object]) -> list[tuple[str, Passage]]:
        """Return the options of a call, by name."""
        return [(harmless(name), self.passage(_plain(value))) for name, value in options.items()]


def _key(message: Message) -> tuple[str, str]:
    """Return what is equal for equal turns: what is said, and all else of it."""
    plain = isinstance(message.content, str)
    said = message.content if isinstance(message.content, str) else repr(message.content)
    rest = (message.images, message.tool_calls, message.tool_call_id, message.name, message.is_error)
    return said, f"{message.role} {plain}" if not any(rest) else f"{message.role} {plain} {rest!r}"


def thinking_of(thunk: ModelOutputThunk) -> str | None:
    """Return what the model thought, or ``None``."""
    if thunk.response is not None:
        return thunk.response.thinking
    if isinstance(thunk.error, BackbayError) and thunk.error.partial is not None:
        return thunk.error.partial.thinking
    return None


def _media(part: ImagePart | AudioPart | FilePart) -> str:
    """Say what a part is that the page does not show."""
    if isinstance(part, AudioPart):
        return f"Sound: {part.format}, {_size(part.data)}"
    kind = "Image" if isinstance(part, ImagePart) else "File"
    if part.data is not None:
        return f"{kind}: {part.media_type or 'of a type that is not said'}, {_size(part.data)}"
    return f"{kind}: {part.url or getattr(part, 'file_id', None)}"


def _size(data: str) -> str:
    size = len(data) * 3 // 4
    return f"{size:,} bytes" if size < 10_000 else f"{size / 1000:,.0f} kB"


def _plain(value: object) -> str:
    """Return a value in JSON's words, text as it is; what JSON has no words for as Python prints it."""
    if isinstance(value, str):
        return value
    if isinstance(value, type):
        return value.__name__
    if isinstance(value, list | tuple) and value and all(isinstance(item, ToolSpec) for item in value):
        return ", ".join(item.name for item in value)
    return json.dumps(value, ensure_ascii=False, default=_default)


def _default(value: object) -> object:
    return value.model_dump(mode="json") if isinstance(value, BaseModel) else repr(value)
