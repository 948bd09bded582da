"""A program's own calls through an engine: paced, budgeted and repeated as a batch's lines are, without any files."""

from __future__ import annotations

import asyncio
import contextvars
import weakref
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from backbay import Backend, Response
from backbay.messages import Message

from .budget import Budget
from .engine import Call, Engine, Target, find_engine
from .lane import Lane
from .local import LocalEngine
from .pacing import Pacer
from .prices import known_price
from .rules import Rules


class Caller:
    """Makes calls through an engine, as many at once as its rules and the vendor allow.

        async with Caller(backend, engine="local", rules=Rules(concurrency=32)) as caller:
            answers = await asyncio.gather(*(caller.complete(prompt) for prompt in prompts))

    The engine is started by the first call on a loop, and ended by ``aclose`` or with the loop. Pace and budget are
    one for all calls. A call that fails for the moment is made again, as ``rules.tries`` says; 429, 503 and 529 slow
    all calls down. What stops all (the budget, a refused key, too many failures, no patience left) fails the calls
    that were not made; the next call after that begins anew, but for the budget.

    Args:
        backend: Whom to ask; it stays open.
        name: The backend's name, by which processes elsewhere connect to it; ``None`` if it has none, which only an
            engine in this process can do with.
        engine: An engine, or its name.
        rules: What bounds the calls; ``None`` for the defaults of ``Rules``.

    Raises:
        BatchSetupError: There is no such engine; or a limit in money, and no known price.
    """

    def __init__(
        self,
        backend: Backend,
        *,
        name: str | None = None,
        engine: str | Engine = "local",
        rules: Rules | None = None,
    ) -> None:
        self._engine = find_engine(engine) if isinstance(engine, str) else engine
        self._rules = found = rules or Rules()
        asked = backend if name is None or isinstance(self._engine, LocalEngine) else name
        self._target = Target(backend=asked, concurrency=found.concurrency)
        self._pacer = Pacer(found.concurrency, per_minute=found.per_minute, tokens_per_minute=found.tokens_per_minute)
        self._budget = Budget(
            max_tokens=found.max_tokens,
            max_cost=found.max_cost,
            price=found.price or known_price(backend),
            model=backend.model,
        )
        self._lanes: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Lane] = weakref.WeakKeyDictionary()

    @property
    def tokens(self) -> int:
        """Tokens of prompts and answers that all calls used so far."""
        return self._budget.tokens

    @property
    def cost(self) -> float:
        """US dollars that they cost, as far as prices are known."""
        return self._budget.cost

    async def complete(self, messages: str | Sequence[Message], /, **options: object) -> Response:
        """Return a whole answer; arguments and errors as in ``Backend.complete``, and those of ``call``."""
        return await self.call(Call(messages, options))

    async def complete_raw(self, prompt: str, /, **options: object) -> Response:
        """Return what follows a text; arguments and errors as in ``Backend.complete_raw``, and those of ``call``."""
        return await self.call(Call(prompt, options, raw=True))

    async def call(self, call: Call) -> Response:
        """Make a call. To cancel it withdraws it: it ends if it is under way, and is never made if it is not.

        Args:
            call: The call. For an engine of other processes, whatever its options hold must be there to be imported.

        Raises:
            BatchStoppedError: It was not made: the budget is used up, or too many calls failed.
            BatchEngineError: The engine failed, or lost the call.
            BackbayError: What the backend raised. If that is of the account (a refused key), so do the calls that
                were not made.
        """
        loop = asyncio.get_running_loop()
        lane = self._lanes.get(loop)
        if lane is None or lane.ended:
            # In a context of its own: what the first caller has in its context is not the others'.
            lane = contextvars.Context().run(
                Lane, self._engine, self._target, self._rules, pacer=self._pacer, budget=self._budget
            )
            self._lanes[loop] = lane
        return await lane.call(call)

    async def aclose(self) -> None:
        """End the engine on this loop, and the calls that are under way there. May be called again."""
        lane = self._lanes.pop(asyncio.get_running_loop(), None)
        if lane is not None:
            await lane.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()
