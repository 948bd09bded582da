"""Sampling: tries until a result meets its requirements, within a budget."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeAlias, TypeVar, cast

from pydantic import BaseModel

from backbay.errors import InvalidRequestError

from .composer import Composer
from .contexts import Context, added
from .conversations import Continued
from .options import ModelOption, settle
from .requirements import Requirement, ValidationResult, as_requirements, validate
from .structured import check_format
from .thunks import ModelOutputThunk
from .tries import Attempt, Tries
from .walks import checked

if TYPE_CHECKING:
    from .components import Span

C = TypeVar("C", bound=Context)


@dataclass(frozen=True, slots=True)
class SamplingResult(Generic[C]):
    """What came of the tries.

    Attributes:
        success: Whether a try met all requirements.
        thunk: That one; without success the best: it met most of them, and among such it was the last.
        context: The context that was given, with the action and the thunk behind it, and nothing of other tries.
        attempts: All tries, in the order in which they were begun.
        tokens: Tokens that they and the model's verdicts took, as far as the vendor said.
    """

    success: bool
    thunk: ModelOutputThunk
    context: C
    attempts: tuple[Attempt, ...]
    tokens: int

    @property
    def validations(self) -> tuple[ValidationResult, ...]:
        """Those of the thunk."""
        return next(attempt.validations or () for attempt in self.attempts if attempt.thunk is self.thunk)


@dataclass(frozen=True, slots=True)
class RejectionSampling:
    """Tries that know nothing of each other; the first that passes is taken.

    A ``seed`` among the options counts up from try to try: the same one would give the same answer.

    Attributes:
        budget: Tries at most.
        at_once: Tries that run at a time; once one passes, the others are cancelled.
        max_tokens_spent: Tokens of tries and verdicts, as far as the vendor says, from which on no further try is
            begun; ``None`` for no limit.

    Raises:
        InvalidRequestError: One of them is less than 1.
    """

    budget: int = 3
    at_once: int = 1
    max_tokens_spent: int | None = None

    def __post_init__(self) -> None:
        _check(budget=self.budget, at_once=self.at_once, max_tokens_spent=self.max_tokens_spent)


@dataclass(frozen=True, slots=True)
class Repair:
    """Tries in one conversation: the model is told what the last one did not meet, and why.

    Attributes:
        budget: Tries at most, the first one too.
        max_tokens_spent: As in ``RejectionSampling``.

    Raises:
        InvalidRequestError: One of them is less than 1.
    """

    budget: int = 3
    max_tokens_spent: int | None = None

    def __post_init__(self) -> None:
        _check(budget=self.budget, max_tokens_spent=self.max_tokens_spent)


SamplingStrategy: TypeAlias = RejectionSampling | Repair


def _check(**numbers: int | None) -> None:
    for name, value in numbers.items():
        if value is None and name == "max_tokens_spent":
            continue
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise InvalidRequestError(f"{name} is {value!r}; give a whole number from 1 on.")


async def sample(
    composer: Composer,
    action: Span,
    ctx: C,
    requirements: Sequence[Requirement | str],
    *,
    strategy: SamplingStrategy | None = None,
    format: type[BaseModel] | None = None,  # noqa: A002 (its name in the field)
    model_options: Mapping[str, object] | None = None,
    tool_calls: bool = False,
    check_options: Mapping[str, object] | None = None,
) -> SamplingResult[C]:
    """Generate until a result meets all requirements, or the budget is used up.

    Args:
        composer: Asks the model.
        action: What to say.
        ctx: What came before; it stays as it is.
        requirements: What the result must be; a string is a requirement that the model judges.
        strategy: How to try; ``None`` for ``RejectionSampling()``.
        format: As in ``generate_from_context``. That the text can be read so is a requirement too, the first one.
        model_options: Options of the tries; see ``ModelOption``.
        tool_calls: As in ``generate_from_context``.
        check_options: Options of the model's verdicts.

    Raises:
        InvalidRequestError: A requirement, the strategy or an option is wrong; nothing was sent.
        RequirementError: A check raised, or gave no answer that can be read.
        BackbayError: As ``generate_from_context`` raises; or a try failed. Those that ran beside it were let end, and
            none of them passed.
    """
    strategy = _checked_strategy(strategy)
    checked(action)
    Continued(ctx)  # Raises if it is no context.
    wanted = as_requirements(requirements)
    if format is not None:
        wanted = (_readable(check_format(format)), *wanted)
    settle(composer.model_options, check_options)
    seed = settle(composer.model_options, model_options).call.get("seed")
    first = seed if isinstance(strategy, RejectionSampling) and isinstance(seed, int) else None

    async def ask(said: Span, seen: Context, number: int) -> ModelOutputThunk:
        options = model_options if first is None else _with_seed(model_options, first + number)
        thunk, _ = await composer.generate_from_context(
            said, seen, format=format, model_options=options, tool_calls=tool_calls
        )
        return thunk

    async def judge(thunk: ModelOutputThunk) -> tuple[ValidationResult, ...]:
        # Over the question as it was asked first: what a repair was told is nobody's business here.
        return await validate(composer, wanted, thunk, _after(ctx, action, thunk), model_options=check_options)

    tries = Tries(ask=ask, judge=judge, budget=strategy.budget, max_tokens=strategy.max_tokens_spent)
    if isinstance(strategy, RejectionSampling):
        await tries.reject(action, ctx, strategy.at_once)
    else:
        await tries.repair(action, ctx)
    taken = tries.winner or tries.best
    after = _after(ctx, action, taken.thunk)
    return SamplingResult(taken.passed, taken.thunk, after, tuple(tries.attempts), tries.tokens)


def _after(ctx: C, action: Span, thunk: ModelOutputThunk) -> C:
    return cast("C", added(added(ctx, action), thunk))


def _checked_strategy(strategy: object) -> SamplingStrategy:
    if strategy is None:
        return RejectionSampling()
    if isinstance(strategy, RejectionSampling | Repair):
        return strategy
    raise InvalidRequestError(f"strategy is {strategy!r}; give a RejectionSampling or a Repair.")


def _readable(form: type[BaseModel]) -> Requirement:
    def check(thunk: ModelOutputThunk) -> bool:
        return isinstance(thunk.parsed, form)

    return Requirement(f"The answer is JSON that fits {form.__name__}.", check, name=form.__name__)


def _with_seed(options: Mapping[str, object] | None, seed: int) -> dict[str, object]:
    others = {name: value for name, value in (options or {}).items() if name not in _SEEDS}
    return {**others, ModelOption.SEED: seed}


_SEEDS = (ModelOption.SEED, "seed", "random_seed")
