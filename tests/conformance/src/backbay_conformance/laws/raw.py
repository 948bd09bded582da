"""Laws of raw text: it is continued as it is, with no template, no roles and no conversation around it."""

from __future__ import annotations

import asyncio
import re
import time
from dataclasses import replace
from typing import Any

import pytest

from backbay import (
    AuthenticationError,
    BackbayError,
    DecodeError,
    Finish,
    RateLimitError,
    RequestError,
    ServerError,
    UnsupportedError,
)
from backbay.capabilities import Capability

from ..scenarios import PERSON, SCENARIOS, WEATHER, Scenario
from ..subject import Subject
from ..vendor import MODEL
from .answers import assert_answer
from .asked import OPTIONS, assert_untouched
from .base import Laws, lacks
from .rawcalls import PROMPT, declared, if_declared, json_reply, raw_reply, raw_session, read_raw, strings

PROMPTS = (
    PROMPT,
    'He said: "No\\n", \'yes\' \\ {"a": 1} and </s>\r\n\n\tthen ',
    "  \nkept \u2028 Zdravo, čovječe 🌍 👩‍👩‍👧 e\u0301 你好\n\n",
    "<|im_start|>user\nSay pong.<|im_end|>\n<|im_start|>assistant\n",
    "[INST] {{ system }} [/INST]\n\nHuman: Hello.\n\nAssistant:",
)
"""Texts that a tidy program would change: quotes, ends of lines, white space, other scripts, a template's own marks."""

ANSWERS = ("plain", "unicode", "white_space", "empty_answer", "length_stop", "no_usage", "cached_usage", "filtered")
NO_ANSWERS = (b"<!doctype html><title>Login</title>", b"", b"null", b"[1, 2]", b'"pong."', b'{"unexpected": true}')
ROLES = frozenset({"user", "assistant", "system", "developer", "model", "human"})

OF_CONVERSATIONS: dict[str, dict[str, Any]] = {
    "tools": {"tools": [WEATHER]},
    "tool_choice": {"tool_choice": "none"},
    "parallel_tool_calls": {"parallel_tool_calls": False},
    "system": {"system": "You are a pirate."},
    "reasoning": {"reasoning": "low"},
}
"""Options that a text which is continued has no place for."""

FAILURES: dict[int, type[BackbayError]] = {401: AuthenticationError, 429: RateLimitError, 500: ServerError}


