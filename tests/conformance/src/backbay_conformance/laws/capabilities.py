"""Laws of capabilities: what is declared works, what is not is refused before any byte leaves, and all is declared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from backbay import BackbayError, Message, Response, UnsupportedError
from backbay.capabilities import FACETS, Capability, Support
from backbay.messages import AudioPart, FilePart, TextPart

from ..scenarios import PERSON, PIXEL, PLAIN, WEATHER
from ..subject import Session, Subject
from .asked import assert_untouched
from .base import Laws, run


@dataclass(frozen=True, slots=True)
class Use:
    """A call that needs one capability, and no other that a backend could do without.

    Attributes:
        capability: What it needs.
        option: The option that needs it; ``None`` if a part of a message does.
        options: The options of the call.
        messages: What is asked.
        also: Capabilities without which the option means nothing.
        data: What must stand in the request, where that is known of every wire.
    """

    capability: Capability
    option: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    messages: str | tuple[Message, ...] = "Say pong."
    also: tuple[Capability, ...] = ()
    data: str = ""

    def __str__(self) -> str:
        return str(self.capability)


def _part(part: Any) -> tuple[Message, ...]:
    return (Message(role="user", content=(TextPart(text="What is this?"), part)),)


_TOOLS = {"tools": [WEATHER]}
_ASK = "What is the weather in Zagreb?"
_NEEDS_TOOLS = (Capability.TOOLS,)
_WAV = "UklGRiQAAABXQVZFZm10IBAAAAABAAEAQB8AAEAfAAABAAgAZGF0YQAAAAA="
_PDF = "JVBERi0xLjQK"
_IMAGE = (Message(role="user", content="What is this?", images=(PIXEL,)),)

USES = (
    Use(Capability.SYSTEM_PROMPT, options={"system": "You are a pirate."}),
    Use(Capability.IMAGE_INPUT, messages=_IMAGE, data=PIXEL),
    Use(Capability.AUDIO_INPUT, messages=_part(AudioPart(data=_WAV, format="wav")), data=_WAV),
    Use(Capability.FILE_INPUT, messages=_part(FilePart(data=_PDF, media_type="application/pdf")), data=_PDF),
    Use(Capability.TOOLS, "tools", _TOOLS, _ASK),
    Use(
        Capability.FORCED_TOOL_CHOICE, "tool_choice", {**_TOOLS, "tool_choice": "get_weather"}, _ASK, also=_NEEDS_TOOLS
    ),
    Use(
        Capability.PARALLEL_TOOL_CALLS,
        "parallel_tool_calls",
        {**_TOOLS, "parallel_tool_calls": False},
        _ASK,
        also=_NEEDS_TOOLS,
    ),
    Use(Capability.STRUCTURED_OUTPUT, "response_format", {"response_format": PERSON}),
    Use(Capability.JSON_MODE, "response_format", {"response_format": {"type": "json_object"}}),
    Use(Capability.REASONING, "reasoning", {"reasoning": "low"}),
    Use(Capability.TEMPERATURE, "temperature", {"temperature": 0.0}),
    Use(Capability.TOP_P, "top_p", {"top_p": 0.5}),
    Use(Capability.MAX_TOKENS, "max_tokens", {"max_tokens": 16}),
    Use(Capability.STOP, "stop", {"stop": ["two"]}),
    Use(Capability.SEED, "seed", {"seed": 7}),
)
"""A call for each capability that a request can need."""

EACH = pytest.mark.parametrize("use", USES, ids=str)
OPTIONS = pytest.mark.parametrize("use", [use for use in USES if use.option], ids=str)
PARTS = pytest.mark.parametrize("use", [use for use in USES if not use.option], ids=str)
HOW = pytest.mark.parametrize("how", ["complete", "stream"])


class CapabilityLaws(Laws):
    """A backend says what it can, and what it says holds."""

    def test_every_capability_is_declared(self, subject: Subject) -> None:
        """A program chooses a backend by what it can do; "nobody has said" is no answer to that."""
        declared = subject.spec.capabilities
        silent = [str(name) for name in Capability if name not in FACETS and declared[name] is Support.UNKNOWN]
        assert not silent, (
            f"the spec of {subject.spec.name} does not declare {', '.join(silent)}. Name each in Capabilities.of(...): "
            "full= if it always works, versioned= if the model or the server decides, not_implemented= if the vendor "
            "can and the plugin cannot yet, unsupported= if the vendor cannot."
        )

    def test_a_backend_says_of_itself_what_its_spec_says(self, subject: Subject) -> None:
        """``capabilities()`` decides what is refused; what the spec says is what the catalogue shows."""
        with subject.session(PLAIN.answer) as session:
            assert session.backend.spec is subject.spec, "the backend has another spec than the one it was made from"
            for model in (None, subject.model, *(rule.prefix for rule in subject.spec.models)):
                said = dict(session.backend.capabilities(model))
                wanted = dict(subject.spec.capabilities_of(model or subject.model))
                different = {str(name): (said[name], wanted[name]) for name in wanted if said[name] != wanted[name]}
                assert not different, f"for the model {model!r} backend and spec differ: {different}"

    @HOW
    @EACH
    def test_a_capability_works_if_it_is_declared_and_is_refused_if_not(
        self, subject: Subject, use: Use, how: str
    ) -> None:
        """Two-sided: a declaration that is not true in both directions is worth nothing."""
        declared = subject.spec.capabilities_of(subject.model)

        async def law() -> None:
            with subject.session(PLAIN.answer) as session:
                refused = next((need for need in (*use.also, use.capability) if not declared.allows(need)), None)
                if refused is not None:
                    await assert_refused(session, use, how, refused)
                elif session.server is None:
                    await assert_taken(session, use, how, sure=declared[use.capability] is Support.FULL)
                else:
                    await assert_sent(session, use, how)
                await session.backend.aclose()

        run(law())

    @HOW
    @EACH
    def test_what_the_caller_declares_as_missing_is_refused(self, subject: Subject, use: Use, how: str) -> None:
        """A caller who knows the server better than the plugin does, such as an old one, must be believed."""

        async def law() -> None:
            with subject.session(PLAIN.answer, capabilities={str(use.capability): "unsupported"}) as session:
                await assert_refused(session, use, how, _first_refused(subject, use))
                await session.backend.aclose()

        run(law())

    @HOW
    @OPTIONS
    def test_with_leave_a_missing_option_is_left_out_and_recorded(self, subject: Subject, use: Use, how: str) -> None:
        """Nothing is dropped silently: the answer says what the vendor was not asked."""
        lacking = {str(need): "unsupported" for need in (use.capability, *use.also)}
        wanted = set(use.options)

        async def law() -> None:
            with subject.session(PLAIN.answer, capabilities=lacking) as session:
                answer = await call(session, use, how, on_unsupported="warn")
                assert set(answer.dropped) == wanted, f"left out was {wanted}, and recorded {answer.dropped}"
                if session.server is not None:
                    await call(session, Use(use.capability, messages=use.messages), how)
                    bodies = [request.body for request in session.server.requests]
                    assert len(bodies) == 2, f"{len(bodies)} requests were sent for two calls"
                    assert bodies[0] == bodies[1], f"{use.option} was recorded as left out, and {bodies[0]!r} was sent"
                await session.backend.aclose()

        run(law())

    @HOW
    @PARTS
    def test_parts_of_messages_are_never_left_out(self, subject: Subject, use: Use, how: str) -> None:
        """An answer about a picture that the model never saw is an invention."""

        async def law() -> None:
            with subject.session(PLAIN.answer, capabilities={str(use.capability): "unsupported"}) as session:
                await assert_refused(session, use, how, use.capability, on_unsupported="warn")
                await session.backend.aclose()

        run(law())


def _first_refused(subject: Subject, use: Use) -> Capability:
    declared = subject.spec.capabilities_of(subject.model)
    return next((need for need in use.also if not declared.allows(need)), use.capability)


async def call(session: Session, use: Use, how: str, **options: Any) -> Response:
    """Make the call that needs a capability."""
    given: Any = {**use.options, **options}
    if how == "complete":
        return await session.backend.complete(use.messages, **given)
    return await session.backend.stream(use.messages, **given).collect()


async def assert_refused(
    session: Session,
    use: Use,
    how: str,
    capability: Capability,
    **options: Any,
) -> None:
    """Assert that the call is an ``UnsupportedError`` that names the capability, and that nothing was sent."""
    with pytest.raises(UnsupportedError) as caught:
        await call(session, use, how, **options)
    assert caught.value.code == str(capability), f"{capability} is missing, and the error names {caught.value.code}"
    assert_untouched(session)


async def assert_sent(session: Session, use: Use, how: str) -> None:
    """Assert that the call is answered, and that what needs the capability stands on the wire."""
    assert session.server is not None
    rest = {name: value for name, value in use.options.items() if use.option and name != use.option}
    plain = use.messages if isinstance(use.messages, str) else use.messages[0].text
    await call(session, use, how)
    await call(session, Use(use.capability, options=rest, messages=plain), how)
    with_it, without = (request.body.replace(b"\\/", b"/") for request in session.server.requests)
    assert with_it != without, f"{use.capability} is declared, and the request is the same as without it: {without!r}"
    assert use.data.encode() in with_it, f"{use.capability} is declared, and its data is not in the request {with_it!r}"


async def assert_taken(session: Session, use: Use, how: str, *, sure: bool) -> None:
    """Assert that a backend in this process answers; where the model decides, a typed refusal is an answer too."""
    try:
        answer = await call(session, use, how)
    except BackbayError as error:
        if sure:
            pytest.fail(f"{use.capability} is declared in full, and the call failed: {error}")
        return
    assert answer.finish is not None, f"the answer to a call with {use.capability} has no finish"
    assert not answer.dropped, f"{answer.dropped} was left out without leave"
