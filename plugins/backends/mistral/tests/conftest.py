"""What the tests of this folder share: requests without a server."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

import backbay_mistral
from backbay.http.codec import Codec
from backbay.limits import NO_LIMITS
from backbay.request import build_request
from backbay_mistral.codec import MistralChat


@pytest.fixture
def codec() -> Codec:
    return MistralChat(backbay_mistral.spec, {})


@pytest.fixture
def body_of(codec: Codec) -> Callable[..., dict[str, Any]]:
    """Return the body that goes out for messages and options."""

    def encoded(messages: Any, *, stream: bool = False, **options: Any) -> dict[str, Any]:
        request = build_request(messages, options, limits=NO_LIMITS, model="mistral-medium-3-5")
        return json.loads(codec.encode(request, stream=stream).body)

    return encoded
