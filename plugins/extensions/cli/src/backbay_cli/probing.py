"""Runs the probe of one plugin in a process of its own, so that one that hangs, exits or crashes changes nothing."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import IO, Any

from .probe import MARK

LIMIT = 5.0
"""Seconds that one plugin gets by default."""

_EXCERPT = 300
"""Characters of its last words that are shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a probe found.

    Attributes:
        ok: Whether the plugin loads.
        reason: Why not, or ``None``.
        seconds: How long it took to load; ``None`` if it did not end by itself.
        effects: What loading it changed in the process around it.
        facts: What the plugin's spec says of the environment, by the spec's field names.
    """

    ok: bool
    reason: str | None = None
    seconds: float | None = None
    effects: Sequence[str] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)


def probe(kind: str, name: str, limit: float = LIMIT) -> Found:
    """Load a plugin in a new process; never raises for what the plugin does.

    Args:
        kind: ``"backend"`` or ``"hooks"``.
        name: The backend, as ``name@distribution``, or the entry-point name of the hooks.
        limit: Seconds after which the process is killed.
    """
    # Files, not pipes: a process that the plugin left behind could hold a pipe open for ever.
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        process = subprocess.Popen(  # noqa: S603 (this interpreter, with two words that metadata gave)
            # -P keeps the working folder, which may hold anything, off sys.path.
            [sys.executable, "-P", "-m", "backbay_cli.probe", kind, name],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            start_new_session=True,
        )
        try:
            status: int | None = process.wait(limit)
        except subprocess.TimeoutExpired:
            status = None
        finally:
            _kill(process)
        return _read(status, _text(out), _text(err), limit)


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End the process if it still runs, with whatever it started in its own session."""
    with suppress(OSError):
        if sys.platform == "win32":
            process.kill()
        elif process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _read(status: int | None, out: str, err: str, limit: float) -> Found:
    line = next((line for line in out.splitlines() if line.startswith(MARK)), None)
    if line is not None:
        told = json.loads(line.removeprefix(MARK))
        known = {name: told.pop(name) for name in ("ok", "reason", "seconds", "effects")}
        return Found(**known, facts=told)
    if status is None:
        return Found(ok=False, reason=f"it did not finish loading within {limit:g} s{_last_words(err)}")
    if status < 0:
        return Found(ok=False, reason=f"it was killed by {_signal_name(-status)} while it loaded{_last_words(err)}")
    return Found(ok=False, reason=f"it ended the process with status {status} while it loaded{_last_words(err)}")


def _text(file: IO[bytes]) -> str:
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - 64 * 1024))
    return file.read().decode("utf-8", "replace")


def _last_words(err: str) -> str:
    lines = [line.strip() for line in err.splitlines() if line.strip()]
    return f"; it last said: {lines[-1][:_EXCERPT]}" if lines else ""


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