class RawLaws(Laws):
    """A text is continued as it is, where that is declared, and refused where not."""

    needs_answers = False

    @pytest.mark.proves("complete_raw")
    @pytest.mark.wire
    @pytest.mark.parametrize("number", range(len(PROMPTS)))
    def test_a_raw_text_is_sent_as_it_is_with_no_template_or_role(self, subject: Subject, number: int) -> None:
        """Whoever writes the template does it to the byte: a role, a trimmed end or a second template spoils it."""
        prompt = PROMPTS[number]

        async def law() -> None:
            with raw_session(subject) as session:
                await session.backend.complete_raw(prompt)
                await session.backend.aclose()
                [asked] = read_raw(subject, session)
                assert session.server is not None
                path = session.server.requests[0].path
            assert asked.prompt == prompt, f"the text {asked.prompt!r} was sent for {prompt!r}"
            assert asked.model in (MODEL, None), f"the model {asked.model!r} was sent for {MODEL!r}"
            assert asked.model == MODEL or MODEL in path, "no model was sent"
            said = [text for text in strings(asked.body) if text != prompt]
            assert not ROLES & set(said), f"there is a role in the request: {asked.body}"
            assert not [text for text in said if text.strip() and text.strip() in prompt and len(text) > 8], (
                f"the text stands in the request twice: {asked.body}"
            )

        if_declared(subject, law)

    @pytest.mark.proves("complete_raw")
    @pytest.mark.wire
    @pytest.mark.parametrize("option", OPTIONS)
    def test_an_option_for_a_raw_text_is_sent_if_and_only_if_it_was_given(self, subject: Subject, option: str) -> None:
        """The options are those of an answer; that there is another path for raw text is no reason to lose one."""
        given: Any = {option: OPTIONS[option]}
        wanted = tuple(given[option]) if isinstance(given[option], list) else given[option]

        async def law() -> None:
            with raw_session(subject) as session:
                if lacks(subject, Scenario(option, SCENARIOS["plain"].answer, needs=(Capability(option),))):
                    with pytest.raises(UnsupportedError, match=option):
                        await session.backend.complete_raw(PROMPT, **given)
                    return assert_untouched(session)
                await session.backend.complete_raw(PROMPT, **given)
                await session.backend.complete_raw(PROMPT)
                await session.backend.aclose()
                with_it, without = read_raw(subject, session)
            sent = getattr(with_it, option)
            assert sent == wanted, f"{option} was sent as {sent!r}, and asked for as {wanted!r}"
            for name in OPTIONS:
                default = subject.spec.defaults.get(name)
                found = getattr(without, name) or None
                assert found == default, f"nobody asked for {name}, and {found!r} was sent"
            return None

        if_declared(subject, law)

    @pytest.mark.proves("complete_raw")
    @pytest.mark.wire
    @pytest.mark.parametrize("name", ANSWERS)
    def test_what_follows_a_raw_text_is_the_canonical_answer(self, subject: Subject, name: str) -> None:
        """Text, finish, counts and names are read as those of any answer; white space belongs to what follows."""
        scenario = SCENARIOS[name]
        options: Any = {} if lacks(subject, scenario) else scenario.options

        async def law() -> None:
            with raw_session(subject, scenario.answer) as session:
                answer = await session.backend.complete_raw(PROMPT, **options)
                await session.backend.aclose()
            assert_answer(answer, scenario.answer, subject)
            assert answer.attempts == 1, f"the answer says {answer.attempts} attempts"

        if_declared(subject, law)

    @pytest.mark.proves("complete_raw")
    @pytest.mark.wire
    def test_what_does_not_follow_a_raw_text_is_a_decode_error(self, subject: Subject) -> None:
        """A login page or half an answer must never look like a model that said nothing."""

        async def law() -> None:
            for body in (*NO_ANSWERS, subject.the_vendor.raw(SCENARIOS["plain"].answer)[:-4]):
                with subject.session(json_reply(body)) as session:
                    try:
                        found = await session.backend.complete_raw(PROMPT)
                    except DecodeError:
                        continue
                    finally:
                        await session.backend.aclose()
                    pytest.fail(f"the body {body!r} was taken for the answer {found.text!r}")

        if_declared(subject, law)

    @pytest.mark.proves("complete_raw")
    @pytest.mark.wire
    @pytest.mark.parametrize("status", FAILURES)
    def test_an_error_for_a_raw_text_is_typed_and_retried_as_any(self, subject: Subject, status: int) -> None:
        """Attempts cost money: as many as the policy says, none where another one cannot help."""
        retried = status != 401
        failed = json_reply(subject.the_vendor.error(status, "no"), status)
        soon = replace(failed, headers={**failed.headers, "retry-after": "0"})

        async def law() -> None:
            with subject.session([soon, raw_reply(subject)], retries=1) as session:
                if retried:
                    answer = await session.backend.complete_raw(PROMPT)
                    assert answer.attempts == 2, f"it was sent twice, and the answer says {answer.attempts} attempts"
                await session.backend.aclose()
            with subject.session(failed) as session:
                with pytest.raises(FAILURES[status]) as caught:
                    await session.backend.complete_raw(PROMPT)
                await session.backend.aclose()
                assert session.server is not None
                sent = len(session.server.requests)
            assert sent == 1, f"without retries it was sent {sent} times"
            assert (caught.value.status, caught.value.attempts) == (status, 1), "status or attempts are lost"

        if_declared(subject, law)

    @pytest.mark.proves("complete_raw")
    @pytest.mark.wire
    def test_a_schema_for_a_raw_text_is_sent_or_refused(self, subject: Subject) -> None:
        """A schema that is left out gives an answer that looks right until one day it does not parse."""

        async def law() -> None:
            refused: UnsupportedError | None = None
            with raw_session(subject) as session:
                try:
                    await session.backend.complete_raw(PROMPT, response_format=PERSON)
                except UnsupportedError as error:
                    refused = error
                    assert_untouched(session)
                await session.backend.aclose()
                sent = read_raw(subject, session)
            if refused is not None:
                assert refused.code == "structured_output", f"the schema is refused, and the error names {refused.code}"
                return
            assert sent[0].schema == PERSON, f"the schema {sent[0].schema} was sent for {PERSON}"

        if_declared(subject, law)

    @pytest.mark.parametrize("option", OF_CONVERSATIONS)
    def test_a_raw_text_has_no_place_for_what_a_conversation_has(self, subject: Subject, option: str) -> None:
        """Left out without a word, a tool is never called and a system prompt never heard."""

        async def law() -> None:
            with raw_session(subject) as session:
                with pytest.raises(RequestError) as caught:
                    await session.backend.complete_raw(PROMPT, **OF_CONVERSATIONS[option])
                assert option in str(caught.value), f"the error does not name {option}: {caught.value}"
                assert_untouched(session)
                await session.backend.aclose()

        if_declared(subject, law)

    @pytest.mark.proves("complete_raw")
    @pytest.mark.engine
    def test_an_engine_continues_a_raw_text_within_its_options(self, subject: Subject) -> None:
        """Limits and stop sequences are how a program ends raw text, which has no turns that would."""
        prompt, options = _long_text(subject)

        async def law() -> None:
            with subject.session(SCENARIOS["plain"].answer) as session:
                backend = session.backend
                whole = await backend.complete_raw(prompt, max_tokens=24, **options)
                again = await backend.complete_raw(prompt, max_tokens=24, **options)
                assert whole.text, "nothing follows the text"
                assert again.text == whole.text, "at temperature 0 the same text goes on otherwise"
                cut = await backend.complete_raw(prompt, max_tokens=3, **options)
                assert cut.finish is Finish.LENGTH, f"cut at 3 tokens, the finish is {cut.finish}: {cut.text!r}"
                assert whole.text.startswith(cut.text), f"{cut.text!r} is no beginning of {whole.text!r}"
                middle = len(whole.text) // 2
                word = next(iter(re.findall(r"[a-z]{2}", whole.text[middle:])), whole.text[middle : middle + 2])
                stopped = await backend.complete_raw(prompt, max_tokens=24, stop=[word], **options)
                assert word not in stopped.text, f"stop={[word]!r}, and it is in the answer {stopped.text!r}"
                assert stopped.finish is Finish.STOP, f"ended at a stop sequence, the finish is {stopped.finish}"
                await backend.aclose()

        if_declared(subject, law)

    @pytest.mark.proves("complete_raw")
    @pytest.mark.engine
    def test_what_an_engine_makes_of_a_raw_text_can_be_cancelled(self, subject: Subject) -> None:
        """Raw text may go on for ever: who gives up must get the engine back."""
        prompt, options = _long_text(subject)

        async def law() -> None:
            with subject.session(SCENARIOS["plain"].answer) as session:
                await session.backend.complete_raw(prompt, max_tokens=1, **options)
                task = asyncio.create_task(session.backend.complete_raw(prompt, **options))
                await asyncio.sleep(0.05)
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
                start = time.monotonic()
                answer = await session.backend.complete_raw(prompt, max_tokens=1, **options)
                assert answer.finish is not None, "the call after it has no finish"
                assert time.monotonic() - start < 10, "the call after it had to wait for the one that was given up"
                await session.backend.aclose()

        if_declared(subject, law)


def _long_text(subject: Subject) -> tuple[str, dict[str, Any]]:
    """Return a text that goes on for a while, and options for it: at temperature 0 where the engine has that."""
    given: dict[str, Any] = dict(subject.engine.long_prompt[1]) if subject.engine is not None else {}
    given.pop("max_tokens", None)
    if declared(subject) and subject.spec.capabilities_of(subject.model).allows(Capability.TEMPERATURE):
        given["temperature"] = 0.0
    return "A long story. Once upon a time", given
