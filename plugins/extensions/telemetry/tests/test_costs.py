"""What a call cost: by genai-prices, with its version, and None where nobody knows."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import genai_prices
import pytest

import backbay
import backbay_telemetry.cost
from backbay import Embeddings, Ended, Finish, Response, Started, Usage, UsageSeen
from backbay.testing import connect_fake
from backbay.testing.fake import FAKE_SPEC, FakeBackend
from backbay_telemetry import Cost, cost_of, price

USAGE = Usage(input=1_000_000, output=100_000, cached=0)


@pytest.fixture
def openai():
    backend = backbay.connect("openai:gpt-4o", api_key="sk-test-0123456789abcdef")
    yield backend
    asyncio.run(backend.aclose())


def test_a_cost_is_a_decimal_with_its_source_and_version(openai):
    found = cost_of(openai, Response(model="gpt-4o-2024-08-06", usage=USAGE))
    assert found == Cost(Decimal("3.5"), "USD", "genai-prices", genai_prices.__version__)


def test_cached_tokens_cost_what_cached_tokens_cost():
    plain = price("openai", "gpt-4o", Usage(input=1000, output=0))
    cached = price("openai", "gpt-4o", Usage(input=1000, output=0, cached=1000))
    assert (plain.amount, cached.amount) == (Decimal("0.0025"), Decimal("0.00125"))


def test_the_model_that_was_asked_for_has_the_price_where_the_one_that_answered_has_none(openai):
    found = cost_of(openai, Response(model="a-name-that-nobody-knows", usage=USAGE))
    assert found is not None
    assert found.amount == Decimal("3.5")


@pytest.mark.parametrize(
    ("vendor", "model", "usage"),
    [
        ("openai", "a-name-that-nobody-knows", USAGE),
        ("a-vendor-that-nobody-knows", "gpt-4o", USAGE),
        ("openai", "gpt-4o", Usage()),
        ("openai", "gpt-4o", Usage(input=10)),
        ("openai", "gpt-4o", Usage(output=10)),
        ("openai", "gpt-4o", Usage(input=10, output=1, cached=11)),
        ("openai", "text-embedding-3-small", Usage(input=10, output=5)),
    ],
)
def test_what_is_not_known_is_none_and_never_zero(vendor, model, usage):
    assert price(vendor, model, usage) is None


def test_embeddings_need_no_output_tokens(openai):
    found = cost_of(openai, Embeddings(vectors=[[0.0]], model="text-embedding-3-small", usage=Usage(input=1_000_000)))
    assert found is not None
    assert found.amount == Decimal("0.02")


def test_a_backend_elsewhere_a_local_engine_and_a_whole_have_no_list_price(openai):
    answer = Response(model="gpt-4o", usage=USAGE)
    elsewhere = backbay.connect(
        "openai:gpt-4o", api_key="sk-test-0123456789abcdef", base_url="https://proxy.example/v1"
    )
    whole = backbay.fallback(openai)
    for backend in (elsewhere, whole, backbay.connect("local:tiny"), connect_fake("a")):
        assert cost_of(backend, answer) is None
        asyncio.run(backend.aclose())
    assert cost_of(openai, replace(answer, usage=None)) is None


def test_prices_are_those_of_the_time_of_the_call():
    then, now = (price("openai", "o3", USAGE, at=datetime(2025, 6, day, tzinfo=UTC)) for day in (1, 20))
    assert (then.amount, now.amount) == (Decimal(14), Decimal("2.8"))


@pytest.mark.parametrize(
    "vendor",
    (
        "anthropic azure bedrock cerebras cohere copilot deepseek fireworks google groq "
        "mistral moonshot openai openrouter perplexity together voyage xai zai"
    ).split(),
)
def test_the_vendors_that_genai_prices_knows_are_found_by_backbays_names(vendor):
    known = {provider.id for provider in genai_prices.data_snapshot.get_snapshot().providers}
    assert backbay_telemetry.cost._VENDORS.get(vendor, vendor) in known


def test_without_genai_prices_every_cost_is_none(openai, monkeypatch):
    monkeypatch.setitem(sys.modules, "genai_prices", None)
    backbay_telemetry.cost._library.cache_clear()
    try:
        assert price("openai", "gpt-4o", USAGE) is None
        assert cost_of(openai, Response(model="gpt-4o", usage=USAGE)) is None
    finally:
        backbay_telemetry.cost._library.cache_clear()


def test_a_span_says_what_the_call_cost_and_whose_word_that_is(seen):
    vendor = FakeBackend(replace(FAKE_SPEC, name="openai"), "gpt-4o")
    vendor.answers = [[Started("gpt-4o-2024-08-06"), UsageSeen(USAGE), Ended(Finish.STOP)]]
    asyncio.run(vendor.complete("hi"))
    said = seen.span().attributes
    assert (said["backbay.cost.amount"], said["backbay.cost.currency"]) == (3.5, "USD")
    assert (said["backbay.cost.source"], said["backbay.cost.version"]) == ("genai-prices", genai_prices.__version__)


def test_configure_leaves_the_cost_out(seen):
    backbay_telemetry.configure(tracer_provider=seen.tracers, cost=False)
    asyncio.run(FakeBackend(replace(FAKE_SPEC, name="openai"), "gpt-4o").complete("hi"))
    assert "backbay.cost.amount" not in seen.span().attributes
