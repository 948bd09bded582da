"""One loaded model, and the threads that work for it."""

from __future__ import annotations

import secrets
import threading
from collections import deque
from importlib import import_module
from typing import Any

from backbay.errors import ClosedError, ConfigurationError

from .job import Job, Server
from .plans import Plan

_BATCH = 512
"""Tokens of a prompt that are read between two looks at whether to stop."""


class Engine:
    """A model in memory. Made and closed on a thread that may block.

    At most ``plan.slots`` jobs are worked on at once, each on a thread of its own; more wait in the order in which they
    came. The threads are daemons, and end when there is nothing to do.

    Raises:
        ConfigurationError: xllamacpp is not installed, or cannot load the file.
    """

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self._server: Server | None = _load(plan)
        self._idle = threading.Condition()
        self._waiting: deque[Job] = deque()
        self._running: set[Job] = set()
        self._threads = 0
        self._closed = False

    def submit(self, job: Job) -> None:
        """Begin the job, or queue it.

        Raises:
            ClosedError: The engine is closed.
        """
        with self._idle:
            if self._closed:
                raise _closed()
            self._waiting.append(job)
            if self._threads < self.plan.slots:
                threading.Thread(target=self._serve, name="backbay-local", daemon=True).start()
                self._threads += 1

    def cancel(self, job: Job) -> None:
        """Take a job out of the queue, or stop it at its next chunk. May be called again, and after its end."""
        job.stop()
        with self._idle:
            if job in self._waiting:
                self._waiting.remove(job)

    def close(self, wait: float) -> bool:
        """Stop all jobs, wait up to ``wait`` seconds for them to end, and free the model.

        Returns:
            Whether the jobs have ended. If not, the model is freed by the last one.
        """
        with self._idle:
            self._closed = True
            for job in (*self._running, *self._waiting):
                job.fail(_closed())
            self._waiting.clear()
            ended = self._idle.wait_for(lambda: not self._threads, wait)
        if ended:
            self._server = None
        return ended

    def leak(self) -> None:
        """Keep the model from ever being freed: in a forked child that would wait for threads that are not there."""
        import ctypes

        ctypes.pythonapi.Py_IncRef(ctypes.py_object(self._server))

    def _serve(self) -> None:
        while True:
            with self._idle:
                if not self._waiting:
                    self._threads -= 1
                    if self._closed and not self._threads:
                        self._server = None
                    self._idle.notify_all()
                    return
                job = self._waiting.popleft()
                self._running.add(job)
            assert self._server is not None
            job.run(self._server)
            with self._idle:
                self._running.discard(job)


def _closed() -> ClosedError:
    return ClosedError("The backend was closed before the answer was whole.")


def _load(plan: Plan) -> Server:
    try:
        library: Any = import_module("xllamacpp")
    except (ImportError, OSError) as failure:
        raise ConfigurationError(
            f"The engine, xllamacpp, cannot be imported: {failure}", hint="Run: pip install --upgrade xllamacpp"
        ) from failure
    try:
        server: Server = library.Server(_parameters(library, plan))
    except RuntimeError as failure:
        raise ConfigurationError(
            f"The engine could not load {plan.path}: {failure}",
            hint="The file may be cut short, need more memory than there is (a smaller context= or fewer slots= take "
            f"less), or hold a kind of model that xllamacpp {library.__version__} does not know.",
        ) from failure
    # An engine that is freed before its own loop has begun is never done with that. Only its loop can answer this.
    server.handle_metrics()
    return server


def _parameters(library: Any, plan: Plan) -> Any:  # noqa: ANN401 (the engine has no types)
    chosen = library.CommonParams()
    chosen.model.path = plan.path
    chosen.model_alias = {plan.name}
    # The context is that of all slots together.
    chosen.n_ctx, chosen.n_parallel = plan.context * plan.slots, plan.slots
    chosen.cpuparams.n_threads = chosen.cpuparams_batch.n_threads = plan.threads
    chosen.n_batch = chosen.n_ubatch = min(_BATCH, plan.context)
    if plan.embedding:
        # An input is read in one batch, or not at all.
        chosen.embedding, chosen.n_batch, chosen.n_ubatch = True, plan.context, plan.context
        chosen.pooling_type = library.llama_pooling_type.LLAMA_POOLING_TYPE_MEAN
    # By default the engine keeps up to 8 GiB of former prompts.
    chosen.cache_ram_mib = 0
    chosen.verbosity, chosen.warmup, chosen.offline = 0, False, True
    # It opens a port in any case: on this machine only, without its pages, and for nobody who asks.
    chosen.hostnames, chosen.port, chosen.n_threads_http = ["127.0.0.1"], 0, 1
    chosen.ui, chosen.endpoint_slots, chosen.endpoint_metrics = False, False, True
    chosen.api_keys = [secrets.token_urlsafe(32)]
    return chosen
