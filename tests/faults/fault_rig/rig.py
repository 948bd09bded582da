"""The client's side of the rig: starts the server's process, opens doors, and asks what was seen behind them."""

from __future__ import annotations

import base64
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from .plan import Door, Seen

PATIENCE = 5.0
"""Seconds that the rig waits for something to be seen, on a machine that has other things to do."""


class OpenDoor:
    """A port of the server."""

    def __init__(self, rig: Rig, number: int, port: int, door: Door) -> None:
        self._rig = rig
        self._number = number
        self.port = port
        self.door = door

    @property
    def url(self) -> str:
        """The base URL that leads here."""
        return f"http{'s' if self.door.tls else ''}://{self.door.host}:{self.port}/v1"

    def look(self) -> tuple[Sequence[Seen], int]:
        """Return what was seen, in order, and how many connections are open: the client's end of them."""
        told = self._rig.tell({"do": "look", "door": self._number})
        return [Seen(**each) for each in told["log"]], told["open"]

    def seen(self, what: str) -> Sequence[Seen]:
        """Return what was seen of one kind."""
        return [each for each in self.look()[0] if each.what == what]

    @property
    def attempts(self) -> int:
        """How many requests began to come."""
        return len(self.seen("head"))

    @property
    def requests(self) -> Sequence[Request]:
        """The requests."""
        return [Request(each) for each in self.seen("request")]

    def wait(self, until: Callable[[OpenDoor], bool], seconds: float = PATIENCE) -> bool:
        """Wait until ``until`` holds; return whether it came to that."""
        deadline = time.monotonic() + seconds
        while not until(self):
            if time.monotonic() > deadline:
                return False
            time.sleep(0.005)
        return True

    def all_left(self, seconds: float = PATIENCE) -> bool:
        """Wait until the client has closed every connection; return whether it did."""
        return self.wait(lambda door: door.look()[1] == 0, seconds)


class Request:
    """A request, as the server got it."""

    def __init__(self, seen: Seen) -> None:
        more = seen.more
        self.at = seen.at
        self.connection = seen.connection
        self.method: str = more["method"]
        self.path: str = more["path"]
        self.headers: Mapping[str, str] = dict(more["headers"])
        self.body: bytes = base64.b64decode(more["body"])


class Rig:
    """The server's process, inside ``with``."""

    def __init__(self) -> None:
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[1])}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "fault_rig.server"], stdout=subprocess.PIPE, env=environment, text=True
        )
        assert self._process.stdout is not None
        port = int(self._process.stdout.readline())
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=30)
        self._file = self._socket.makefile("rwb")
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        self._socket.close()
        self._process.wait(10)
        assert self._process.stdout is not None
        self._process.stdout.close()

    def tell(self, asked: Mapping[str, Any]) -> Any:
        """Say something to the control end; return its answer."""
        with self._lock:
            self._file.write(json.dumps(asked).encode() + b"\n")
            self._file.flush()
            told = json.loads(self._file.readline())
        assert "problem" not in told, told["problem"]
        return told

    @contextmanager
    def opened(self, door: Door) -> Iterator[OpenDoor]:
        """Open a door, for as long as this lasts."""
        told = self.tell({"do": "open", "door": door.to_json()})
        try:
            yield OpenDoor(self, told["door"], told["port"], door)
        finally:
            self.tell({"do": "shut", "door": told["door"]})
