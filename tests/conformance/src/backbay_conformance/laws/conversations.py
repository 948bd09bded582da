"""Laws of conversations: what stands in a turn, and where, reaches the vendor as it was said."""

from __future__ import annotations

import dataclasses

import pytest
from pydantic import JsonValue

from backbay import Message, RequestError, Response, UnsupportedError
from backbay.messages import TextPart, ThinkingPart

from ..scenarios import PLAIN, SCENARIOS, Scenario
from ..subject import Subject
from ..vendor import Turn
from .asked import assert_asked, assert_untouched, canonical, read, turns_of
from .base import Laws, ask, lacks, run

HOW = pytest.mark.parametrize("how", ["complete", "stream"])

SIGNATURE = 'EqoBCkgIARABGAIiQL8v/4Zt+Yk==.\u017d"\\n'
"""A signature: opaque, and with all that a careless way to write it down would change."""

THOUGHT = "Nobody may read this thought of mine."


class ConversationLaws(Laws):
    """A conversation is sent as it was, turn by turn."""

    @pytest.mark.wire
    @HOW
    @pytest.mark.parametrize("name", ["plain", "thinking", "text_and_tool", "parallel_tools"])
    def test_an_answer_goes_back_as_the_turn_that_it_was(self, subject: Subject, name: str, how: str) -> None:
        """A conversation is the answers sent back: thinking may not break the next request, nor a call change."""
        scenario = _scenario(name)
        missing = lacks(subject, scenario)

        async def law() -> None:
            with subject.session(scenario.answer) as session:
                if missing is not None:
                    with pytest.raises(UnsupportedError, match=missing):
                        await ask(session.backend, scenario, how)
                    assert_untouched(session)
                    return
                answer = await ask(session.backend, scenario, how)
                following = Scenario("next", scenario.answer, _next(scenario, answer), scenario.options)
                await ask(session.backend, following, how)
                await session.backend.aclose()
                asked = read(subject, session)[1]
            assert_asked(asked, canonical(subject, following), subject)

        run(law())

    @pytest.mark.wire
    @HOW
    @pytest.mark.parametrize("name", ["thinking", "text_and_tool", "parallel_tools"])
    def test_a_signature_goes_back_byte_for_byte_where_the_vendor_wants_it(
        self, subject: Subject, name: str, how: str
    ) -> None:
        """A vendor that signs its thinking refuses the next turn if one byte differs; another must never see it."""
        scenario = _scenario(name)
        if lacks(subject, scenario) is not None:
            scenario = _scenario("thinking")
        thinking = scenario.answer.thinking or ("2 and ", "2 make 4.")
        answer = dataclasses.replace(scenario.answer, thinking=thinking, signature=SIGNATURE)

        async def law() -> None:
            with subject.session(answer) as session:
                said = await ask(session.backend, scenario, how)
                # Stored and loaded between the two, as programs do.
                stored = Message.model_validate_json(said.message.model_dump_json())
                following = Scenario("next", answer, _next(scenario, said, stored), scenario.options)
                await ask(session.backend, following, how)
                await session.backend.aclose()
                asked = read(subject, session)[1]
            assert_asked(asked, canonical(subject, following), subject)
            _assert_resent(asked.turns, "".join(thinking), signs=subject.the_vendor.resends_thinking)

        run(law())

    @pytest.mark.wire
    @HOW
    def test_what_another_vendor_signed_is_not_sent(self, subject: Subject, how: str) -> None:
        """Programs change the vendor in mid-conversation: one's signature is a refused request at the other's."""
        opaque: dict[str, JsonValue] = {"another-vendor": {"signature": SIGNATURE, "encrypted": THOUGHT}}
        thought = ThinkingPart(text=THOUGHT, opaque=opaque)
        turn = Message(role="assistant", content=(thought, TextPart(text="4")))
        messages = (Message(role="user", content="2 + 2?"), turn, Message(role="user", content="And 3 + 3?"))
        scenario = Scenario("other", PLAIN.answer, messages)

        async def law() -> None:
            with subject.session(PLAIN.answer) as session:
                await ask(session.backend, scenario, how)
                await session.backend.aclose()
                [asked] = read(subject, session)
                assert session.server is not None
                body = session.server.requests[0].body
            assert_asked(asked, canonical(subject, scenario), subject)
            sent = [turn.signatures for turn in asked.turns if turn.signatures]
            assert not sent, f"signatures of another vendor were sent: {sent}"
            assert b"another-vendor" not in body, f"what another vendor signed is in the request: {body!r}"
            assert b"EqoBCkgI" not in body, f"the signature of another vendor is in the request: {body!r}"

        run(law())

    @pytest.mark.proves("system_prompt")
    @pytest.mark.wire
    @HOW
    def test_system_messages_stand_where_they_stood_or_are_refused(self, subject: Subject, how: str) -> None:
        """One that is lost, or slips to another place, changes who gives the orders; a wire without it says so."""
        scenario = SCENARIOS["system_prompt"]
        first, later, last = (
            Message(role="system", content=text)
            for text in ("You are a pirate.", "You answer in one word.", "Now you are a poet.")
        )
        asks, answers = Message(role="user", content="Say pong."), Message(role="assistant", content="Arr, pong.")
        several = (first, later, asks)
        within = (first, asks, answers, last, asks)
        wire = subject.the_vendor.system_turns

        async def law() -> None:
            for messages, sendable in ((several, True), (within, wire == "anywhere")):
                said = Scenario("system", scenario.answer, messages, needs=scenario.needs)
                with subject.session(said.answer) as session:
                    if lacks(subject, said) is not None or not sendable:
                        with pytest.raises(RequestError):
                            await ask(session.backend, said, how)
                        assert_untouched(session)
                    else:
                        await ask(session.backend, said, how)
                        [asked] = read(subject, session)
                        assert asked.turns == turns_of(canonical(subject, said), subject), (
                            f"sent were the turns {asked.turns}, asked was {said.messages}"
                        )
                    await session.backend.aclose()

        run(law())


def _scenario(name: str) -> Scenario:
    scenario = SCENARIOS[name]
    # Models think unasked too, also where nobody can ask them to.
    return dataclasses.replace(scenario, options={}, needs=()) if name == "thinking" else scenario


def _next(scenario: Scenario, answer: Response, turn: Message | None = None) -> tuple[Message, ...]:
    """Return the conversation after an answer, with a result for each call in it."""
    results = [Message(role="tool", tool_call_id=c.id, name=c.name, content="sunny") for c in answer.tool_calls]
    return (Message(role="user", content=str(scenario.messages)), turn or answer.message, *results) + (
        () if results else (Message(role="user", content="And then?"),)
    )


def _assert_resent(turns: tuple[Turn, ...], thinking: str, *, signs: bool) -> None:
    """Assert that a signature went back with the assistant's turn, or, to a vendor that does not sign, nowhere."""
    sent = [(turn.role, signature) for turn in turns for signature in turn.signatures]
    wanted = [("assistant", SIGNATURE)] if signs else []
    assert sent == wanted, f"signatures were sent as {sent}, must be {wanted}"
    for turn in turns:
        assert thinking not in turn.text, f"what was thought went back as text: {turn.text!r}"
        assert turn.thinking in (None, thinking), f"the thinking {thinking!r} went back as {turn.thinking!r}"
