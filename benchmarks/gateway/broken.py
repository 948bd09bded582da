"""Starts the vendor of ``vendor.py`` in a process of its own, and asks it what it saw."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .processes import answers, free_port


@dataclass(frozen=True, slots=True)
class Broken:
    """The vendor, while it runs."""

    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def seen(self) -> dict[str, Any]:
        """Return what it saw since the last ``forget``."""
        found: dict[str, Any] = json.loads(ask(self.port, "GET", "/seen")[2])
        return found

    def forget(self) -> None:
        """Empty its record."""
        ask(self.port, "POST", "/forget", b"{}")


@contextmanager
def vendor() -> Iterator[Broken]:
    """Start the vendor; end it afterwards."""
    port = free_port()
    with subprocess.Popen([sys.executable, "-P", str(Path(__file__).with_name("vendor.py")), str(port)]) as process:
        try:
            for _ in range(500):
                if answers(port):
                    break
                time.sleep(0.02)
            yield Broken(port)
        finally:
            process.kill()


def ask(
    port: int,
    method: str,
    path: str,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    *,
    seconds: float = 15,
) -> tuple[int, dict[str, str], bytes, bool]:
    """Ask on a connection of its own; return status, headers, body, and whether the body was whole."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=seconds)
    try:
        connection.request(method, path, body, {"content-type": "application/json", **(headers or {})})
        response = connection.getresponse()
        named = {name.lower(): value for name, value in response.getheaders()}
        try:
            return response.status, named, response.read(), True
        except http.client.IncompleteRead as cut:
            return response.status, named, cut.partial, False
    finally:
        connection.close()
