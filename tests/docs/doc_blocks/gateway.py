"""A gateway for the pages that show how a client uses one."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from .pages import Block

_ADDRESS = "127.0.0.1:8787"
_SECONDS = 30.0
_SAYS = re.compile(rb"  (bb_\S+)\n.*listens on http://(127\.0\.0\.1:\d+)", re.DOTALL)


@contextmanager
def served(wanted: Sequence[Block]) -> Iterator[Sequence[Block]]:
    """Give the blocks as they are; or, if one has a gateway's address, with that of one that runs, and with its key."""
    if not any(_ADDRESS in block.code for block in wanted):
        yield wanted
        return
    said = Path(os.environ["HOME"], "gateway.txt")
    command = [sys.executable, "-m", "backbay_cli", "serve", "--port", "0"]
    with said.open("wb") as output, subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT) as gateway:
        try:
            key, address = _wait_until_it_serves(said, gateway)
            yield [replace(block, code=_at(block.code, address, key)) for block in wanted]
        finally:
            gateway.terminate()


def _wait_until_it_serves(said: Path, gateway: subprocess.Popen[bytes]) -> tuple[str, str]:
    end = time.monotonic() + _SECONDS
    while time.monotonic() < end and gateway.poll() is None:
        if match := _SAYS.search(said.read_bytes()):
            return match[1].decode(), match[2].decode()
        time.sleep(0.05)
    raise RuntimeError(f"the gateway does not serve: {said.read_text(encoding='utf-8', errors='replace')}")


def _at(code: str, address: str, key: str) -> str:
    return code.replace(_ADDRESS, address).replace('"bb_..."', repr(key))
