"""The loopback vendor that all clients talk to: ``bench/stub.c`` of the corpus, compiled and started for one run."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CORPUS = Path(os.environ.get("BACKBAY_CORPUS", ROOT.parent / "shared"))

_WORDS = (" the", " quick", " brown", " fox", " jumps", " over", " a", " lazy", " dog", " inference")

ANSWER = "Hello! How can I assist you today with your inference backend?"
"""What the stub answers to a call that is not streamed."""


def pieces(count: int) -> list[str]:
    """Return the texts of a stream of ``count`` chunks, as the stub sends them."""
    return [_WORDS[number % len(_WORDS)] for number in range(count)]


def arguments(count: int) -> list[str]:
    """Return the arguments of the two tool calls that the stub sends in ``count`` fragments."""
    fragments = count // 2 - 1
    middle = "".join(_WORDS[number % len(_WORDS)] for number in range(1, fragments - 1))
    return ['{"query":"' + middle + '"}'] * 2


@contextmanager
def running() -> Iterator[str]:
    """Compile and start the stub; give its base URL (``http://127.0.0.1:PORT/v1``), and end it afterwards.

    Raises:
        SystemExit: There is no C compiler, or no stub in the corpus.
    """
    source = CORPUS / "bench" / "stub.c"
    if not source.is_file():
        raise SystemExit(f"There is no {source}. Set BACKBAY_CORPUS to the folder that has bench/stub.c.")
    compiler = shutil.which("cc")
    if compiler is None:
        raise SystemExit("The benchmark needs a C compiler, as cc, for the server that it measures against.")
    with tempfile.TemporaryDirectory(prefix="backbay-bench-") as folder:
        program = Path(folder) / "stub"
        subprocess.run([compiler, "-O2", "-w", "-o", program, source], check=True)
        port = _free_port()
        with subprocess.Popen([program, str(port)], stderr=subprocess.DEVNULL) as server:
            try:
                _wait(port, server)
                yield f"http://127.0.0.1:{port}/v1"
            finally:
                server.kill()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait(port: int, server: subprocess.Popen[bytes]) -> None:
    for _ in range(200):
        if server.poll() is not None:
            break
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.02)
        else:
            return
    raise SystemExit(f"The stub did not start on port {port}.")
