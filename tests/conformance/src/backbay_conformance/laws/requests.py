"""Laws of requests: what was asked for stands on the wire, and nothing else does."""

from __future__ import annotations

import contextlib
import copy
from typing import Any

import pytest

from backbay import OptionConflictError, RequestError, UnknownOptionError, UnsupportedError
from backbay.capabilities import Capability
from backbay.http import setup
from backbay.settings import Settings

from ..scenarios import PLAIN, SCENARIOS, WEATHER, Scenario
from ..subject import Subject
from ..vendor import MODEL
from .asked import OPTIONS, assert_asked, assert_untouched, canonical, read
from .base import Laws, ask, lacks, run

EACH = pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=str)
HOW = pytest.mark.parametrize("how", ["complete", "stream"])


class RequestLaws(Laws):
    """Canonical requests reach the vendor whole."""

    @pytest.mark.wire
    @HOW
    @EACH
    def test_what_was_asked_stands_on_the_wire(self, subject: Subject, scenario: Scenario, how: str) -> None:
        """A turn, a tool or a schema that is lost on the way gives a good answer to another question."""

        async def law() -> None:
            with subject.session(scenario.answer) as session:
                missing = lacks(subject, scenario)
                if missing is not None:
                    with pytest.raises(UnsupportedError, match=missing):
                        await ask(session.backend, scenario, how)
                    assert_untouched(session)
                    return
                await ask(session.backend, scenario, how)
                await session.backend.aclose()
                [asked] = read(subject, session)
            assert asked.stream is (how == "stream"), f"stream={asked.stream} was sent by {how}"
            assert_asked(asked, canonical(subject, scenario), subject)

        run(law())

    @pytest.mark.wire
    @pytest.mark.parametrize("option", OPTIONS)
    def test_an_option_is_sent_if_and_only_if_it_was_given(self, subject: Subject, option: str) -> None:
        """What nobody chose is the vendor's to choose; what was chosen may not get lost."""
        value = OPTIONS[option]
        wanted = tuple(value) if isinstance(value, list) else value
        given: Any = {option: value}

        async def law() -> None:
            with subject.session(PLAIN.answer) as session:
                if not subject.spec.capabilities_of(MODEL).allows(Capability(option)):
                    with pytest.raises(UnsupportedError, match=option):
                        await session.backend.complete("Say pong.", **given)
                    assert_untouched(session)
                    return
                await session.backend.complete("Say pong.", **given)
                await session.backend.complete("Say pong.")
                await session.backend.aclose()
                with_it, without = read(subject, session)
            assert getattr(with_it, option) == wanted, f"{option}={value!r} was given, and not sent so"
            default: Any = subject.spec.defaults.get(option, () if option == "stop" else None)
            assert getattr(without, option) == default, f"{option} was sent, and nobody gave it"

        run(law())

    @pytest.mark.proves("temperature")
    @pytest.mark.wire
    @HOW
    def test_a_temperature_of_zero_is_sent(self, subject: Subject, how: str) -> None:
        """0 is the most asked for temperature of all, and false in Python: ``if temperature:`` loses it."""
        scenario = Scenario("zero", PLAIN.answer, options={"temperature": 0.0}, needs=(Capability.TEMPERATURE,))

        async def law() -> None:
            with subject.session(scenario.answer) as session:
                if lacks(subject, scenario) is not None:
                    with pytest.raises(UnsupportedError, match="temperature"):
                        await ask(session.backend, scenario, how)
                    assert_untouched(session)
                    return
                await ask(session.backend, scenario, how)
                await session.backend.aclose()
                [asked] = read(subject, session)
            assert asked.temperature is not None, "temperature=0.0 was given, and no temperature was sent"
            assert asked.temperature == 0, f"temperature=0.0 was given, and {asked.temperature} was sent"

        run(law())

    @pytest.mark.wire
    @EACH
    def test_encode_is_pure(self, subject: Subject, scenario: Scenario) -> None:
        """Retries encode one request again and again: it must stay what it was, and its bytes too."""
        codec = setup.codec(subject.spec, Settings(config=subject.config), at_home=False)
        request, other = canonical(subject, scenario), canonical(subject, PLAIN)
        request = request.model_copy(update={"extra": copy.deepcopy(dict([subject.the_vendor.extra]))})
        before = request.model_copy(deep=True)
        if lacks(subject, scenario) is not None:
            # What the vendor has no place for may be refused here too, and leaves the request as it was.
            with contextlib.suppress(RequestError):
                codec.encode(request, stream=True)
            assert request == before, "encode changed the request"
            return
        for stream in (True, False):
            first = codec.encode(request, stream=stream)
            codec.encode(other, stream=not stream)
            again = codec.encode(request, stream=stream)
            assert first == again, f"the same request gave {first.body!r}, and then {again.body!r}"
            assert request == before, "encode changed the request"

    @pytest.mark.wire
    def test_a_call_leaves_the_callers_objects_as_they_were(self, subject: Subject) -> None:
        """A caller appends to the same list of messages, and passes the same tools, for as long as a program runs."""
        turn: dict[str, Any] = {"role": "user", "content": [{"type": "text", "text": "Say pong."}]}
        messages = [turn]
        capabilities = subject.spec.capabilities_of(MODEL)
        options: dict[str, Any] = {"extra": dict([subject.the_vendor.extra])}
        options |= {"tools": [copy.deepcopy(WEATHER)]} if capabilities.allows(Capability.TOOLS) else {}
        options |= {"stop": ["one"]} if capabilities.allows(Capability.STOP) else {}
        before = copy.deepcopy((messages, options))

        async def law() -> None:
            with subject.session(PLAIN.answer) as session:
                for _ in range(2):
                    await session.backend.complete(messages, **options)
                await session.backend.aclose()
                assert session.server is not None
                first, second = (request.body for request in session.server.requests)
            assert (messages, options) == before, "the caller's own messages or options were changed"
            assert first == second, f"the same call sent {first!r}, and then {second!r}"

        run(law())

    @pytest.mark.proves("system_prompt")
    @pytest.mark.wire
    @HOW
    def test_system_as_an_option_is_a_system_message(self, subject: Subject, how: str) -> None:
        """Two ways to say one thing must be one request, or what was tested with one fails with the other."""
        said = SCENARIOS["system_prompt"]
        short = Scenario("short", said.answer, "Say pong.", {"system": "You are a pirate."}, said.needs)

        async def law() -> None:
            with subject.session(said.answer) as session:
                for scenario in (said, short):
                    if lacks(subject, scenario) is None:
                        await ask(session.backend, scenario, how)
                    else:
                        with pytest.raises(UnsupportedError, match="system_prompt"):
                            await ask(session.backend, scenario, how)
                await session.backend.aclose()
                assert session.server is not None
                bodies = [request.body for request in session.server.requests]
            assert len(bodies) == (0 if lacks(subject, said) else 2)
            assert len(set(bodies)) <= 1, f"system= sends {bodies[1:]!r}, a system message {bodies[:1]!r}"

        run(law())

    @pytest.mark.wire
    def test_model_as_an_option_holds_for_one_call(self, subject: Subject) -> None:
        """A model that sticks sends every later call elsewhere, at another price."""
        other = f"{MODEL}-other"

        async def law() -> None:
            with subject.session(PLAIN.answer) as session:
                await session.backend.complete("Say pong.", model=other)
                await session.backend.complete("Say pong.")
                await session.backend.aclose()
                asked = [asked.model for asked in read(subject, session)]
            assert asked == [other, MODEL], f"models {asked} were asked; model={other!r} was given to the first call"

        run(law())

    @pytest.mark.wire
    @HOW
    def test_an_extra_field_reaches_the_wire(self, subject: Subject, how: str) -> None:
        """What only one vendor has needs no release of a plugin to be used."""
        name, value = subject.the_vendor.extra
        scenario = Scenario("extra", PLAIN.answer, options={"extra": {name: value}})

        async def law() -> None:
            with subject.session(PLAIN.answer) as session:
                await ask(session.backend, scenario, how)
                await session.backend.aclose()
                [asked] = read(subject, session)
            assert asked.body.get(name) == value, f"extra {name}={value!r} is not in the body {dict(asked.body)!r}"

        run(law())

    @pytest.mark.wire
    @HOW
    def test_an_extra_field_that_backbay_writes_is_refused(self, subject: Subject, how: str) -> None:
        """Otherwise ``extra`` could send another model than the one that the answer is accounted to."""
        owned = subject.the_vendor.owned
        scenario = Scenario("owned", PLAIN.answer, options={"extra": {owned: "other"}})

        async def law() -> None:
            with subject.session(PLAIN.answer) as session:
                with pytest.raises(OptionConflictError, match=owned):
                    await ask(session.backend, scenario, how)
                assert_untouched(session)

        run(law())

    @HOW
    def test_an_unknown_option_is_refused_with_the_nearest_name(self, subject: Subject, how: str) -> None:
        """A misspelt option that is ignored is a bug that nobody sees."""
        misspelt: Any = {"temprature": 0.5}

        async def law() -> None:
            with subject.session(PLAIN.answer) as session:
                with pytest.raises(UnknownOptionError, match="Did you mean temperature"):
                    await ask(session.backend, Scenario("misspelt", PLAIN.answer, options=misspelt), how)
                assert_untouched(session)
                await session.backend.aclose()

        run(law())
