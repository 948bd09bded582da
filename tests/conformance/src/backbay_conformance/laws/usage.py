"""Laws of usage: token counts mean one thing, in whatever way the vendor tells them."""

from __future__ import annotations

import dataclasses

import pytest

from backbay.testing import Reply

from ..scenarios import SCENARIOS, Answer, Scenario
from ..subject import Subject
from ..vendor import Dialect
from .answers import counts, told
from .base import Laws, ask, lacks, run

EACH = pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=str)
HOW = pytest.mark.parametrize("how", ["complete", "stream"])


class UsageLaws(Laws):
    """Usage is what the vendor said, and unknown where it said nothing."""

    @pytest.mark.wire
    @pytest.mark.proves("usage")
    @HOW
    @EACH
    def test_token_counts_are_read_in_every_dialect_of_the_wire(
        self, subject: Subject, scenario: Scenario, how: str
    ) -> None:
        """Servers of one wire tell of usage at the end, beside it, all the time, or never; bills are added up of it."""
        vendor = subject.the_vendor
        dialects = vendor.dialects or (Dialect("", vendor.tells),)
        if lacks(subject, scenario) is not None:
            # What is asked for is refused; the answer's dialect is read all the same where nobody asks for it.
            scenario = dataclasses.replace(scenario, messages="Say pong.", options={}, needs=())
        answers = [dataclasses.replace(_counted(scenario.answer), dialect=one.name or None) for one in dialects]

        async def law() -> None:
            with subject.session([_reply(subject, answer, how) for answer in answers]) as session:
                for dialect, answer in zip(dialects, answers, strict=True):
                    found = counts(await ask(session.backend, scenario, how))
                    wanted = told(answer, dialect.tells)
                    assert found == wanted, (
                        f"usage in the dialect {dialect.name or 'of the wire'!r}: input, output, cached and reasoning "
                        f"are {found}, and the vendor said {wanted}; unknown is None, never 0"
                    )
                await session.backend.aclose()

        run(law())


def _counted(answer: Answer) -> Answer:
    """Return an answer that has every count, unless it has none."""
    if answer.usage is None:
        return answer
    prompt, completion = answer.usage
    return dataclasses.replace(answer, cached=prompt // 2, reasoning=completion // 2)


def _reply(subject: Subject, answer: Answer, how: str) -> Reply:
    vendor = subject.the_vendor
    if how == "stream":
        return vendor.streamed(answer)
    return Reply(headers={"content-type": "application/json"}, steps=[vendor.whole(answer)])
