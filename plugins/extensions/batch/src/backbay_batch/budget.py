"""What a batch may use: tokens and money, counted as they are used and set aside before. No I/O."""

from __future__ import annotations

from collections.abc import Callable

from backbay import Usage

from .errors import BatchSetupError
from .lines import ANSWER_TOKENS

Price = Callable[[str | None, Usage], float | None]
"""What a call costs: from the model that answered and its token counts to US dollars; ``None`` if that is not known."""

_MILLION = 1_000_000


def flat_price(input: float, output: float) -> Price:  # noqa: A002 (the two sides have these names everywhere)
    """Return a price from dollars for a million tokens of prompts, and of answers, whatever the model."""

    def price(model: str | None, usage: Usage) -> float | None:  # noqa: ARG001 (all models cost alike)
        if usage.input is None or usage.output is None:
            return None
        return (usage.input * input + usage.output * output) / _MILLION

    return price


class Budget:
    """Counts what is used, and says whether one more call fits.

    What calls under way may use is set aside: their prompt as estimated, and their answer as long as the line allows,
    or as answers have been so far. So the budget is passed only by what estimates fall short of.

    Args:
        max_tokens: Tokens of prompts and answers together; ``None`` for no limit.
        max_cost: US dollars; ``None`` for no limit.
        price: What a call costs; ``None`` if that is not known.
        model: The model whose price estimates go by; ``None`` if lines name their own.
        tokens: What was used before.
        cost: Likewise.

    Attributes:
        tokens: Used so far; of answers without counts the estimate.
        cost: Used so far, where it is known.
        unpriced: How many answers have no known cost.

    Raises:
        BatchSetupError: There is a limit in money, and no price of the model.
    """

    def __init__(
        self,
        *,
        max_tokens: int | None = None,
        max_cost: float | None = None,
        price: Price | None = None,
        model: str | None = None,
        tokens: int = 0,
        cost: float = 0.0,
    ) -> None:
        self._max_tokens = max_tokens
        self._max_cost = max_cost
        self._price = price
        self._model = model
        self._aside: dict[int, tuple[int, float]] = {}
        self._tokens_aside = 0
        self._cost_aside = 0.0
        self._answers = (0, 0)
        self.tokens = tokens
        self.cost = cost
        self.unpriced = 0
        if max_cost is not None and self._cost_of(Usage(1, 1)) is None:
            raise BatchSetupError(
                f"There is a limit of ${max_cost:g}, and the price of {model or 'the model'} is not known.",
                hint="Give a price: --price IN,OUT in dollars for a million tokens, or price= in Python.",
            )

    def expected(self, prompt: int, answer: int) -> int:
        """Return the tokens that a call is expected to use; ``answer`` is -1 where its line sets no limit."""
        return prompt + (self._usual_answer() if answer < 0 else answer)

    def fits(self, prompt: int, answer: int) -> bool:
        """Whether one more call fits besides those that are under way."""
        if self._max_tokens is not None:
            tokens = self.expected(prompt, answer)
            if self.tokens + self._tokens_aside + tokens > self._max_tokens:
                return False
        if self._max_cost is not None:
            return self.cost + self._cost_aside + self._estimate(prompt, answer) <= self._max_cost
        return True

    def set_aside(self, number: int, prompt: int, answer: int) -> None:
        """Set aside what a line may use."""
        tokens = self.expected(prompt, answer)
        cost = 0.0 if self._max_cost is None else self._estimate(prompt, answer)
        self._aside[number] = (tokens, cost)
        self._tokens_aside += tokens
        self._cost_aside += cost

    def release(self, number: int) -> int:
        """Give back what was set aside for a line; return the tokens."""
        tokens, cost = self._aside.pop(number, (0, 0.0))
        self._tokens_aside -= tokens
        self._cost_aside = self._cost_aside - cost if self._aside else 0.0
        return tokens

    def used(self, number: int, usage: Usage | None, model: str | None) -> float | None:
        """Count what a line used in place of what was set aside; return its cost, or ``None`` if that is not known."""
        expected = self.release(number)
        total = None if usage is None else usage.total
        self.tokens += expected if total is None else total
        if usage is not None and usage.output is not None:
            count, tokens = self._answers
            self._answers = (count + 1, tokens + usage.output)
        cost = None if usage is None or self._price is None else self._cost_of(usage, model)
        if cost is None:
            self.unpriced += 1
        else:
            self.cost += cost
        return cost

    def _usual_answer(self) -> int:
        count, tokens = self._answers
        return tokens // count + 1 if count else ANSWER_TOKENS

    def _estimate(self, prompt: int, answer: int) -> float:
        return self._cost_of(Usage(prompt, self.expected(prompt, answer) - prompt)) or 0.0

    def _cost_of(self, usage: Usage, model: str | None = None) -> float | None:
        if self._price is None:
            return None
        found = self._price(model or self._model, usage)
        if found is None and model is not None and self._model is not None:
            found = self._price(self._model, usage)
        return found
