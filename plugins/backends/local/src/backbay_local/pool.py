"""Engines shared within this process: counted, closed at exit, and left alone in a forked child.

Facts seen with xllamacpp 2026.10.11549: a thread that is inside the engine while Python ends aborts the process; in a
forked child, freeing an engine waits for ever, and so does the engine library's own end.
"""

from __future__ import annotations

import asyncio
import atexit
import copy
import os
import threading
import time
from concurrent.futures import Future, wait

from .engine import Engine
from .plans import Plan

CLOSE_WAIT = 10.0
"""Seconds that closing waits for running jobs to notice; they do at the next token, or the next 512 of a prompt."""


class Share:
    """One engine in use, or on its way.

    Attributes:
        plan: What it is.
        engine: The engine, or why there is none.
        loaded: The engine once it is there; to be read without a lock, as a forked child must.
        users: How many backends hold it.
    """

    __slots__ = ("engine", "loaded", "plan", "users")

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.engine: Future[Engine] = Future()
        # From now on a waiter that is cancelled cannot cancel it for the others.
        self.engine.set_running_or_notify_cancel()
        self.loaded: Engine | None = None
        self.users = 0


class Pool:
    """All engines of this process.

    Attributes:
        generation: Rises by one in each forked child: what was taken before is the parent's.
    """

    def __init__(self) -> None:
        self.generation = 0
        self._lock = threading.Lock()
        self._shares: dict[Plan, Share] = {}
        self._late: list[Engine] = []
        self._used = False
        self._inherited = False

    def take(self, plan: Plan) -> Share:
        """Return the engine for ``plan``, one more time in use; begin to load it if it is not there. Never blocks."""
        with self._lock:
            share = self._shares.get(plan)
            if share is None:
                share = self._shares[plan] = Share(plan)
                if not self._used:
                    self._used = True
                    atexit.register(self.end)
                # A daemon, so that an interrupt does not wait for a large model.
                threading.Thread(target=self._load, args=(share,), name="backbay-local-load", daemon=True).start()
            share.users += 1
            return share

    def give_back(self, share: Share) -> None:
        """Say that a backend needs the engine no more; the last one frees it, which may block."""
        with self._lock:
            share.users -= 1
            if share.users or self._inherited or self._shares.get(share.plan) is not share:
                return
            del self._shares[share.plan]
        share.engine.add_done_callback(lambda _: self._close(share))

    def end(self) -> None:
        """Close all engines, as the process ends."""
        deadline = time.monotonic() + CLOSE_WAIT
        with self._lock:
            shares, self._shares = list(self._shares.values()), {}
            engines, self._late = self._late, []
        wait([share.engine for share in shares], CLOSE_WAIT)
        engines += [share.loaded for share in shares if share.loaded is not None]
        for engine in engines:
            engine.close(max(0.0, deadline - time.monotonic()))

    def before_fork(self) -> None:
        """Let no other thread be in the middle of a change."""
        self._lock.acquire()

    def after_fork_in_parent(self) -> None:
        """Go on."""
        self._lock.release()

    def after_fork_in_child(self) -> None:
        """Leave the parent's engines alone, for good."""
        self._lock = threading.Lock()
        self.generation += 1
        for engine in (*self._late, *(share.loaded for share in self._shares.values())):
            if engine is not None:
                engine.leak()
        self._shares, self._late = {}, []
        if self._used:
            self._inherited = True
            _skip_destructors()

    def _load(self, share: Share) -> None:
        try:
            engine = Engine(share.plan)
            if self._inherited:
                engine.leak()
            share.loaded = engine
        except BaseException as failure:  # noqa: BLE001 (goes on to those who wait, whatever it is)
            with self._lock:
                if self._shares.get(share.plan) is share:
                    del self._shares[share.plan]
            share.engine.set_exception(failure)
        else:
            share.engine.set_result(engine)

    def _close(self, share: Share) -> None:
        if share.loaded is not None and not share.loaded.close(CLOSE_WAIT):
            with self._lock:
                self._late.append(share.loaded)


POOL = Pool()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=POOL.before_fork,
        after_in_parent=POOL.after_fork_in_parent,
        after_in_child=POOL.after_fork_in_child,
    )


class Engines:
    """The engines that one backend holds."""

    def __init__(self) -> None:
        self._held: dict[Plan, Share] = {}
        self._generation = POOL.generation
        self._lock = threading.Lock()

    async def get(self, plan: Plan) -> Engine:
        """Return the engine for ``plan``, loading it if need be. It stays this backend's until ``close``.

        Raises:
            ConfigurationError: It cannot be loaded; the next call tries again.
        """
        share = self._hold(plan)
        try:
            if share.engine.done():
                return share.engine.result()
            return await asyncio.wrap_future(share.engine)
        except Exception as failure:  # noqa: BLE001 (raised again)
            with self._lock:
                if self._held.get(plan) is share:
                    del self._held[plan]
            # Others may wait for the same engine, and each call writes on its error what it knows.
            raise copy.copy(failure) from failure.__cause__

    def close(self) -> None:
        """Give all engines back. May block."""
        with self._lock:
            held, self._held = self._held, {}
        if self._generation == POOL.generation:
            for share in held.values():
                POOL.give_back(share)

    def _hold(self, plan: Plan) -> Share:
        if self._generation != POOL.generation:
            self._generation, self._held, self._lock = POOL.generation, {}, threading.Lock()
        with self._lock:
            share = self._held.get(plan)
            if share is None:
                share = self._held[plan] = POOL.take(plan)
            return share


def _skip_destructors() -> None:
    """Let this forked child end without the engine library's destructors, with its own exit status.

    As ``os._exit`` does in children of ``multiprocessing``. Only glibc has ``on_exit``; elsewhere such a child must end
    with ``os._exit`` itself.
    """
    import ctypes

    libc = ctypes.CDLL(None)
    if hasattr(libc, "on_exit"):
        libc.on_exit(libc._exit, None)  # noqa: SLF001 (a function of C)
