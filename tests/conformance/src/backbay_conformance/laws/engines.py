"""Laws of engines: backends in this process keep the protocol. Of what they say, only the form is looked at."""

from __future__ import annotations

import asyncio
import json
import re
import time
from typing import Any

import pytest

from backbay import ClosedError, Finish, Response, Text, UnsupportedError, fold
from backbay.backend import Backend
from backbay.capabilities import Capability
from backbay.events import check_events

from ..scenarios import PLAIN, SCENARIOS, WEATHER, Scenario
from ..subject import Subject
from .answers import counts
from .base import Laws, ask, events_of, lacks, proven, run

HOW = pytest.mark.parametrize("how", ["complete", "stream"])
SAID = ("plain", "unicode", "system_prompt", "multi_turn", "one_tool", "tool_results", "structured_output")
CLOSED_WITHIN = 1.0
"""Seconds in which a stream must be closed."""


class EngineLaws(Laws):
    """An engine answers, stops, and goes on."""

    @pytest.mark.engine
    @pytest.mark.parametrize("name", SAID)
    def test_an_engines_stream_keeps_the_grammar_and_folds_to_the_whole_answer(
        self, subject: Subject, name: str
    ) -> None:
        """A program may change from one way to the other at any time: at temperature 0 both give one answer."""

        async def law(scenario: Scenario, backend: Backend) -> None:
            events = await events_of(backend, scenario)
            whole = await ask(backend, scenario, "complete")
            check_events(events)
            streamed = fold(events)
            for field in ("text", "thinking", "finish", "raw_finish", "refusal"):
                found, wanted = getattr(streamed, field), getattr(whole, field)
                assert found == wanted, f"{field} differs: {found!r} streamed, {wanted!r} whole"
            calls = [[(call.name, call.arguments) for call in answer.tool_calls] for answer in (streamed, whole)]
            assert calls[0] == calls[1], f"tool calls differ: {calls[0]} streamed, {calls[1]} whole"
            assert counts(streamed)[1] == counts(whole)[1], "output tokens differ between stream and complete"

        use(subject, name, law)

    @pytest.mark.proves("usage")
    @pytest.mark.engine
    @HOW
    def test_an_answer_says_what_it_used(self, subject: Subject, how: str) -> None:
        """Who runs an engine has nobody else to count for them; 0 would be taken for a count."""

        async def law(scenario: Scenario, backend: Backend) -> None:
            answer = await ask(backend, scenario, how)
            assert answer.finish is not None, "the answer has no finish"
            if proven(subject, Capability.USAGE):
                assert answer.usage is not None, "usage is declared, and the answer has none"
                assert (answer.usage.input or 0) > 0, f"the prompt had {answer.usage.input} tokens"
                assert (answer.usage.output or 0) > 0, f"the answer had {answer.usage.output} tokens"

        use(subject, "plain", law)

    @pytest.mark.proves("tools")
    @pytest.mark.engine
    @HOW
    def test_a_tool_is_called_with_arguments_that_fit(self, subject: Subject, how: str) -> None:
        """A program runs what is called: a tool that was not offered, or half an object, it cannot run."""

        async def law(scenario: Scenario, backend: Backend) -> None:
            answer = await ask(backend, scenario, how)
            names = [call.name for call in answer.tool_calls]
            assert set(names) == {WEATHER["name"]}, f"called were {names}, with the text {answer.text!r}"
            for call in answer.tool_calls:
                assert call.error is None, f"the arguments {call.raw_arguments!r} are wrong: {call.error}"
                assert set(call.arguments or {}) == {"city"}, f"the arguments {call.arguments} do not fit the tool"
                assert call.id, "the call has no id"
            assert answer.finish is Finish.TOOL_CALLS, f"tools were called, and the finish is {answer.finish}"

        use(subject, "one_tool", law)

    @pytest.mark.proves("structured_output")
    @pytest.mark.engine
    @HOW
    def test_an_answer_of_a_schema_fits_it(self, subject: Subject, how: str) -> None:
        """A declared schema is kept by the engine, not hoped for from the model."""

        async def law(scenario: Scenario, backend: Backend) -> None:
            answer = await ask(backend, scenario, how)
            found = json.loads(answer.text)
            assert set(found) == {"name", "age"}, f"the answer {answer.text!r} has other keys than the schema"
            assert isinstance(found["name"], str), f"name is no text in {answer.text!r}"
            assert isinstance(found["age"], int), f"age is no integer in {answer.text!r}"

        use(subject, "structured_output", law)

    @pytest.mark.proves("max_tokens")
    @pytest.mark.engine
    @HOW
    def test_max_tokens_ends_an_answer_with_the_finish_length(self, subject: Subject, how: str) -> None:
        """An answer that was cut must say so, or it is taken for whole."""
        scenario = _long(subject, max_tokens=3)

        async def law(scenario: Scenario, backend: Backend) -> None:
            answer = await ask(backend, scenario, how)
            assert answer.finish is Finish.LENGTH, f"cut at 3 tokens, the finish is {answer.finish}: {answer.text!r}"
            used = None if answer.usage is None else answer.usage.output
            assert used is None or used <= 3, f"max_tokens=3, and {used} tokens were used"

        use(subject, scenario, law)

    @pytest.mark.proves("stop")
    @pytest.mark.engine
    @HOW
    def test_a_stop_sequence_ends_an_answer_and_is_not_in_it(self, subject: Subject, how: str) -> None:
        """Programs end an answer where theirs begins again, such as "User:"; what follows is an invented dialogue."""
        scenario = _asked(subject, PLAIN)
        given: Any = {"stop": ["two"]}
        stopped = Scenario("stopped", PLAIN.answer, scenario.messages, given, (Capability.STOP,))

        async def law(_: Scenario, backend: Backend) -> None:
            whole = await ask(backend, scenario, how)
            middle = len(whole.text) // 2
            word = next(iter(re.findall(r"[a-z]{2}", whole.text[middle:])), whole.text[middle : middle + 2])
            assert word, f"the answer to {scenario.messages!r} is empty, and has no middle to stop it at"
            options: Any = {**scenario.options, "stop": [word]}
            answer = await ask(backend, Scenario("stopped", PLAIN.answer, scenario.messages, options), how)
            assert word not in answer.text, f"stop={[word]!r}, and it is in the answer {answer.text!r}"
            assert answer.finish is Finish.STOP, f"ended at a stop sequence, the finish is {answer.finish}"

        use(subject, stopped, law)

    @pytest.mark.engine
    @HOW
    def test_text_of_any_script_is_taken_and_text_is_given(self, subject: Subject, how: str) -> None:
        """Tokens end within characters; text that does would be broken on every screen."""
        prompt = Scenario("script", PLAIN.answer, "Bok! 🌍 čćžšđ 你好 שלום \u2028 👩‍👩‍👧 e\u0301", needs=())

        async def law(scenario: Scenario, backend: Backend) -> None:
            answer = await ask(backend, scenario, how)
            answer.text.encode()
            assert answer.finish is not None, "the answer has no finish"

        use(subject, prompt, law)

    @pytest.mark.engine
    @pytest.mark.parametrize("stop", ["aclose", "break", "cancel"])
    def test_a_long_answer_can_be_stopped_and_the_next_call_works(self, subject: Subject, stop: str) -> None:
        """A user who stops reading must not pay for the rest, nor wait for it."""

        async def law(scenario: Scenario, backend: Backend) -> None:
            seconds = await _stopped(backend, scenario, stop)
            assert seconds < CLOSED_WITHIN, f"{stop} took {seconds:.2f} s"
            start = time.monotonic()
            answer = await ask(backend, _asked(subject, PLAIN), "complete")
            assert answer.finish is not None, "the call after it has no finish"
            assert time.monotonic() - start < 10, "the call after it had to wait for the one that was stopped"

        use(subject, _long(subject), law)

    @pytest.mark.engine
    def test_eight_calls_at_once_are_all_answered(self, subject: Subject) -> None:
        """More calls than an engine has places wait for their turn; none is lost or mixed up with another."""

        async def law(scenario: Scenario, backend: Backend) -> None:
            calls = [ask(backend, scenario, how) for how in ("complete", "stream") * 4]
            answers = await asyncio.gather(*calls, return_exceptions=True)
            failed = [answer for answer in answers if not isinstance(answer, Response)]
            assert not failed, f"{len(failed)} of 8 calls at once failed: {failed[0]!r}"
            assert all(isinstance(answer, Response) and answer.text for answer in answers), "an answer is empty"

        use(subject, "plain", law)


