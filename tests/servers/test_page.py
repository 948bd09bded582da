"""docs/servers.md says what the tests say."""

from __future__ import annotations

from importlib.metadata import version

import pytest
from real_servers import page
from real_servers.peers import PEERS
from real_servers.servers import LLAMA


def test_the_tables_of_the_page_are_those_of_the_tests():
    assert page.written() == page.tables(), "run `python -m real_servers.page` in tests/servers"


def test_every_expected_failure_has_a_reason_in_words():
    for peer in PEERS:
        assert all(len(why.split()) > 2 for why in (*peer.cannot.values(), *peer.breaks.values()))


@pytest.mark.skipif(not LLAMA.there(), reason="xllamacpp is not installed")
def test_the_lists_are_about_the_version_that_is_tried():
    assert f"xllamacpp {version('xllamacpp')}" == LLAMA.version
