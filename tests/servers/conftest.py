"""The servers: each is started when a test first needs it, once in a process, and ended with the run.

The ordinary run has what users do with llama.cpp. ``tox run -e servers`` and ``tox run -e vllm`` have the rest.
"""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # real_servers is no distribution: nothing else is meant to import it

from real_servers import peers
from real_servers.servers import ranking_llama

if not os.environ.get("BACKBAY_SERVERS"):
    collect_ignore = ["test_laws.py"]  # they take minutes


@pytest.fixture(scope="session")
def address():
    """A function from a server to its address."""
    found = {}
    with contextlib.ExitStack() as running:

        def of(server):
            if server.name not in found:
                found[server.name] = running.enter_context(server.start())
            return found[server.name]

        yield of


@pytest.fixture(scope="session")
def ranking():
    """The address of a llama.cpp server that ranks."""
    with ranking_llama() as url:
        yield url


def pytest_generate_tests(metafunc):
    """Try what users do with every peer that is here; ``wires`` names those that a test is about."""
    if "peer" in metafunc.fixturenames:
        mark = metafunc.definition.get_closest_marker("wires")
        found = [peer for peer in peers.here() if mark is None or peer.wire in mark.args]
        metafunc.parametrize("peer", found, ids=str)


def pytest_configure(config):
    """Declare the marker."""
    config.addinivalue_line("markers", "wires(*names): the wires that a test with servers is about")


def pytest_collection_modifyitems(items):
    """Expect to fail what a peer's server cannot."""
    for item in items:
        peer = item.callspec.params.get("peer") if hasattr(item, "callspec") else None
        if isinstance(peer, peers.Peer):
            name = item.originalname.removeprefix("test_")
            cases = [str(value) for key, value in item.callspec.params.items() if key != "peer"]
            reason = peer.cannot.get(f"{name}[{'-'.join(cases)}]", peer.cannot.get(name))
            if reason is not None:
                item.add_marker(pytest.mark.xfail(strict=True, reason=reason))
