"""Keys: whether a request may begin, and what it used."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Self, TypeVar
from uuid import uuid4

from backbay.errors import BackbayError, ClosedError, InvalidRequestError, RateLimitError

from . import refusals, registry
from .account import Account, Hold
from .database import Database
from .directory import Directory
from .grant import Grant
from .key import Key, KeyRequest, NewKey
from .leasing import Leasing
from .ledger import Facts
from .limits import LARGEST, Need, nano
from .writer import Writer

T = TypeVar("T")

EVERY = 0.5
"""Seconds between two batches of what was used."""

_MOST_UNWRITTEN = 50_000
"""Rows of the ledger that may wait to be written; beyond that nothing is admitted."""

_ROUNDS = 5


class Keys:
    """The key store of one process. Use ``Keys.open``; everything else belongs to one event loop.

    Open it in each worker process, not before it is forked.
    """

    def __init__(self, database: Database, clock: Callable[[], float]) -> None:
        self._database = database
        self._clock = clock
        self._accounts: dict[str, Account] = {}
        self._directory = Directory(database, self._renew)
        self._leasing = Leasing(database, uuid4().hex)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="backbay-keys")
        self._open: set[Grant] = set()
        self._writer = Writer(self._leasing, self._run, self._now)
        self._ticking: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[BackbayError | None]] = set()
        self._reading = asyncio.Lock()
        self._closed = False

    @classmethod
    def open(cls, url: str | None = None, *, clock: Callable[[], float] = time.time) -> Self:
        """Open a key store, and make its tables if they are not there.

        Args:
            url: ``sqlite:///PATH``, or ``postgresql://...`` (which needs ``backbay-gateway[postgresql]``); ``None`` is
                ``gateway.sqlite`` in the user's data folder. The file is readable by its owner only.
            clock: Seconds since 1970.

        Raises:
            ConfigurationError: It cannot be opened or written, is damaged, or is of a newer version.
            OverloadedError: It is locked, or cannot be reached.
        """
        database = Database(url)
        try:
            return cls(database, clock)
        except BaseException:
            database.close()
            raise

    @property
    def name(self) -> str:
        """Where the store is, without a password."""
        return self._database.name

    @property
    def in_flight(self) -> int:
        """How many admitted requests are neither settled nor released."""
        return len(self._open)

    async def authenticate(self, presented: str | None) -> Key:
        """Return whose key was presented; nothing is counted.

        Raises:
            AuthenticationError: There is no key, or it is wrong, revoked or expired.
            OverloadedError: The store cannot be used at the moment.
            ServerError: The store is broken.
            ClosedError: ``aclose`` was called.
        """
        if self._closed:
            raise ClosedError("The key store is closed.")
        if not self._directory.is_current():
            await self._refresh()
        found = self._directory.check(presented, self._now())
        if isinstance(found, BackbayError):
            raise found
        return found

    async def admit(
        self, presented: str | None, *, model: str, estimated_tokens: int, estimated_cost: float | None = None
    ) -> Grant:
        """Let a request begin: reserve what it may use of every limit of its key.

        Args:
            presented: The key as the client sent it, without ``Bearer``; ``None`` if it sent none.
            model: The model's name as the client wrote it: ``vendor:model``, or an alias.
            estimated_tokens: The most tokens that prompt and answer may have together. Limits are as hard as this is
                true: what a request uses beyond it is counted, and cannot be taken back.
            estimated_cost: The most money that it may cost; ``None`` if the price is unknown.

        Raises:
            AuthenticationError: There is no key, or it is wrong, revoked or expired.
            PermissionDeniedError: The key may not use the model; or it has a budget in money, and there is no price.
            RateLimitError: A limit is reached; ``retry_after`` says when it could work, and is ``None`` if never.
            QuotaExceededError: A budget is used up; ``retry_after`` is when the next period begins.
            InvalidRequestError: An estimate is negative, not finite or too large.
            OverloadedError: The store cannot be used at the moment.
            ServerError: The store is broken.
            ClosedError: ``aclose`` was called.
        """
        key = await self.authenticate(presented)
        if not key.may_begin(model):
            raise refusals.not_allowed(key.id, model)
        need = _need(key, model, estimated_tokens, estimated_cost)
        if self._writer.waiting >= _MOST_UNWRITTEN:
            raise refusals.behind()
        account = self._accounts.get(key.id)
        if account is None:
            account = self._accounts[key.id] = Account(key)
        # Behind those that wait for the store, so that none of them waits for ever.
        holds = None if account.lock.locked() else account.hold(need, self._now())
        if holds is None:
            holds = await self._hold(account, need)
        grant = Grant(account, model, need, holds, self._done)
        self._open.add(grant)
        self._writer.watch(account)
        if self._ticking is None:
            self._ticking = asyncio.create_task(self._tick())
        return grant

    async def create(self, request: KeyRequest) -> NewKey:
        """Make a key; its text is shown this once.

        Raises:
            InvalidRequestError: It would be expired already.
            OverloadedError: The store cannot be used at the moment.
            ServerError: The store is broken.
        """
        new = await self._run(self._create, request)
        self._directory.doubt()
        return new

    async def first_key(self) -> NewKey | None:
        """Make a key if there is none at all; ``None`` if there is one, revoked ones too.

        Of several processes that start at once, one gets the key. Print it, once: what is stored is a digest.

        Raises:
            OverloadedError: The store cannot be used at the moment.
            ServerError: The store is broken.
        """
        new = await self._run(self._create_first)
        self._directory.doubt()
        return new

    async def sync(self) -> None:
        """Write what was used until now. It is done every half second anyway.

        Raises:
            OverloadedError: The store cannot be used at the moment; nothing is lost, and the next call tries again.
            ServerError: The store is broken or full; likewise.
        """
        await self._writer.write()

    async def aclose(self) -> None:
        """Write everything, give back every lease and let go of the store. Requests that are open count as reserved.

        Raises:
            OverloadedError: The store could not be used, several times; what was not written yet is lost.
            ServerError: The store is broken or full; likewise.
        """
        if self._closed:
            return
        self._closed = True
        if self._ticking is not None:
            self._ticking.cancel()
            await asyncio.gather(self._ticking, return_exceptions=True)
        try:
            await asyncio.gather(*self._tasks)
            for grant in list(self._open):
                grant.settle_now(None, status="unsettled")
            await self._writer.finish()
        finally:
            self._thread.shutdown()
            self._directory.close()
            self._database.close()

    async def _hold(self, account: Account, need: Need) -> list[Hold]:
        async with account.lock:
            for _ in range(_ROUNDS):
                now = self._now()
                holds = account.hold(need, now)
                if holds is not None:
                    return holds
                refusal: BackbayError | None = account.refusal(need, now)
                if refusal is None:
                    # It goes on if the client leaves meanwhile: what the store gave must be known here.
                    task = asyncio.create_task(self._grow(account, need, now))
                    self._tasks.add(task)
                    task.add_done_callback(self._tasks.discard)
                    refusal = await asyncio.shield(task)
                if refusal is not None:
                    raise refusal
        raise refusals.behind()

    async def _grow(self, account: Account, need: Need, now: float) -> BackbayError | None:
        try:
            account.got(await self._run(self._leasing.grow, account.key.id, account.wants(need), now))
        except BackbayError as failure:
            if isinstance(failure, RateLimitError):
                account.refused(need, now, failure)
            return failure
        self._writer.watch(account)
        return None

    def _done(self, grant: Grant, facts: Facts | None) -> None:
        self._open.discard(grant)
        if facts is not None:
            self._writer.add(facts)

    async def _tick(self) -> None:
        try:
            while self._open or not self._writer.is_idle():
                await asyncio.sleep(EVERY)
                # What fails is kept, and written later. If that lasts, admit refuses.
                with suppress(BackbayError):
                    await self._writer.write()
        finally:
            # The next request begins another one.
            self._ticking = None

    async def _refresh(self) -> None:
        async with self._reading:
            if not self._directory.is_current():
                self._directory.take(await self._run(self._directory.read))

    def _renew(self, key: Key) -> None:
        account = self._accounts.get(key.id)
        if account is not None:
            account.renew(key)

    def _create(self, request: KeyRequest) -> NewKey:
        with self._database.transaction() as connection:
            return registry.create(connection, request, self._now())

    def _create_first(self) -> NewKey | None:
        with self._database.transaction() as connection:
            return registry.create_first(connection, KeyRequest.plain("first key"), self._now())

    def _now(self) -> float:
        return self._clock() + self._database.offset

    async def _run(self, function: Callable[..., T], *arguments: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, function, *arguments)


def _need(key: Key, model: str, tokens: int, cost: float | None) -> Need:
    if type(tokens) is not int or not 0 <= tokens <= LARGEST:
        raise InvalidRequestError("The estimate of a request's tokens must be a whole number from 0.")
    if cost is None:
        if key.limits.budget_cost is not None:
            raise refusals.no_price(key.id, model)
        return (1, tokens, 0)
    return (1, tokens, nano(cost, "The estimate of a request's cost"))


def first_key_notice(new: NewKey) -> Sequence[str]:
    """Return the lines that tell a person of the first key."""
    return (
        "This gateway had no key yet, so one was made. It is shown this once; only a digest of it is stored:",
        f"  {new.text}",
        f"`backbay gateway keys revoke {new.key.id}` revokes it, and `backbay gateway keys create` makes others.",
    )
