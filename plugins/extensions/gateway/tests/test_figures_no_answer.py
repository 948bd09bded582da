"""What a proxy before the upstream says with status 200 is no answer of a model."""

from __future__ import annotations

import pytest

from backbay.testing import Reply


@pytest.mark.parametrize(
    "reply",
    [
        Reply(headers={"content-type": "text/html"}, steps=[b"<html>Welcome</html>"]),
        Reply(headers={"content-type": "application/json"}, steps=[]),
    ],
    ids=["a web page", "nothing"],
)
def test_a_web_page_or_nothing_is_an_error_and_not_an_answer(one, question, reply):
    gateway, _ = one(lambda request: reply)
    found = gateway.ask("/v1/chat/completions", question)
    assert found.status == 502
    assert b"Welcome" not in found.body