def use(subject: Subject, what: str | Scenario, law: Any) -> None:
    """Run a law with a backend, or assert that the scenario is refused if the backend lacks what it needs."""
    scenario = _asked(subject, SCENARIOS[what]) if isinstance(what, str) else what
    missing = lacks(subject, scenario)

    async def bounded() -> None:
        with subject.session(scenario.answer) as session:
            if missing is None:
                await law(scenario, session.backend)
            else:
                with pytest.raises(UnsupportedError, match=missing):
                    await ask(session.backend, scenario, "stream")
            await session.backend.aclose()

    run(bounded(), 30)


def _asked(subject: Subject, scenario: Scenario) -> Scenario:
    """Return a scenario with the prompt that the engine is right about, at temperature 0 where it has that."""
    prompts = {} if subject.engine is None else subject.engine.prompts
    capabilities = subject.spec.capabilities_of(subject.model)
    options: Any = {"temperature": 0.0} if capabilities.allows(Capability.TEMPERATURE) else {}
    messages = prompts.get(scenario.name, scenario.messages)
    return Scenario(scenario.name, scenario.answer, messages, {**scenario.options, **options}, scenario.needs)


def _long(subject: Subject, **options: Any) -> Scenario:
    prompt, given = ("Tell me a long story.", {}) if subject.engine is None else subject.engine.long_prompt
    merged: Any = {**given, **options}
    return Scenario("long", PLAIN.answer, prompt, merged, (Capability.MAX_TOKENS,) if "max_tokens" in merged else ())


async def _stopped(backend: Backend, scenario: Scenario, how: str) -> float:
    """Read the first text of an answer, stop it, and return how many seconds that took."""
    stream = backend.stream(scenario.messages, **scenario.options)
    reading = asyncio.Event()

    async def read(*, leave: bool) -> None:
        async with stream:
            async for event in stream:
                if isinstance(event, Text):
                    reading.set()
                    if leave:
                        break

    task = asyncio.create_task(read(leave=how == "break"))
    begun = asyncio.create_task(reading.wait())
    await asyncio.wait({task, begun}, return_when=asyncio.FIRST_COMPLETED)
    if not begun.done():
        begun.cancel()
        await task
        pytest.fail(f"the answer to {scenario.messages!r} ended without any text to stop it at")
    start = time.monotonic()
    if how == "aclose":
        await stream.aclose()
    elif how == "cancel":
        task.cancel()
    [ended] = await asyncio.gather(task, return_exceptions=True)
    assert ended is None or isinstance(ended, ClosedError | asyncio.CancelledError), f"{how} raised {ended!r}"
    return time.monotonic() - start
