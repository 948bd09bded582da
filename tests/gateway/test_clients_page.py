"""docs/gateway-clients.md says what the tests say."""

from __future__ import annotations

from gateway_clients import page
from gateway_clients.abilities import ABILITIES, CANNOT, CLIENTS
from gateway_clients.places import PLACES


def test_the_page_is_that_of_the_tests():
    assert page.PAGE.read_text(encoding="utf-8") == page.page(), "run `python -m gateway_clients.page` in tests/gateway"


def test_every_expected_failure_is_of_a_case_there_is_and_has_a_reason_in_words():
    for (client, ability, place), why in CANNOT.items():
        assert ability in CLIENTS[client]
        assert place in PLACES
        assert len(why.split()) > 3
    assert all(has <= set(ABILITIES) for has in CLIENTS.values())
