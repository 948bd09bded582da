"""The rig, started once a worker, and the guard around each test: nothing may be left, and no key be seen."""

# ruff: noqa: E402 (the assertions of the rig are rewritten, and only then is it imported)

from __future__ import annotations

import gc
import itertools
from concurrent.futures import ThreadPoolExecutor

import pytest

pytest.register_assert_rewrite("fault_rig")

from fault_rig import asking, certificates, words
from fault_rig.faults import Bench
from fault_rig.plan import Answer, Door
from fault_rig.rig import Rig

from backbay.bridge import get_bridge
from backbay_conformance.laws.canaries import assert_unlogged, listening
from backbay_conformance.laws.leaks import no_leaks


def one_thread_for_names():
    """Let the loop behind the blocking face look names up in one thread, which is there from the beginning."""
    loop = get_bridge().loop
    executor = ThreadPoolExecutor(1, thread_name_prefix="names")
    executor.submit(int).result()
    loop.call_soon_threadsafe(loop.set_default_executor, executor)


@pytest.fixture(scope="session")
def rig():
    """The server. Each way of calling is used once, since what is made once for the process is no leak."""
    with Rig() as started:
        for how, transport in itertools.product(asking.HOWS, ["direct", "aiohttp"]):
            reply = words.STREAM if how in asking.STREAM else words.WHOLE
            with started.opened(Door(answers=[Answer([reply])])) as door:
                assert asking.ask(door.url, how, transport=transport).text == "Hello world"
        one_thread_for_names()
        gc.collect()
        gc.freeze()  # what is there by now need not be looked through after each test
        yield started


@pytest.fixture(scope="session")
def made_certificates(tmp_path_factory):
    return certificates.make(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def bench(rig, made_certificates, monkeypatch, tmp_path):
    """What a fault is tried with, and the guard around it."""
    monkeypatch.setenv("SSL_CERT_FILE", made_certificates.authority)
    monkeypatch.setattr("backbay.http.adapters.tls._made", {}, raising=False)
    with no_leaks("the fault"), listening() as records:
        yield Bench(rig, made_certificates, monkeypatch, tmp_path)
        gc.collect()
    assert_unlogged(asking.KEY, records)
