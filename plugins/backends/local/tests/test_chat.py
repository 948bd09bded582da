from __future__ import annotations

import asyncio

import pytest

import backbay
from backbay import Ended, Finish, Message, Started, Text, UsageSeen
from backbay.events import check_events
from backbay.folding import fold

CAPITAL = "What is the capital of France?"
LONG = {"ignore_eos": True}


def ask(prompt, **options):
    async def main():
        async with backbay.connect("local:tiny") as backend:
            return await backend.complete(prompt, **options)

    return asyncio.run(main())


def test_it_is_found_by_name_and_answers():
    assert "local" in backbay.names()
    answer = ask(CAPITAL)
    assert "Paris" in answer.text
    assert (answer.finish, answer.raw_finish, answer.model, answer.attempts) == (Finish.STOP, "stop", "tiny", 1)


def test_the_events_of_a_stream_keep_the_grammar_and_fold_to_what_complete_gives():
    """N4."""

    async def main():
        async with backbay.connect("local:tiny") as backend:
            events = [event async for event in backend.stream(CAPITAL)]
            return events, await backend.complete(CAPITAL)

    events, whole = asyncio.run(main())
    check_events(events)
    assert isinstance(events[0], Started)
    assert sum(isinstance(event, Text) for event in events) > 3
    streamed = fold(events)
    assert (streamed.text, streamed.finish, streamed.usage.output) == (whole.text, whole.finish, whole.usage.output)


def test_every_stream_has_one_usage_and_one_end():
    """M8, M9."""

    async def main():
        async with backbay.connect("local:tiny") as backend:
            return [event async for event in backend.stream("Say pong")]

    events = asyncio.run(main())
    assert sum(isinstance(event, UsageSeen) for event in events) == 1
    assert sum(isinstance(event, Ended) for event in events) == 1


def test_tokens_are_counted_as_the_engine_counts_them():
    """N5."""
    answer = ask("Tell me a story.", max_tokens=7, extra=LONG)
    assert (answer.finish, answer.usage.output) == (Finish.LENGTH, 7)
    assert answer.usage.input == ask("Tell me a story.", max_tokens=2, extra=LONG).usage.input > 5


def test_an_answer_without_max_tokens_ends_at_the_context():
    async def main():
        async with backbay.connect("local:tiny", context=256) as backend:
            return await backend.complete("Tell me a story.", extra=LONG)

    answer = asyncio.run(main())
    assert answer.finish is Finish.LENGTH
    assert answer.usage.total == 256


def test_a_stop_string_ends_the_answer_and_is_not_in_it():
    answer = ask(CAPITAL, stop=" is")
    assert answer.finish is Finish.STOP
    assert " is" not in answer.text
    assert "Paris" not in answer.text


def test_a_seed_makes_sampling_repeatable_and_temperature_makes_it_vary():
    def story(**options):
        return ask("Tell me a story.", max_tokens=30, **options).text

    assert story(temperature=1.5, seed=1) == story(temperature=1.5, seed=1)
    assert len({story(temperature=1.5, seed=seed) for seed in range(4)}) > 1
    # A nucleus of next to nothing is the most likely word again.
    assert len({story(temperature=1.5, top_p=0.001, seed=seed) for seed in range(4)}) == 1


def test_the_tiny_model_has_temperature_0_unless_the_call_says_otherwise():
    """M2, N8."""
    stories = {ask("Tell me a story.", max_tokens=30).text for _ in range(3)}
    assert stories == {ask("Tell me a story.", max_tokens=30, temperature=0).text}


@pytest.mark.parametrize(
    "prompt", ["Što je glavni grad Hrvatske? 東京 🎉", "e\u0301 \u200d \ufeff \u2028 \x00 \x1b[31m"]
)
def test_any_text_may_be_asked(prompt):
    answer = ask(prompt, max_tokens=20)
    assert answer.finish in (Finish.STOP, Finish.LENGTH)
    assert answer.usage.input > len(prompt.split())


def test_a_system_prompt_and_earlier_turns_reach_the_model():
    turns = [
        Message(role="system", content="You are Backbay Tiny."),
        Message(role="user", content="Hello!"),
        Message(role="assistant", content="Hello! How can I help you today?"),
        Message(
            role="user", content=[backbay.TextPart(text="What is the capital"), backbay.TextPart(text=" of France?")]
        ),
    ]
    answer = ask(turns)
    assert "Paris" in answer.text
    assert answer.usage.input > ask(turns[3:]).usage.input + 20


def test_with_options_shares_the_engine_and_changes_the_defaults(loads):
    async def main():
        async with backbay.connect("local:tiny") as backend:
            short = backend.with_options(max_tokens=1, extra=LONG)
            return await backend.complete("Say pong"), await short.complete("Say pong")

    whole, cut = asyncio.run(main())
    assert (whole.finish, cut.finish, cut.usage.output) == (Finish.STOP, Finish.LENGTH, 1)
    assert loads == [False]
