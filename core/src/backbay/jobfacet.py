"""The facet of jobs: a caller's own request in a vendor's wire, carried unchanged both ways."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import final

from . import hooks
from .attempt import Call
from .capabilities import Capability
from .errors import BackbayError
from .facetbase import FacetBase
from .jobs import Job, JobResult, JobSink
from .limits import LimitsInput, as_limits
from .relay import Relay, Source, check_sink, within


class JobFacet(FacetBase):
    """Carries jobs. A plugin without HTTP that declares it writes ``_carry`` and ``wires``."""

    def _carry(self, job: Job) -> Callable[[Call], Awaitable[Source]]:
        """Check a job, before any I/O; return what sends it, and gives the body of an answer that is a success."""
        raise NotImplementedError(f"{self.spec.name} declares execute and does not implement it")

    @property
    def wires(self) -> Sequence[str]:
        """The wires that ``execute`` and ``relay`` can carry; none if the backend does not declare that."""
        return ()

    @final
    async def execute(self, job: Job, sink: JobSink) -> JobResult:
        """Send a job's own body, and give the answer's bytes to ``sink`` as they come: none changed, none read ahead.

        An attempt that fails before the first byte of an answer is made again, as the backend's retries say and within
        the deadline; after that byte nothing is. Of the hooks, ``observe_call`` alone sees jobs.

        Args:
            job: What to send; it stays as it is.
            sink: Takes the bytes. It gets nothing of an answer that is an error. What it raises is raised.

        Raises:
            ClosedError: The backend is closed.
            UnsupportedError: The backend carries no jobs, or none in this wire; no I/O has happened.
            InvalidRequestError: The body is no JSON object, or names another model; no I/O has happened.
            LimitExceededError: The deadline passed.
            BackbayError: There was no answer, or it broke off.
        """
        check_sink(sink, self.id)
        return await self.relay(job).deliver(sink)

    @final
    def relay(self, job: Job, *, limits: LimitsInput = None) -> Relay:
        """Return the answer to a job as an iterator of its bytes: what ``execute`` is made of.

        Args:
            job: As in ``execute``.
            limits: Limits besides the job's deadline; ``None`` for the backend's own.

        Raises:
            BackbayError: As ``execute`` raises before any I/O; the rest comes when the relay is read.
        """
        try:
            self._require(Capability.EXECUTE, job.model_id)
            source = self._carry(job)
        except BackbayError as error:
            error.backend, error.model = error.backend or self.id, error.model or job.model_id or self.model
            error.phase = error.phase or "prepare"
            raise
        known = as_limits(limits).over(self.settings.limits)
        total = max(job.deadline_ms, 1) / 1000
        total = total if known.total is None else min(total, known.total)
        call = self._call(job.model_id or self.model, within(known, total))
        looking = hooks.looking
        if looking is None or "observe_call" in looking:
            observation = self._observed(Capability.EXECUTE, call.model)
            if observation is not None:
                from .hooks.relaying import ObservedRelay

                return ObservedRelay(call, source, self.settings.retry, total, observation)
        return Relay(call, source, self.settings.retry, total)
