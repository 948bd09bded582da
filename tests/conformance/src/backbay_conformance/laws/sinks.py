"""What laws of relaying give their jobs to: sinks that keep what they get, or hold it up."""

from __future__ import annotations

import asyncio
import time

import pytest

from backbay import BackbayError, Job
from backbay.backend import Backend


class Sink:
    """Keeps what it gets, and when.

    Args:
        raises: What it raises when it gets the first chunk, or ``None``.
    """

    def __init__(self, raises: Exception | None = None) -> None:
        self.chunks: list[bytes] = []
        self.started: list[int] = []
        self.at: list[float] = []
        self._raises = raises

    async def start(self, status: int, content_type: str) -> None:
        """Keep the status."""
        self.started.append(status)

    async def send_chunk(self, data: bytes) -> None:
        """Keep some bytes."""
        self.at.append(time.monotonic())
        self.chunks.append(data)
        if self._raises is not None:
            raise self._raises


class Blocking(Sink):
    """Takes its first chunk, and no other until ``free`` is set."""

    def __init__(self) -> None:
        super().__init__()
        self.free = asyncio.Event()

    async def send_chunk(self, data: bytes) -> None:
        """Wait until it may go on; count the bytes, and keep none."""
        self.at.append(time.monotonic())
        self.chunks[:] = [b"%d" % (sum(map(int, self.chunks)) + len(data))]
        await self.free.wait()


async def failed_job(backend: Backend, job: Job, sink: Sink, about: str) -> BackbayError:
    """Execute a job that must fail; return its error."""
    try:
        result = await backend.execute(job, sink)
    except BackbayError as error:
        return error
    except Exception as other:
        pytest.fail(f"{about}: execute raised {type(other).__name__}, which is no BackbayError: {other}")
    pytest.fail(f"{about}: execute gave {result}, where it must fail")
