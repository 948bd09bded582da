"""Gateways and what is behind them: each is started when a test first needs it, once in a process.

The ordinary run has the pairs, the relay and the official Python SDKs. ``tox run -e gateway-clients`` and
``tox run -e gateway-js`` have the rest.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "servers"))  # where the servers of other people are

from gateway_clients.abilities import why_not
from gateway_clients.pairs import Rig
from gateway_clients.places import places
from real_servers.processes import KEY
from real_servers.servers import LLAMA

_OF_TOX = {
    "BACKBAY_CLIENTS": ["test_frameworks.py", "test_langchain_suite.py"],
    "BACKBAY_NODE_MODULES": ["test_javascript.py"],
}
_LATE = {"llama.cpp", "replayed responses"}
_IN_TOX = any(os.environ.get(variable) for variable in _OF_TOX)
collect_ignore = [name for variable, names in _OF_TOX.items() if not os.environ.get(variable) for name in names]
if find_spec("openai") is None or find_spec("anthropic") is None:
    collect_ignore.append("test_python_sdks.py")


@pytest.fixture(scope="session")
def rig(tmp_path_factory):
    """A gateway before the four kinds of backend."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ACME_API_KEY", "acme-upstream-secret-0123456789")
        with Rig(tmp_path_factory.mktemp("pairs")).running() as running:
            yield running


@pytest.fixture(scope="session")
def all_places(tmp_path_factory):
    """What is behind ``backbay serve``, by name."""
    with contextlib.ExitStack() as stack:
        llama = stack.enter_context(LLAMA.start()) if LLAMA.there() and _IN_TOX else None
        yield stack.enter_context(places(tmp_path_factory.mktemp("served"), llama, KEY))


@pytest.fixture
def at(all_places):
    """A function from a backend's name to the place of it; skips where the server is not installed."""

    def found(name):
        if name not in all_places:
            pytest.skip(f"{name} is not here, or is tried in tox alone")
        return all_places[name]

    return found


@pytest.fixture
def run():
    """Run a coroutine to its end."""
    return asyncio.run


def pytest_collection_modifyitems(config, items):
    """Expect to fail what a client cannot at a backend; leave some backends to tox."""
    if not _IN_TOX:
        late = [item for item in items if _place(item) in _LATE]
        config.hook.pytest_deselected(items=late)
        items[:] = [item for item in items if _place(item) not in _LATE]
    for item in items:
        found = getattr(item, "callspec", None)
        case = found.params if found is not None else {}
        if {"client", "ability", "place"} <= case.keys():
            reason = why_not(case["client"], case["ability"], case["place"])
            if reason is not None:
                item.add_marker(pytest.mark.xfail(strict=True, reason=reason))


def _place(item):
    found = getattr(item, "callspec", None)
    return None if found is None else found.params.get("place")
