"""What all tests of this repository share: the corpus, an environment without keys, and settings of property tests.

The ordinary profile tries the same examples each time, so that a run says the same twice; ``fuzz`` (``tox run -e
fuzz``) tries many more, and others each time. Neither has a deadline: a loaded machine is no defect.
"""

from __future__ import annotations

import base64
import gc
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from backbay import hooks
from backbay_conformance import stalls

pytest_plugins = ["pytester"]  # the suite of tests/conformance is tested by running it

settings.register_profile("repeatable", deadline=None, derandomize=True, database=None)
settings.register_profile(
    "fuzz", deadline=None, max_examples=20_000, print_blob=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("repeatable")


_SETTINGS = ("_API_KEY", "_BASE_URL", "_API_BASE", "_TOKEN", "_HOST", "_ENDPOINT")
_VENDORS = ("OPENAI_", "LLAMA", "AWS_", "AZURE_", "GOOGLE_", "OLLAMA_", "BACKBAY_PLUGINS", "BACKBAY_PIN")
"""How the names of variables end, or begin, that specs read."""


_KEPT = {
    "BACKBAY_KEYS": "keys",
    "BACKBAY_OAUTH_CLIENTS": "oauth-clients.toml",
    "BACKBAY_CATALOGUE": "catalogue.sqlite",
    "BACKBAY_CACHE": "cache.sqlite",
}
"""Variables that say where something is kept between runs, and a name for a place where nothing is."""


def pytest_collection_finish() -> None:
    """Take what was collected, a gigabyte of it, out of every later collection of garbage: some tests ask for one."""
    gc.collect()
    gc.freeze()


def pytest_sessionstart() -> None:
    """Load the installed hooks: a test that first loads them where nothing is installed would hide them from others."""
    hooks.load(quiet=True)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    """Watch from before the first test, so that the watch is no thread that a test began."""
    stalls.WATCH.start()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> None:
    """Let all tests be asked again that failed while the machine stood still, as laws are in every repository."""
    if type(item) is pytest.Function:
        stalls.ask_again(item)


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Take keys, addresses and saved things of whoever runs the tests out of the environment."""
    for name in os.environ:
        if name.startswith(_VENDORS) or name.endswith(_SETTINGS):
            monkeypatch.delenv(name)
    monkeypatch.setenv("BACKBAY_LOGS", "off")
    for name, file in _KEPT.items():
        monkeypatch.setenv(name, str(tmp_path_factory.getbasetemp() / "nothing-kept" / file))


@pytest.fixture(scope="session")
def corpus() -> Path:
    """The folder of recorded traffic: BACKBAY_CORPUS, or ``shared`` beside the repository. In CI it must be there."""
    named = os.environ.get("BACKBAY_CORPUS")
    folder = Path(named) if named else Path(__file__).resolve().parents[1] / "shared"
    if not (folder / "data").is_dir() or not (folder / "wire" / "exchanges").is_dir():
        reason = (
            f"no corpus of recorded traffic (data/ and wire/exchanges/) in {folder}; set BACKBAY_CORPUS to its folder"
        )
        if os.environ.get("CI"):
            pytest.fail(f"{reason}. In CI this is a failure.")
        pytest.skip(reason)
    return folder


@pytest.fixture(scope="session")
def load_exchanges(corpus: Path) -> Callable[[str], list[dict[str, Any]]]:
    """A function from a glob below wire/exchanges to recorded exchanges; ``response["bytes"]`` has the body."""

    def load(pattern: str) -> list[dict[str, Any]]:
        found = []
        for path in sorted((corpus / "wire" / "exchanges").glob(pattern)):
            exchange = json.loads(path.read_text(encoding="utf-8"))
            response = exchange["response"]
            text = response.get("sse", response.get("body"))
            response["bytes"] = base64.b64decode(response["body_b64"]) if text is None else text.encode()
            found.append(exchange)
        assert found, f"the corpus has no exchange that matches {pattern}"
        return found

    return load
