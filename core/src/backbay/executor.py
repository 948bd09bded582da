"""Runs jobs on several backends: so many at once, each model on the backend that it is advertised for.

Every job that is dispatched has exactly one outcome: done, error or cancelled.
"""

from __future__ import annotations

import asyncio
import difflib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Self

from .backend import Backend
from .capabilities import Capability
from .errors import (
    BackbayError,
    ClosedError,
    ConfigurationError,
    InvalidRequestError,
    ModelNotFoundError,
    OverloadedError,
)
from .jobs import BackendHealth, BackendModel, Job, JobResult, JobSink, job_error_code

MOST_AT_ONCE = 256
"""The highest cap on jobs at once."""


@dataclass(frozen=True, slots=True)
class JobOutcome:
    """What became of a job.

    Attributes:
        job_id: The job's.
        status: ``"done"``, ``"error"`` or ``"cancelled"``.
        result: How it went, if it is done.
        error: What went wrong, if it failed: a ``BackbayError``, or what the sink raised.
        code: The error's code: as ``job_error_code`` says, or ``"out_of_capacity"``; ``None`` if it did not fail.
    """

    job_id: str
    status: Literal["done", "error", "cancelled"]
    result: JobResult | None = None
    error: BaseException | None = None
    code: str | None = None


@dataclass(frozen=True, slots=True)
class Offer:
    """A model, and the backend that runs it.

    Attributes:
        model: The model.
        backend: The backend that lists it; of several, the first in the order in which they were given.
    """

    model: BackendModel
    backend: Backend


