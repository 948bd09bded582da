"""Tries at a result: independent ones, several at once, or one after the other in one conversation."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .calling import end
from .components import Instruction, Message, ToolResult
from .contexts import Context
from .conversations import Continued
from .requirements import ValidationResult
from .thunks import ModelOutputThunk

if TYPE_CHECKING:
    from .components import Span


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try.

    Attributes:
        thunk: What the model said; it may have failed, or been cancelled because another try passed.
        validations: One a requirement, in their order; ``None`` if it never came to that.
    """

    thunk: ModelOutputThunk
    validations: tuple[ValidationResult, ...] | None = None

    @property
    def passed(self) -> bool:
        """Whether it meets all requirements."""
        return self.validations is not None and all(self.validations)


@dataclass(slots=True, kw_only=True)
class Tries:
    """Tries within a budget.

    Attributes:
        ask: Starts the answer to an action after a context; the number counts the tries from 0.
        judge: Validates a computed thunk.
        budget: Tries at most.
        max_tokens: Known tokens from which on no further try is begun; ``None`` for no limit.
        attempts: What came of them, in the order in which they were begun.
    """

    ask: Callable[[Span, Context, int], Awaitable[ModelOutputThunk]]
    judge: Callable[[ModelOutputThunk], Awaitable[tuple[ValidationResult, ...]]]
    budget: int
    max_tokens: int | None
    attempts: list[Attempt] = field(default_factory=list)
    _begun: int = 0

    @property
    def winner(self) -> Attempt | None:
        """The first try that passed, or ``None``."""
        return next((attempt for attempt in self.attempts if attempt.passed), None)

    @property
    def best(self) -> Attempt:
        """The try that met most requirements; the last of these, if several did."""
        judged = [attempt for attempt in self.attempts if attempt.validations is not None]
        return max(reversed(judged), key=lambda attempt: sum(map(bool, attempt.validations or ())))

    @property
    def tokens(self) -> int:
        """Tokens of all tries and of the verdicts on them, as far as the vendor said."""
        verdicts = (result.thunk for attempt in self.attempts for result in attempt.validations or ())
        return sum(_tokens(thunk) for thunk in (*(attempt.thunk for attempt in self.attempts), *verdicts))

    async def reject(self, action: Span, seen: Context, at_once: int) -> None:
        """Try until one passes, ``at_once`` at a time; raises the first failure, if none of those beside it passes."""
        running: set[asyncio.Task[None]] = set()
        failure: BaseException | None = None
        try:
            while True:
                while failure is None and len(running) < at_once and self._may_begin():
                    running.add(asyncio.create_task(self._try(action, seen, self._number())))
                if not running:
                    break
                ended, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                failures = [task.exception() for task in ended]
                failure = failure or next(filter(None, failures), None)
                if self.winner is not None:
                    return
        finally:
            await end(running)
        if failure is not None:
            raise failure

    async def repair(self, action: Span, seen: Context) -> None:
        """Try until one passes; each is told what the one before did not meet."""
        talk = Continued(seen)
        while self._may_begin():
            await self._try(action, talk, self._number())
            last = self.attempts[-1]
            if last.passed:
                return
            talk = talk.add(action)
            for turn in _turns(last.thunk):
                talk = talk.add(turn)
            action = _complaint(last.validations or ())

    def _may_begin(self) -> bool:
        return self._begun < self.budget and (self.max_tokens is None or self.tokens < self.max_tokens)

    def _number(self) -> int:
        self._begun += 1
        return self._begun - 1

    async def _try(self, action: Span, seen: Context, number: int) -> None:
        thunk = await self.ask(action, seen, number)
        place = len(self.attempts)
        self.attempts.append(Attempt(thunk))
        async with thunk:
            await thunk.avalue()
        self.attempts[place] = Attempt(thunk, await self.judge(thunk))


def _tokens(thunk: ModelOutputThunk | None) -> int:
    usage = None if thunk is None or thunk.response is None else thunk.response.usage
    return 0 if usage is None else (usage.input or 0) + (usage.output or 0)


_COMPLAINT = """\
Your answer does not meet what is required:
{% for result in results %}
- {{ result.requirement.description }}{% if result.reason %} ({{ result.reason }}){% endif %}
{%- endfor %}

Answer again so that it does. Give the new answer alone."""


def _complaint(validations: tuple[ValidationResult, ...]) -> Instruction:
    return Instruction(_COMPLAINT, {"results": [result for result in validations if not result]})


def _turns(thunk: ModelOutputThunk) -> list[Span]:
    """Return an answer that was not good enough as turns of a conversation; vendors want a result of each call."""
    if not thunk.value and not thunk.tool_calls:
        return [Message("assistant", "[an empty answer]")]
    calls = thunk.tool_calls
    return [thunk, *(ToolResult(NOT_MADE, call_id=call.tool_call_id or call.name, name=call.name) for call in calls)]


NOT_MADE = "This call was not made."
