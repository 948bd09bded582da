"""The forms that requests have on a wire, learned from recorded ones."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from backbay import Message, ToolCall
from backbay.limits import NO_LIMITS
from backbay.request import Options, Request, build_request

from .holes import JSON, leaves
from .scenarios import SCENARIOS, Scenario
from .vendor import MODEL, Turn

AFTER = "after_"
"""Before the name of a scenario: the request that sends its answer back."""

_SHOWN = 4
_MISSING = object()


@dataclass(frozen=True, slots=True)
class Form:
    """A recorded request, and what it says.

    Attributes:
        file: Where it is recorded.
        request: What it asks, as core has it.
        body: Its leaves by JSON pointer, without those that vary.
        texts: Of those leaves, the texts of turns, which may be others in a request of the same form: the turn's
            number by pointer.
    """

    file: str
    request: Request
    body: Mapping[str, JSON]
    texts: Mapping[str, int] = field(default_factory=dict)

    @property
    def turns(self) -> tuple[Turn, ...]:
        """The turns that it asks with."""
        return turns_of(self.request)

    def fits(self, request: Request) -> bool:
        """Whether another request has this form on the wire."""
        names = ("tools", "tool_choice", "response_format", "reasoning", "parallel_tool_calls")
        if any(getattr(self.request, name) != getattr(request, name) for name in names):
            return False
        free = set(self.texts.values())
        own, other = (
            [_shape(message, free=number in free) for number, message in enumerate(one.messages)]
            for one in (self.request, request)
        )
        return own == other

    def read(self, body: Mapping[str, JSON]) -> tuple[Turn, ...] | list[str]:
        """Return the turns of a request of this form; or, for one of another, the differences in words."""
        found: dict[int, str] = {}
        said = []
        for pointer in sorted(self.body.keys() | body.keys()):
            wanted, sent = self.body.get(pointer, _MISSING), body.get(pointer, _MISSING)
            if pointer in self.texts and isinstance(sent, str):
                found[self.texts[pointer]] = sent
            elif wanted != sent or isinstance(wanted, bool) is not isinstance(sent, bool):
                said.append(_difference(pointer, wanted, sent))
        if said:
            return said
        return tuple(replace(turn, text=found.get(number, turn.text)) for number, turn in enumerate(self.turns))


def form_of(file: str, request: Request, body: Mapping[str, JSON]) -> Form:
    """Return the form of a recorded request; ``body`` has its leaves without those that vary."""
    waiting: dict[str, list[int]] = {}
    for number, turn in enumerate(turns_of(request)):
        waiting.setdefault(turn.text, []).append(number)
    waiting.pop("", None)
    texts = {}
    for pointer, leaf in body.items():
        if isinstance(leaf, str) and waiting.get(leaf):
            texts[pointer] = waiting[leaf].pop(0)
    return Form(file, request, body, texts)


def without(body: JSON, pointers: Collection[str]) -> dict[str, JSON]:
    """Return the leaves of a body but for those at or below ``pointers``."""

    def varies(pointer: str, leaf: JSON) -> bool:
        beneath = any(pointer == one or pointer.startswith(f"{one}/") for one in pointers)
        # What would be empty without them may be there or not.
        around = leaf in ({}, []) and any(one.startswith(f"{pointer}/") for one in pointers)
        return beneath or around

    return {pointer: leaf for pointer, leaf in leaves(body).items() if not varies(pointer, leaf)}


def nearest(forms: Sequence[Form], body: Mapping[str, JSON]) -> tuple[Form, tuple[Turn, ...]]:
    """Return the form that a request has, and its turns.

    Raises:
        ValueError: It has none; the message names the nearest and the differences.
    """
    missed: list[tuple[int, Form, list[str]]] = []
    for form in forms:
        found = form.read(body)
        if isinstance(found, tuple):
            return form, found
        missed.append((len(found), form, found))
    _, form, said = min(missed, key=lambda one: one[0])
    more = f"; and {len(said) - _SHOWN} more" if len(said) > _SHOWN else ""
    raise ValueError(
        f"it has the form of no recorded request. Nearest is {form.file}: {'; '.join(said[:_SHOWN])}{more}. If it is "
        "what must be sent, record it in a file with the messages."
    )


def canonical(messages: str | Sequence[Message], options: Options) -> Request:
    """Return a request as core makes it."""
    return build_request(messages, dict(options), limits=NO_LIMITS, model=MODEL)


def conversations(*, system_turns: str, image_urls: bool) -> dict[str, Scenario]:
    """Return what the laws ask besides the scenarios, by the name of its file.

    Args:
        system_turns: What the wire does with system messages, as in ``Vendor``.
        image_urls: Whether the vendor takes the URL of an image.
    """
    from .laws.media import MEDIA

    found = {f"{AFTER}{name}": _after(SCENARIOS[name]) for name in ("plain", "text_and_tool", "parallel_tools")}
    pirate, brief = (Message(role="system", content=text) for text in ("You are a pirate.", "You answer in one word."))
    asks, answers = Message(role="user", content="Say pong."), Message(role="assistant", content="Arr, pong.")
    system = SCENARIOS["system_prompt"]
    if system_turns != "joined":
        found["two_systems"] = replace(system, messages=(pirate, brief, asks))
    if system_turns == "anywhere":
        found["later_system"] = replace(system, messages=(pirate, asks, answers, brief, asks))
    for medium in MEDIA:
        by_url = any(getattr(part, "url", None) for part in medium.parts)
        found |= {} if by_url and not image_urls else {medium.name: medium.scenario}
    return found


def _after(scenario: Scenario) -> Scenario:
    """Return the conversation in which a scenario's answer is sent back, with a result for each call in it."""
    calls = tuple(ToolCall(id=one.id, name=one.name, raw_arguments=one.raw) for one in scenario.answer.calls)
    asked = Message(role="user", content=str(scenario.messages))
    answer = Message(role="assistant", content="".join(scenario.answer.text) or None, tool_calls=calls or None)
    results = [Message(role="tool", tool_call_id=one.id, name=one.name, content="sunny") for one in calls]
    return replace(scenario, messages=(asked, answer, *(results or [Message(role="user", content="And then?")])))


def turns_of(request: Request) -> tuple[Turn, ...]:
    """Return the turns of a request in the canonical form."""
    return tuple(
        Turn(
            role=message.role,
            text="".join(part.text for part in message.parts() if part.type == "text"),
            images=sum(part.type == "image" for part in message.parts()),
            calls=tuple((call.id, call.name, call.arguments) for call in message.tool_calls or ()),
            answers=message.tool_call_id,
        )
        for message in request.messages
    )


def _shape(message: Message, *, free: bool) -> tuple[object, ...]:
    """Return what a message is on the wire; of one whose text is ``free``, without the text."""
    parts = [part.model_copy(update={"text": ""}) if free and part.type == "text" else part for part in message.parts()]
    calls = [(call.id, call.name, call.arguments) for call in message.tool_calls or ()]
    return message.role, parts, calls, message.tool_call_id


def _difference(pointer: str, wanted: object, sent: object) -> str:
    if wanted is _MISSING:
        return f"{pointer} is {_short(sent)}, and not recorded"
    if sent is _MISSING:
        return f"{pointer} was not sent, recorded is {_short(wanted)}"
    return f"{pointer} is {_short(sent)}, recorded is {_short(wanted)}"


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
