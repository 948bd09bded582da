"""Laws of answers: every vendor decodes to the same one, streamed or not, at any split of its bytes."""

from __future__ import annotations

from collections.abc import Set as AbstractSet

import pytest

from backbay import DecodeError, Finish, Response, ToolCall, UnsupportedError, fold
from backbay.events import check_events
from backbay.testing import Reply

from ..scenarios import SCENARIOS, Answer, Scenario
from ..splitting import Splitting
from ..subject import Subject
from ..vendor import ANSWER_ID, MODEL
from .base import Laws, ask, events_of, lacks, run

EACH = pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=str)
HOW = pytest.mark.parametrize("how", ["complete", "stream"])


class AnswerLaws(Laws):
    """Canonical requests get canonical answers."""

    @pytest.mark.wire
    @HOW
    @EACH
    def test_the_answer_is_the_canonical_one_or_the_request_is_refused(
        self, subject: Subject, scenario: Scenario, how: str
    ) -> None:
        """What is declared works, for every vendor alike; what is declared as missing is refused before any I/O."""

        async def law() -> None:
            with subject.session(scenario.answer) as session:
                missing = lacks(subject, scenario)
                if missing is not None:
                    with pytest.raises(UnsupportedError, match=missing):
                        await ask(session.backend, scenario, how)
                    assert session.server is not None
                    assert session.server.connections == 0, f"{missing} is refused, but a connection was made"
                else:
                    assert_answer(await ask(session.backend, scenario, how), scenario.answer, subject)
                await session.backend.aclose()

        run(law())

    @pytest.mark.wire
    @EACH
    def test_a_stream_keeps_the_grammar_and_folds_to_the_whole_answer(
        self, subject: Subject, scenario: Scenario
    ) -> None:
        """``complete`` is the fold of ``stream``: the two may not differ in a single field."""
        if lacks(subject, scenario) is not None:
            return self.test_the_answer_is_the_canonical_one_or_the_request_is_refused(subject, scenario, "stream")

        async def law() -> None:
            with subject.session(scenario.answer) as session:
                events = await events_of(session.backend, scenario)
                whole = await ask(session.backend, scenario, "complete")
                await session.backend.aclose()
            check_events(events)
            streamed = fold(events)
            for name in ("text", "thinking", "tool_calls", "parts", "finish", "raw_finish", "model", "id", "refusal"):
                assert getattr(streamed, name) == getattr(whole, name), f"{name} differs between stream and complete"
            assert counts(streamed) == counts(whole), "usage differs between stream and complete"

        return run(law())

    @pytest.mark.wire
    @EACH
    def test_any_split_of_the_bytes_gives_the_same_events(self, subject: Subject, scenario: Scenario) -> None:
        """A network cuts where it likes, within characters and line ends too."""
        if lacks(subject, scenario) is not None:
            return self.test_the_answer_is_the_canonical_one_or_the_request_is_refused(subject, scenario, "stream")
        body = b"".join(subject.the_vendor.stream(scenario.answer))

        async def law() -> None:
            expected = None
            for size in (len(body), 1, 3, 7) if len(body) < 4000 else (len(body), 5, 61):
                reply = Reply(headers={"content-type": subject.the_vendor.stream_type}, steps=[body])
                with subject.session(reply, transport=Splitting(size)) as session:
                    events = await events_of(session.backend, scenario)
                    await session.backend.aclose()
                expected = expected or events
                assert events == expected, f"pieces of {size} bytes give other events than the whole body"
            assert_answer(fold(expected or ()), scenario.answer, subject)

        return run(law())

    @pytest.mark.wire
    @HOW
    def test_a_body_that_is_no_answer_is_a_decode_error(self, subject: Subject, how: str) -> None:
        """An HTML page, an empty body or half of one must never look like an answer."""

        async def law() -> None:
            for body in (b"<!doctype html><title>Login</title>", b"", b'{"unexpected": true}', b"[]", b"\xff\xfe{}"):
                reply = Reply(headers={"content-type": "application/json"}, steps=[body])
                with subject.session(reply) as session:
                    with pytest.raises(DecodeError):
                        await ask(session.backend, SCENARIOS["plain"], how)
                    await session.backend.aclose()

        run(law())


def counts(response: Response) -> tuple[int | None, ...]:
    """Return the token counts of an answer: input, output, cached, reasoning."""
    usage = response.usage
    return (None,) * 4 if usage is None else (usage.input, usage.output, usage.cached, usage.reasoning)


def told(answer: Answer, tells: AbstractSet[str]) -> tuple[int | None, ...]:
    """Return the token counts that a vendor says, where it has a place for those in ``tells``; unknown is ``None``."""
    if answer.usage is None:
        return (None,) * 4
    said = (*answer.usage, answer.cached, answer.reasoning)
    names = ("input", "output", "cached", "reasoning")
    return tuple(count if name in tells else None for name, count in zip(names, said, strict=True))


def assert_answer(response: Response, answer: Answer, subject: Subject) -> None:
    """Compare an answer with the canonical one, field by field."""
    in_text = answer.refusal and not subject.the_vendor.refuses_in_a_field
    assert response.text == "".join(answer.refusal if in_text else answer.text)
    assert response.thinking == ("".join(answer.thinking) or None), "thinking differs"
    assert [(call.id, call.name) for call in response.tool_calls] == [(call.id, call.name) for call in answer.calls]
    for call, expected in zip(response.tool_calls, answer.calls, strict=True):
        wanted = ToolCall(id=expected.id, name=expected.name, raw_arguments=expected.raw)
        assert (call.arguments, bool(call.error)) == (wanted.arguments, bool(wanted.error)), "arguments differ"
    if not in_text:
        assert response.refusal == ("".join(answer.refusal) or None), "the refusal differs"
    vendor = subject.the_vendor
    finish = answer.finish if answer.finish in vendor.finishes else Finish.STOP
    assert response.finish is finish, f"the finish is {response.finish}, and {finish} was said"
    assert response.raw_finish, "the vendor's own word for the finish is missing"
    assert response.finish is not Finish.CANCELLED, "no vendor cancels"
    named = (MODEL if vendor.names_model else None, ANSWER_ID if vendor.names_answer else None)
    assert (response.model, response.id) == named, "the model or the id of the answer is lost, or made up"
    wanted_counts = told(answer, vendor.tells)
    assert counts(response) == wanted_counts, (
        f"token counts differ; unknown is None, never 0: {counts(response)}, and {wanted_counts} was said"
    )
