"""Whatever a vendor sends in place of a batch, a list or a line of results: it is read, or it is a ``DecodeError``."""

import contextlib
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backbay.batches import Batch, BatchStatus
from backbay.errors import DecodeError
from backbay.wires.anthropic_batches import AnthropicBatches
from backbay.wires.openai_batches import OpenAIBatches

WIRES = [OpenAIBatches(), AnthropicBatches("messages")]
NAMES = (
    "id status processing_status request_counts metadata errors data error response custom_id result type message body "
    "status_code code request_id has_more last_id created_at expires_at model output_file_id succeeded total"
).split()
WORDS = st.sampled_from(["completed", "ended", "succeeded", "errored", "expired", "in_progress", "", "x", "2026-01-01"])
SCALARS = st.none() | st.booleans() | st.integers(-2, 2**70) | st.floats(allow_nan=False) | WORDS | st.text(max_size=5)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=6),
    max_leaves=20,
)
BODIES = VALUES.map(lambda value: json.dumps(value).encode()) | st.binary(max_size=40)
EACH = pytest.mark.parametrize("wire", WIRES, ids=lambda wire: type(wire).__name__)


@EACH
@settings(max_examples=150, deadline=None)
@given(body=BODIES)
def test_anything_is_read_or_is_a_decode_error(wire, body):
    with contextlib.suppress(DecodeError):
        found = wire.decode(body)
        assert isinstance(found.status, BatchStatus)
        assert all(request.path.count("..") == 0 for request in wire.results(found))
    with contextlib.suppress(DecodeError):
        listed, page = wire.decode_list(body, None)
        assert all(isinstance(each, Batch) for each in listed)
        assert page is None or isinstance(page, str)
    with contextlib.suppress(DecodeError):
        line = wire.read(body)
        assert line.custom_id
        assert line.status is None or isinstance(line.status, int)


@EACH
@given(name=st.text(min_size=1, max_size=10))
def test_an_id_is_one_part_of_a_path(wire, name):
    before = wire.get("x").path.removesuffix("x")
    after = wire.get(name).path.removeprefix(before)
    assert not set(after) & set("/?#\r\n ")
    assert wire.cancel(name).path == f"{before}{after}/cancel"
