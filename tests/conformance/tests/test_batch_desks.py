"""What the suite says where a plugin declares batches, and its emulator takes none; and what the desks refuse."""

from __future__ import annotations

import json

import pytest

from backbay.testing import Received
from backbay_conformance.vendors import VENDORS

WITHOUT = """
from backbay_conformance import BackendConformance, Vendor
from backbay_conformance.saboteurs import HONEST
from backbay_conformance.vendors.openai_chat import OpenAIChatVendor

class Older(OpenAIChatVendor):
    batches = Vendor.batches

class TestOlder(BackendConformance):
    spec = HONEST
    vendor = Older
"""
LAW = "test_a_batch_that_cannot_work_is_refused_before_any_io"


def test_an_emulator_without_batches_is_told_what_to_write(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(WITHOUT)
    result = pytester.runpytest_subprocess("-q", "-p", "no:cacheprovider", "-p", "no:xdist", "-x", "-k", LAW)
    assert result.parseoutcomes().get("failed") == 1
    result.stdout.fnmatch_lines(["*declares batches*Older*Write the method batches*"])


def received(method: str, path: str, body: object = None) -> Received:
    return Received(method, path, {}, json.dumps(body).encode(), 1, 0.0)


@pytest.mark.parametrize("wire", VENDORS)
@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/v1/elsewhere/batch_0/x", None),
        ("POST", "/v1/files", {"no": "form"}),
        ("POST", "/v1/batches", {"endpoint": "/v1/chat/completions"}),
        ("POST", "/v1/messages/batches", {"requests": [{"custom_id": "a", "params": {"stream": True}}]}),
    ],
)
def test_a_desk_refuses_what_its_vendor_would_refuse(wire: str, method: str, path: str, body: object) -> None:
    with pytest.raises(ValueError, match=r"is|has|makes|no"):
        VENDORS[wire]().batches()(received(method, path, body))
