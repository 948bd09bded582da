"""Several workers on one port: made by forking, started again when one dies, stopped and reloaded together."""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable, Sequence

from backbay.errors import BackbayError

from .logs import Log

QUICK = 2.0
"""Seconds: a worker that dies sooner after its start counts as one that cannot start."""

MOST_QUICK = 3
"""Workers in a row that may die so quickly before all give up."""

_PATIENCE = 10.0


class Supervisor:
    """Keeps workers running until a signal ends them.

    Args:
        run: What a worker does: serves on its socket until a signal ends it.
        sockets: One for each worker.
        drain: Seconds in which workers end their answers.
        log: Where deaths are told.
    """

    def __init__(
        self, run: Callable[[socket.socket, int], None], sockets: Sequence[socket.socket], drain: float, log: Log
    ) -> None:
        self._run = run
        self._sockets = sockets
        self._drain = drain
        self._log = log
        self._workers: dict[int, tuple[int, float]] = {}
        # Nothing is ever written: its end comes to the workers when this process is gone, however it went.
        self._ends, self._holds = os.pipe()
        self._stopping = False
        self._quick = 0

    def serve(self) -> int:
        """Serve; return the exit code: 1 if workers cannot start."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        signal.signal(signal.SIGHUP, lambda *_: self._tell(signal.SIGHUP))
        for place in range(len(self._sockets)):
            self._start(place)
        while self._workers:
            try:
                pid, status = os.wait()
            except ChildProcessError:
                break
            except InterruptedError:
                continue
            self._died(pid, os.waitstatus_to_exitcode(status))
        for each in self._sockets:
            each.close()
        os.close(self._holds)
        os.close(self._ends)
        return 1 if self._quick >= MOST_QUICK else 0

    def _start(self, place: int) -> None:
        sys.stdout.flush()
        sys.stderr.flush()
        pid = os.fork()
        if pid:
            self._workers[pid] = (place, time.monotonic())
            return
        code = 1
        try:
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, signal.SIG_DFL)
            # Until it can read its file again, which it does when it starts.
            signal.signal(signal.SIGHUP, signal.SIG_IGN)
            os.close(self._holds)
            threading.Thread(target=_stop_after, args=(self._ends,), name="supervisor-watch", daemon=True).start()
            for other, each in enumerate(self._sockets):
                if other != place and each is not self._sockets[place]:
                    each.close()
            self._run(self._sockets[place], place)
            code = 0
        except BackbayError as error:
            self._log.say("error", "worker", problem=str(error))
        except Exception:  # noqa: BLE001 (this process ends here, whatever it was)
            traceback.print_exc()
        finally:
            self._log.flush()
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)

    def _died(self, pid: int, code: int) -> None:
        place, started = self._workers.pop(pid, (None, 0.0))
        if place is None or self._stopping:
            return
        lived = time.monotonic() - started
        self._log.say("error", "worker_died", pid=pid, exit_code=code, lived_seconds=round(lived, 1))
        self._quick = self._quick + 1 if lived < QUICK else 0
        if self._quick >= MOST_QUICK:
            self._stop()
            return
        time.sleep(0.2 * self._quick)
        self._start(place)

    def _stop(self, *_: object) -> None:
        if self._stopping:
            self._tell(signal.SIGKILL)
            return
        self._stopping = True
        self._tell(signal.SIGTERM)
        # Whoever does not stop by itself is stopped.
        signal.signal(signal.SIGALRM, lambda *_: self._tell(signal.SIGKILL))
        signal.alarm(int(self._drain + _PATIENCE))

    def _tell(self, number: int) -> None:
        for pid in list(self._workers):
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                continue


def _stop_after(ends: int) -> None:
    """Stop this worker when its supervisor has gone: nobody would start it again, or could end it by its name."""
    os.read(ends, 1)
    os.kill(os.getpid(), signal.SIGTERM)
