"""Where a text is continued as it is, the server keeps to a schema that stands in a field of its own choice."""

from __future__ import annotations

import json
from typing import Any

import pytest

import backbay
from backbay.testing import Reply, ScriptedServer

SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}}
DONE = {"model": "m", "choices": [{"text": " 1", "index": 0, "finish_reason": "stop"}]}


def sent(**options: Any) -> dict[str, Any]:
    """Return the body that a call sends."""
    with ScriptedServer(Reply.json(DONE)) as server:
        with backbay.connect_sync("llamacpp:m", base_url=server.url) as backend:
            assert backend.complete_raw("One:", **options).text == " 1"
        [request] = server.requests
    assert request.path == "/v1/completions"
    body: dict[str, Any] = json.loads(request.body)
    return body


@pytest.mark.parametrize(("form", "schema"), [(SCHEMA, SCHEMA), ({"type": "json_object"}, {"type": "object"})])
def test_a_schema_stands_by_itself(form: dict[str, Any], schema: dict[str, Any]) -> None:
    """The server passes over ``response_format`` here, and says nothing."""
    assert sent(response_format=form) == {"model": "m", "prompt": "One:", "stream": False, "json_schema": schema}


def test_nothing_is_sent_that_nobody_asked_for() -> None:
    assert sent() == {"model": "m", "prompt": "One:", "stream": False}
