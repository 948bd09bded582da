"""How each server is started with the small model, and how it says that it is at work."""

from __future__ import annotations

import contextlib
import json
import os
import re
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from .processes import KEY, free_port, get, started

TRANSFORMERS = "BACKBAY_TRANSFORMERS"
"""Variable with the path of the program ``transformers``, or the address of one that serves the model already."""
VLLM = "BACKBAY_VLLM"
"""Variable with the path of the program ``vllm``, or the address of one that serves the model already."""

MODEL = "tiny"
"""What the model is called everywhere."""
LONG = "0" * 200
"""What the model, at temperature 0, answers with zeros without end."""


@dataclass(frozen=True)
class Server:
    """A server that nobody here wrote.

    Attributes:
        name: What people call it.
        version: The version that the lists of what it cannot do are about.
        there: Whether it can be started here.
        start: Starts it, and gives its address, without ``/v1``.
        busy: Returns how many answers it works on at this moment, by its own word; ``None`` if it has none.
        made: Returns how many tokens it has generated since it was started; ``None`` if it does not say.
        context: Tokens of a prompt and its answer.
        long: Tokens that the answer to ``LONG`` has, where it is not stopped before.
    """

    name: str
    version: str
    there: Callable[[], bool]
    start: Callable[[], AbstractContextManager[str]]
    busy: Callable[[str], int] | None
    made: Callable[[str], int] | None
    context: int
    long: int


@contextlib.contextmanager
def _llama(pooling: str = "MEAN") -> Iterator[str]:
    port = free_port()
    command = [sys.executable, str(Path(__file__).with_name("llama.py")), str(port), pooling, KEY]
    with started(command, f"http://127.0.0.1:{port}", within=30, environment={}) as url:
        yield url


@contextlib.contextmanager
def ranking_llama() -> Iterator[str]:
    """Give the address of a llama.cpp server that ranks, which one that embeds cannot."""
    with _llama("RANK") as url:
        yield url


def _llama_busy(url: str) -> int:
    return sum(slot["is_processing"] for slot in json.loads(get(f"{url}/slots")))


def _llama_made(url: str) -> int:
    return _metric(url, r"llamacpp:tokens_predicted_total")


@contextlib.contextmanager
def _transformers() -> Iterator[str]:
    command = [os.environ[TRANSFORMERS], "serve", MODEL, "--device", "cpu"]
    with tempfile.TemporaryDirectory() as home, _served(command, within=300, environment={"HF_HOME": home}) as url:
        (Path(home) / "hub").mkdir(exist_ok=True)  # without this folder its model list is an error
        yield url


@contextlib.contextmanager
def _vllm() -> Iterator[str]:
    command = [os.environ[VLLM], "serve", MODEL, "--enforce-eager", "--dtype", "float32"]
    command += ["--max-model-len", "1024", "--api-key", KEY]
    command += ["--enable-auto-tool-choice", "--tool-call-parser", "hermes"]
    environment = {"VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_CPU_OMP_THREADS_BIND": "nobind", "DO_NOT_TRACK": "1"}
    with _served(command, within=600, environment=environment) as url:
        yield url


def _vllm_busy(url: str) -> int:
    return _metric(url, r"vllm:num_requests_(?:running|waiting)")


def _vllm_made(url: str) -> int:
    return _metric(url, r"vllm:generation_tokens_total")


def _metric(url: str, pattern: str) -> int:
    """Return the sum of the metrics whose names match, in the form of Prometheus."""
    found = re.findall(rf"^{pattern}(?:\{{.*\}})? ([-+.\de]+)$", get(f"{url}/metrics"), re.MULTILINE)
    if not found:
        raise ValueError(f"{url}/metrics has nothing like {pattern}")
    return round(sum(map(float, found)))


@contextlib.contextmanager
def _served(command: list[str], *, within: float, environment: dict[str, str]) -> Iterator[str]:
    """Give the address of a server that runs in a folder beside the model's; a command may be an address itself."""
    if command[0].startswith("http://"):
        yield command[0]
        return
    from .model_folder import write_folder

    with tempfile.TemporaryDirectory() as place:
        write_folder(Path(place) / MODEL)
        port = free_port()
        command += ["--host", "127.0.0.1", "--port", str(port)]
        url = f"http://127.0.0.1:{port}"
        with started(command, url, within=within, environment=environment, folder=place) as there:
            yield there


LLAMA = Server(
    name="llama.cpp",
    version="xllamacpp 2026.10.11549",
    there=lambda: find_spec("xllamacpp") is not None,
    start=_llama,
    busy=_llama_busy,
    made=_llama_made,
    context=2048,
    long=1800,
)
SERVE = Server(
    name="transformers serve",
    version="transformers 5.23.0",
    there=lambda: bool(os.environ.get(TRANSFORMERS)),
    start=_transformers,
    busy=None,
    made=None,
    context=2048,
    long=600,
)
VLLM_SERVE = Server(
    name="vLLM",
    version="vllm-cpu 0.32.0",
    there=lambda: bool(os.environ.get(VLLM)),
    start=_vllm,
    busy=_vllm_busy,
    made=_vllm_made,
    context=1024,
    long=780,
)
