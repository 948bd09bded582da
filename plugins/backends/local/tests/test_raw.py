"""Raw text, continued by the tiny model for real: no template, no roles, and the options of any call."""

from __future__ import annotations

import asyncio
import json

import pytest

import backbay
from backbay import Finish

FRANCE = "The capital of France is"
STORY = "Once upon a time"
ENDLESS = {"ignore_eos": True}


def use(work, **config):
    async def main():
        async with backbay.connect("local:tiny", **config) as backend:
            return await work(backend)

    return asyncio.run(main())


def continued(prompt, **options):
    return use(lambda backend: backend.complete_raw(prompt, **options))


def test_a_text_is_continued_and_not_answered():
    answer = continued(FRANCE, max_tokens=8)
    assert answer.text.startswith(" Paris")
    assert (answer.model, answer.attempts, answer.thinking, answer.tool_calls) == ("tiny", 1, None, ())
    assert answer.usage.input == 5  # The five words alone: a template would add its marks.
    assert answer.usage.output <= 8


def test_a_template_is_the_callers_to_write():
    """The model's own marks, written into the text, are read as such."""
    asked = "<|im_start|>user\nSay pong.<|im_end|>\n<|im_start|>assistant\n"
    raw = continued(asked, max_tokens=8)
    chat = use(lambda backend: backend.complete("Say pong.", max_tokens=8))
    assert raw.text.strip() == chat.text.strip()


def test_max_tokens_cuts_and_says_so():
    answer = continued(STORY, max_tokens=3)
    assert (answer.finish, answer.raw_finish, answer.usage.output) == (Finish.LENGTH, "length", 3)
    assert continued(STORY, max_tokens=9).text.startswith(answer.text)


def test_a_stop_string_ends_the_text_before_it():
    whole = continued(STORY, max_tokens=40).text
    assert " in " in whole
    answer = continued(STORY, max_tokens=40, stop=" in ")
    assert answer.text == whole.partition(" in ")[0]
    assert answer.finish is Finish.STOP


def test_a_seed_repeats_what_chance_chose():
    def once(seed):
        return continued(STORY, max_tokens=20, temperature=1.0, seed=seed).text

    assert once(7) == once(7)
    assert len({once(seed) for seed in range(4)}) > 1


def test_a_schema_is_kept(person):
    found = json.loads(continued("Anna is 31 years old.\n", response_format=person, max_tokens=120).text)
    assert set(found) == {"name", "age"}
    assert isinstance(found["age"], int)


def test_any_json_is_an_object():
    answer = continued("A person as JSON:\n", response_format={"type": "json_object"}, max_tokens=200)
    assert answer.text.lstrip().startswith("{")


def test_a_schema_that_the_engine_does_not_understand_is_no_reason_for_any_text():
    """The engine passes over such a schema without a word."""
    with pytest.raises(backbay.BadRequestError, match="response_format"):
        continued(FRANCE, response_format={"type": "nope"}, max_tokens=50)


def test_any_script_is_taken_and_nothing_follows_nothing():
    answer = continued('Bok! 🌍 "čćžšđ" 你好\r\n\u2028', max_tokens=4)
    assert answer.finish is not None
    nothing = continued("", max_tokens=4)
    assert (nothing.text, nothing.usage.output) == ("", 0)


def test_a_text_that_does_not_fit_is_told_apart():
    with pytest.raises(backbay.ContextLengthError, match="512"):
        use(lambda backend: backend.complete_raw("word " * 600), context=512)


def test_half_a_surrogate_pair_is_refused_before_the_engine_is_made(loads):
    with pytest.raises(backbay.InvalidRequestError):
        continued("a\ud800")
    assert loads == []


def test_fields_that_backbay_writes_are_refused():
    for extra in ({"prompt": "b"}, {"stream": False}, {"n": 2}):
        with pytest.raises(backbay.OptionConflictError):
            continued("a", extra=extra)


def test_one_that_is_cancelled_stops_the_engine(emitted):
    async def work(backend):
        await backend.complete_raw(STORY, max_tokens=1)
        task = asyncio.create_task(backend.complete_raw(STORY, extra=ENDLESS))
        while len(emitted) < 20:
            await asyncio.sleep(0.005)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await asyncio.sleep(0.1)
        stopped = len(emitted)
        await asyncio.sleep(0.1)
        assert len(emitted) == stopped
        return await backend.complete_raw(FRANCE, max_tokens=2)

    assert use(work).text.startswith(" Paris")


def test_a_limit_ends_a_text_without_an_end(emitted):
    with pytest.raises(backbay.LimitExceededError):
        continued(STORY, extra=ENDLESS, limits={"total": 0.3})


def test_texts_and_conversations_share_the_one_engine(loads):
    async def work(backend):
        calls = [backend.complete_raw(FRANCE, max_tokens=4), backend.complete("Say pong", max_tokens=4)] * 1
        return await asyncio.gather(*calls, *(backend.complete_raw(STORY, max_tokens=4) for _ in range(6)))

    found = use(work)
    assert found[0].text.startswith(" Paris")
    assert len({answer.text for answer in found[2:]}) == 1
    assert loads == [False]
