"""Starts a server as a process of its own, waits until it is there, and ends it."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence

KEY = "a-key-of-this-server"
"""The key of every server that takes one."""

_SHOWN = 3000  # characters of what a server wrote before it failed


def free_port() -> int:
    """Return a port of this machine that nobody listens on."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


@contextlib.contextmanager
def started(
    command: Sequence[str], url: str, *, within: float, environment: Mapping[str, str], folder: str | None = None
) -> Iterator[str]:
    """Give ``url`` while ``command`` runs, from when its ``/health`` answers.

    Args:
        command: The program and its arguments.
        url: Where it will be.
        within: Seconds that it may take to get there.
        environment: What is different from this process's own environment.
        folder: The folder that it runs in; ``None`` for this process's own.

    Raises:
        RuntimeError: It ended, or was not there in time; the message has what it wrote.
    """
    with tempfile.TemporaryFile() as written:
        settings = {**os.environ, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1", **environment}
        process = subprocess.Popen(command, stdout=written, stderr=subprocess.STDOUT, env=settings, cwd=folder)
        try:
            began = time.monotonic()
            while not _answers(f"{url}/health"):
                if process.poll() is not None or time.monotonic() - began > within:
                    written.seek(0)
                    said = written.read().decode(errors="replace")[-_SHOWN:]
                    raise RuntimeError(f"{' '.join(command)} was not there after {within} s. It wrote: {said}")
                time.sleep(0.1)
            yield url
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def get(url: str) -> str:
    """Return what a server of this machine answers to a GET with the key, as text."""
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {KEY}"})
    with urllib.request.urlopen(request, timeout=5) as answer:
        text: str = answer.read().decode()
        return text


def _answers(url: str) -> bool:
    try:
        get(url)
    except (urllib.error.URLError, OSError):
        return False
    return True
