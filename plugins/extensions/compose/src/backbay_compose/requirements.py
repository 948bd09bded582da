"""Requirements: what a result must be, told by functions or judged by the model."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from pydantic import BaseModel, Field

from backbay.errors import InvalidRequestError

from .calling import all_of, outcome_of
from .components import Instruction, Message
from .composer import Composer
from .contexts import Context
from .conversations import until
from .errors import ComponentParseError, RequirementError, SpanError
from .thunks import ModelOutputThunk

Said: TypeAlias = "bool | tuple[bool, str]"
"""Whether a result passes; or that, and why."""

Check = Callable[[ModelOutputThunk], "Said | Awaitable[Said]"]
"""Says of a computed thunk whether it passes; plain or async."""


@dataclass(frozen=True, slots=True)
class Requirement:
    """Something that a result must be.

        short = Requirement("at most ten words", lambda thunk: len(str(thunk).split()) <= 10)
        polite = Requirement("The answer is polite.")

    Attributes:
        description: What it must be, in words that a model understands: it is asked by them, or told them on a repair.
        check: Is given the computed thunk (``str(thunk)`` is its text, ``thunk.parsed`` what ``format`` reads), and
            returns whether it passes, or a pair of that and the reason. A plain function runs in a worker thread. One
            that fails with a ``ComponentParseError``, as ``thunk.parsed`` does, says thereby that it does not pass.
            ``None`` to ask the model itself.
        name: A short name for reports; ``None`` for the description.

    Raises:
        InvalidRequestError: The description is no text, or the check no function.
    """

    description: str
    check: Check | None = None
    name: str | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        if not isinstance(self.description, str) or not self.description.strip():
            raise InvalidRequestError(f"A requirement is described in words, not by {self.description!r}.")
        if self.check is not None and not callable(self.check):
            raise InvalidRequestError(f"check is a {type(self.check).__name__}; give a function, or None.")

    @property
    def label(self) -> str:
        """The name, or the description where it has none."""
        return self.name or self.description


@dataclass(frozen=True, slots=True)
class ValidationResult:
    """Whether a result meets a requirement. True in a boolean context iff it does.

    Attributes:
        passed: Whether it does.
        reason: Why, in the words of the check or of the model; ``""`` if nobody gave any.
        requirement: The requirement.
        thunk: The model's verdict, where the model was asked; else ``None``.
    """

    passed: bool
    reason: str
    requirement: Requirement
    thunk: ModelOutputThunk | None = None

    def __bool__(self) -> bool:
        return self.passed


class Verdict(BaseModel):
    """Whether an answer meets a requirement."""

    reason: str = Field(description="Why it does or does not, in one sentence.")
    passed: bool = Field(description="Whether the answer meets the requirement.")


async def validate(
    composer: Composer,
    requirements: Sequence[Requirement | str],
    thunk: ModelOutputThunk,
    ctx: Context,
    *,
    model_options: Mapping[str, object] | None = None,
) -> tuple[ValidationResult, ...]:
    """Check a result against requirements, all at once; what the model judges, it judges over the conversation.

    Args:
        composer: Asks the model, for requirements without a check.
        requirements: The requirements; a string is one without a check.
        thunk: The result; computed first, if it is not.
        ctx: The context that has it, as ``generate_from_context`` returned it, or the one that it was asked after.
        model_options: Options of the model's verdicts; see ``ModelOption``.

    Returns:
        One result a requirement, in their order.

    Raises:
        InvalidRequestError: A requirement is none.
        SpanError: ``thunk`` is no thunk.
        ContextTypeMismatchError: ``ctx`` is no context.
        RequirementError: A check raised, or gave no answer that can be read; chained from that.
        BackbayError: The thunk failed, or the model could not be asked.
    """
    wanted = as_requirements(requirements)
    if not isinstance(thunk, ModelOutputThunk):
        raise SpanError(f"A {type(thunk).__name__} was given to be validated; give a thunk.")
    asked = until(thunk, ctx)
    await thunk.avalue()

    async def one(requirement: Requirement) -> ValidationResult:
        if requirement.check is not None:
            return await _checked(requirement, requirement.check, thunk)
        return await _judged(composer, requirement, asked.add(_answer(thunk)), model_options)

    return tuple(await all_of([functools.partial(one, requirement) for requirement in wanted]))


def as_requirements(given: object) -> tuple[Requirement, ...]:
    """Return requirements as such; a string becomes one that the model judges.

    Raises:
        InvalidRequestError: They are no sequence, or one of them is something else.
    """
    if isinstance(given, str) or not isinstance(given, Sequence):
        raise InvalidRequestError(f"Requirements are given as a list, not as a {type(given).__name__}.")
    found = tuple(Requirement(each) if isinstance(each, str) else each for each in given)
    for each in found:
        if not isinstance(each, Requirement):
            raise InvalidRequestError(f"A {type(each).__name__} is no requirement; give a Requirement or a string.")
    return found


async def _checked(requirement: Requirement, check: Check, thunk: ModelOutputThunk) -> ValidationResult:
    said, failure = await outcome_of(check, thunk)
    if isinstance(failure, ComponentParseError):
        return ValidationResult(passed=False, reason=str(failure), requirement=requirement)
    if failure is not None:
        raise RequirementError(
            f"The check of {requirement.label!r} failed: {type(failure).__name__}: {failure}"
        ) from failure
    if isinstance(said, bool):
        return ValidationResult(said, "", requirement)
    if isinstance(said, tuple) and len(said) == 2 and isinstance(said[0], bool) and isinstance(said[1], str):
        return ValidationResult(said[0], said[1], requirement)
    raise RequirementError(
        f"The check of {requirement.label!r} gave a {type(said).__name__}.",
        hint="It returns True or False, or a pair of that and the reason.",
    )


_QUESTION = """\
Judge your last answer by one requirement, and by nothing else:

{{ requirement }}

Does the answer meet it? Give the reason in one sentence, and whether it passed."""


async def _judged(
    composer: Composer, requirement: Requirement, asked: Context, model_options: Mapping[str, object] | None
) -> ValidationResult:
    question = Instruction(_QUESTION, {"requirement": requirement.description})
    thunk, _ = await composer.generate_from_context(question, asked, format=Verdict, model_options=model_options)
    async with thunk:
        await thunk.avalue()
    try:
        verdict: Verdict = thunk.parsed
    except ComponentParseError as failure:
        raise RequirementError(
            f"The model gave no verdict on {requirement.label!r}: {failure.message}", hint=failure.hint
        ) from failure
    return ValidationResult(verdict.passed, verdict.reason, requirement, thunk)


def _answer(thunk: ModelOutputThunk) -> ModelOutputThunk | Message:
    """Return a result as a turn that can be judged: calls become text, since no result of theirs follows."""
    if thunk.value and not thunk.tool_calls:
        return thunk
    calls = [f"[calls {call.name} with {call.raw_arguments or '{}'}]" for call in thunk.tool_calls]
    return Message("assistant", "\n".join([*filter(None, [thunk.value]), *calls]) or "[an empty answer]")