class JobExecutor:
    """Jobs on several backends, at most ``cap`` at a time. Belongs to one event loop.

        async with JobExecutor([first, second], cap=8) as executor:
            await executor.discover()
            outcome = await executor.dispatch(job, sink)

    Args:
        backends: Backends, the preferred ones first: a model that several have runs on the first of them.
        cap: Jobs at the same time, 1 to ``MOST_AT_ONCE``.
        models: The only models to offer; ``None`` for all that are found.

    Attributes:
        dropped: Why a backend offers nothing, by its id; as the last ``discover`` found.
        health: How each backend was, by its id, likewise.

    Raises:
        ConfigurationError: ``cap`` is out of range, or two backends have one id.
    """

    def __init__(self, backends: Sequence[Backend], *, cap: int = 8, models: Collection[str] | None = None) -> None:
        if isinstance(cap, bool) or not isinstance(cap, int) or not 1 <= cap <= MOST_AT_ONCE:
            raise ConfigurationError(f"cap is {cap!r}; it must be a whole number from 1 to {MOST_AT_ONCE}.")
        ids = [each.id for each in backends]
        twice = next((name for name in ids if ids.count(name) > 1), None)
        if twice is not None:
            raise ConfigurationError(f"Two backends of the executor have the id {twice}.")
        self.backends = tuple(backends)
        self.cap = cap
        self.dropped: Mapping[str, str] = {}
        self.health: Mapping[str, BackendHealth] = {}
        self._only = None if models is None else frozenset(models)
        self._offers: Mapping[str, Offer] = {}
        # What runs is what is in here, so that nothing has to be counted up and down.
        self._running: dict[str, asyncio.Task[JobResult]] = {}
        self._closed = False

    @property
    def offers(self) -> Sequence[Offer]:
        """What is advertised, and run: one offer a model, by its name. Empty before ``discover``."""
        return [self._offers[name] for name in sorted(self._offers)]

    @property
    def in_flight(self) -> int:
        """Jobs that run now."""
        return len(self._running)

    async def discover(self) -> Sequence[Offer]:
        """Ask every backend how it is and what it has; return the offers. Jobs that run stay where they are.

        A backend that is down, cannot list its models, or carries no jobs offers nothing: ``dropped`` says why. One
        without a model list offers the model that it was connected with.
        """
        found = await asyncio.gather(*(self._ask(each) for each in self.backends))
        offers: dict[str, Offer] = {}
        dropped = {}
        for backend, (_, models) in zip(self.backends, found, strict=True):
            if isinstance(models, str):
                dropped[backend.id] = models
                continue
            for model in models:
                if self._only is None or model.model_id in self._only:
                    offers.setdefault(model.model_id, Offer(model, backend))
        self.health = {
            each.id: health for each, (health, _) in zip(self.backends, found, strict=True) if health is not None
        }
        self._offers, self.dropped = offers, dropped
        return self.offers

    def dispatch(
        self, job: Job, sink: JobSink, ended: Callable[[JobOutcome], None] | None = None
    ) -> asyncio.Future[JobOutcome]:
        """Begin a job; return what gives its outcome. Raises nothing for the job: whatever is wrong is the outcome.

        Args:
            job: What to send; its ``model_id`` says where.
            sink: Takes the answer.
            ended: Called once, with the outcome.

        Raises:
            ClosedError: The executor is closed.
        """
        if self._closed:
            raise ClosedError("The executor is closed.")
        outcome: asyncio.Future[JobOutcome] = asyncio.get_running_loop().create_future()
        refused = self._refusal(job)
        if refused is not None:
            _settle(outcome, refused, ended)
            return outcome
        backend = self._offers[job.model_id or ""].backend
        task = asyncio.create_task(backend.execute(job, sink), name=f"backbay job {job.job_id}")
        self._running[job.job_id] = task

        def over(task: asyncio.Task[JobResult]) -> None:
            del self._running[job.job_id]
            _settle(outcome, _outcome_of(job, task), ended)

        task.add_done_callback(over)
        return outcome

    def cancel(self, job_id: str) -> bool:
        """Stop a job; return whether it was running. Its outcome is ``"cancelled"``, unless it ended just then."""
        task = self._running.get(job_id)
        return task is not None and task.cancel()

    async def aclose(self) -> None:
        """Cancel what runs, and wait for it; each job has its outcome then. The backends stay open."""
        self._closed = True
        running = list(self._running.values())
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *failure: object) -> None:
        await self.aclose()

    def _refusal(self, job: Job) -> JobOutcome | None:
        if len(self._running) >= self.cap:
            said = f"{self.cap} jobs run already, and no more may."
            return _failed(job, OverloadedError(said, retryable=True, phase="prepare"), "out_of_capacity")
        if job.job_id in self._running:
            return _failed(job, InvalidRequestError(f"A job with the id {job.job_id!r} runs already."))
        if job.model_id in self._offers:
            return None
        near = difflib.get_close_matches(job.model_id or "", self._offers, n=3)
        hint = f"Did you mean {' or '.join(near)}?" if near else "discover() says which models there are."
        said = f"No backend has the model {job.model_id!r}." if job.model_id else "The job names no model."
        return _failed(job, ModelNotFoundError(said, model=job.model_id, phase="prepare", hint=hint))

    async def _ask(self, backend: Backend) -> tuple[BackendHealth | None, Sequence[BackendModel] | str]:
        """Return how a backend is, and its models or why it has none."""
        known = backend.capabilities()
        if not known.allows(Capability.EXECUTE):
            return None, "it carries no jobs (execute)"
        health = None
        try:
            if known.allows(Capability.HEALTH):
                health = BackendHealth.of(await backend.health())
                if not health.reachable:
                    return health, health.last_error or "it cannot be reached"
            if known.allows(Capability.LIST_MODELS):
                return health, [BackendModel.of(model) for model in await backend.list_models()]
        except BackbayError as error:
            return health, str(error)
        if backend.model is None:
            return health, "it has no model list, and was connected without a model"
        return health, [BackendModel(backend.model, native=backend.spec.native)]


def _settle(outcome: asyncio.Future[JobOutcome], found: JobOutcome, ended: Callable[[JobOutcome], None] | None) -> None:
    if not outcome.done():  # Whoever awaited it may have been cancelled, and it with them.
        outcome.set_result(found)
    if ended is not None:
        ended(found)


def _failed(job: Job, error: BaseException, code: str | None = None) -> JobOutcome:
    return JobOutcome(job.job_id, "error", error=error, code=code or job_error_code(error))


def _outcome_of(job: Job, task: asyncio.Task[JobResult]) -> JobOutcome:
    if task.cancelled():
        return JobOutcome(job.job_id, "cancelled")
    error = task.exception()
    return JobOutcome(job.job_id, "done", result=task.result()) if error is None else _failed(job, error)
