"""What stood on the wire, held against what was asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from backbay import Message
from backbay.limits import NO_LIMITS
from backbay.request import Request, build_request

from ..scenarios import Scenario
from ..subject import Session, Subject
from ..vendor import MODEL, Asked, Turn

OPTIONS: Mapping[str, Any] = {
    "temperature": 0.7,
    "top_p": 0.5,
    "max_tokens": 7,
    "stop": ["one", "two"],
    "seed": 0,
}
"""Options that every emulator reads, with a value for each. A seed of 0 is a seed."""


def assert_untouched(session: Session) -> None:
    """Assert that no connection was made (a backend in this process has none to make)."""
    made = 0 if session.server is None else session.server.connections
    assert made == 0, f"{made} connections were made for a call that must be refused before any I/O"


def read(subject: Subject, session: Session) -> list[Asked]:
    """Return what stood on the wire, by the emulator's reading."""
    assert session.server is not None
    return [subject.the_vendor.read(request) for request in session.server.requests]


def canonical(subject: Subject, scenario: Scenario) -> Request:
    """Return a scenario as the request that core makes of it."""
    options: Mapping[str, Any] = {**subject.spec.defaults, **scenario.options}
    return build_request(scenario.messages, options, limits=NO_LIMITS, model=MODEL)


def turns_of(request: Request, subject: Subject) -> tuple[Turn, ...]:
    """Return the turns of a request as they must stand on the wire of a subject."""
    turns = [_turn(message) for message in request.messages]
    systems = [turn.text for turn in turns if turn.role == "system"]
    if len(systems) > 1 and subject.the_vendor.system_turns == "joined":
        turns = [Turn("system", "\n\n".join(systems)), *(turn for turn in turns if turn.role != "system")]
    return tuple(turns)


def assert_asked(asked: Asked, request: Request, subject: Subject) -> None:
    """Compare what stood on the wire with the request, field by field."""
    assert asked.model == request.model, f"the model {asked.model!r} was sent for {request.model!r}"
    turns = turns_of(request, subject)
    assert asked.turns == turns, f"sent were the turns {asked.turns}, asked was {turns}"
    # A wire without a word for "none" forbids tools by not offering them; one without names forces a tool by offering
    # nothing else.
    forced = (asked.tools, asked.tool_choice) == ((request.tool_choice,), "required")
    if not forced and (request.tool_choice != "none" or asked.tools):
        assert asked.tools == tuple(tool.name for tool in request.tools), f"sent were the tools {asked.tools}"
        assert asked.tool_choice == request.tool_choice, (
            f"tool_choice was sent as {asked.tool_choice!r}, and asked for as {request.tool_choice!r}"
        )
    for option in OPTIONS:
        sent, wanted = getattr(asked, option), getattr(request, option)
        assert sent == wanted, f"{option} was sent as {sent!r}, and asked for as {wanted!r}"
    schema = None if request.response_format is None else request.response_format.schema_
    assert asked.schema == schema, f"the schema {asked.schema} was sent for {schema}"


def _turn(message: Message) -> Turn:
    parts = list(message.parts())
    return Turn(
        role=message.role,
        text="".join(part.text for part in parts if part.type == "text"),
        images=sum(part.type == "image" for part in parts),
        calls=tuple((call.id, call.name, call.arguments) for call in message.tool_calls or ()),
        answers=message.tool_call_id,
    )
