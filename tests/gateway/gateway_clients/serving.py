"""``backbay serve`` as a user starts it: a process of its own, on a free port, with the key that it prints."""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_WITHIN = 60.0  # seconds that a start may take on a busy machine
_KEPT = {"PATH", "LANG", "LC_ALL", "SYSTEMROOT", "COVERAGE_PROCESS_START", "COVERAGE_PROCESS_CONFIG"}


@dataclass(frozen=True)
class Served:
    """A gateway that runs.

    Attributes:
        url: Its address, without ``/v1``.
        key: The key that it printed.
        log: The file with its log, a JSON object a line.
    """

    url: str
    key: str
    log: Path

    def lines(self, event: str = "request") -> list[dict[str, Any]]:
        """Return what it logged so far of a kind."""
        found = [json.loads(line) for line in self.log.read_text(encoding="utf-8").splitlines() if line.endswith("}")]
        return [line for line in found if line.get("event") == event]

    def until_logged(self, before: int, seconds: float = 5.0) -> bool:
        """Wait until more than ``before`` streams ended, however; return whether they did."""
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            if sum(line["stream"] for line in self.lines()) > before:
                return True
            time.sleep(0.02)
        return False


@contextlib.contextmanager
def served(config: str, folder: Path, **variables: str) -> Iterator[Served]:
    """Give a gateway while it runs.

    Args:
        config: The text of ``gateway.toml``.
        folder: Where the file, the key store and the log go.
        variables: Environment variables, such as the keys of upstreams.

    Raises:
        RuntimeError: It ended, or was not there in time; the message has what it wrote.
    """
    file = folder / "gateway.toml"
    store = f'[keys]\ndatabase = "sqlite:///{(folder / "keys.sqlite").as_posix()}"\n'
    file.write_text(store + config, encoding="utf-8")
    environment = {name: value for name, value in os.environ.items() if name in _KEPT}
    environment |= {"HOME": str(folder), "PYTHONUTF8": "1", **variables}
    command = [sys.executable, "-P", "-m", "backbay_cli", "serve", "--config", str(file), "--port", "0"]
    log = folder / "gateway.log"
    with log.open("wb") as written:
        process = subprocess.Popen(
            command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=written, text=True
        )
    late = threading.Timer(_WITHIN, process.kill)
    late.start()
    try:
        said = _greeting(process, log)
        late.cancel()
        yield Served(said["url"], said["key"], log)
    finally:
        late.cancel()
        process.terminate()
        try:
            process.communicate(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()


def _greeting(process: subprocess.Popen[str], log: Path) -> dict[str, str]:
    assert process.stdout is not None
    said = ""
    for line in process.stdout:
        said += line
        found = re.search(r'OpenAI\(base_url="(?P<url>[^"]+)/v1", api_key="(?P<key>[^"]+)"\)', line)
        if found:
            return found.groupdict()
    raise RuntimeError(f"the gateway did not start. It wrote: {said} {log.read_text(encoding='utf-8')[-3000:]}")
