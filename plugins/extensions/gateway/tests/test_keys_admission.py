"""Who is let in, how much each may use, and what the refusal says."""

from __future__ import annotations

import asyncio
import math
import sqlite3
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backbay.errors import (
    AuthenticationError,
    ClosedError,
    InvalidRequestError,
    PermissionDeniedError,
    QuotaExceededError,
    RateLimitError,
)
from backbay.response import Usage
from backbay_gateway.keys import KeyLimits, KeyRequest, Keys, Period, tokens
from backbay_gateway.keys.key import Key
from backbay_gateway.keys.leasing import Leasing

NOON = 1_900_000_800.0 - 1_900_000_800.0 % 86400 + 43200  # a noon, and the start of a slot


class Clock:
    def __init__(self):
        self.now = NOON

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def store(tmp_path, clock):
    """Run a coroutine function with an open store."""

    def run(body):
        async def with_keys():
            keys = Keys.open(f"sqlite:///{tmp_path}/keys.sqlite", clock=clock)
            try:
                return await body(keys)
            finally:
                await keys.aclose()

        return asyncio.run(with_keys())

    return run


def rows(tmp_path, query):
    connection = sqlite3.connect(tmp_path / "keys.sqlite")
    try:
        return connection.execute(query).fetchall()
    finally:
        connection.close()


async def text_of(keys, **limits):
    return (await keys.create(KeyRequest(limits=KeyLimits(**limits)))).text


async def ask(keys, text, tokens=10, model="acme:a", **more):
    return await keys.admit(text, model=model, estimated_tokens=tokens, **more)


def test_a_new_key_has_the_form_that_is_promised_and_only_its_digest_is_stored(store, tmp_path):
    async def body(keys):
        return await keys.create(KeyRequest(label="one"))

    new = store(body)
    prefix, key_id, secret = new.text.split("_", 2)
    assert (prefix, key_id, len(secret)) == ("bb", new.key.id, 43)
    assert set(secret) <= set(string.ascii_letters + string.digits + "-_")
    stored = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert new.key.id.encode() in stored
    assert secret.encode() not in stored
    assert secret not in repr(new)
    assert repr(new.key.digest) not in repr(new)


def test_the_first_key_is_made_once(store):
    async def body(keys):
        first = await keys.first_key()
        return first, await keys.first_key(), await ask(keys, first.text)

    first, second, grant = store(body)
    assert first.key.id == grant.key_id
    assert second is None


BAD_KEYS = [
    None,
    "",
    "bb_zzz",
    "sk-1234",
    "bb_abcdefghijkl_" + "x" * 43,
    "bb_' OR 1=1 --_" + "x" * 43,
    "bb_abcdefghijkl_'; DROP TABLE gateway_keys; --",
    "bb_" + "a" * 1_000_000,
    "\udc80\udcff",
    "bb_абвгдежзийкл_" + "я" * 43,
    "bb_abcdefghijkl_" + "\u0661" * 43,
    "bb_abcdefghijkl_" + "x" * 43 + "\n",
    "\x00",
]


@pytest.mark.parametrize("presented", BAD_KEYS, ids=range(len(BAD_KEYS)))
def test_what_is_no_key_is_refused_and_never_repeated(store, presented):
    async def body(keys):
        await keys.first_key()
        with pytest.raises(AuthenticationError) as caught:
            await ask(keys, presented)
        assert keys.in_flight == 0
        return caught.value

    error = store(body)
    assert error.status == 401
    assert error.backend is None
    if presented:
        assert presented not in str(error)
        assert len(str(error)) < 300


@given(st.text(max_size=200))
def test_no_text_but_a_key_has_the_parts_of_a_key(text):
    parts = tokens.split(text)
    assert parts is None or f"bb_{parts[0]}_{parts[1]}" == text


def test_a_right_id_with_another_secret_says_what_an_unknown_id_says(store):
    async def body(keys):
        text = await text_of(keys)
        said = []
        for wrong in (text[:-1] + ("A" if text[-1] != "A" else "B"), "bb_aaaaaaaaaaaa_" + text[-43:]):
            with pytest.raises(AuthenticationError) as caught:
                await ask(keys, wrong)
            assert text[-42:-1] not in str(caught.value)
            said.append((str(caught.value), caught.value.code))
        return said

    assert len(set(store(body))) == 1


def test_an_expired_key_is_refused_from_that_second_on(store, clock):
    async def body(keys):
        new = await keys.create(KeyRequest(expires=NOON + 10))
        await (await ask(keys, new.text)).release()
        clock.now += 10
        with pytest.raises(AuthenticationError, match="has expired") as caught:
            await ask(keys, new.text)
        return caught.value.code

    assert store(body) == "key_expired"


def test_a_revocation_by_another_process_counts_for_the_next_request(store, tmp_path, clock):
    """security.md 5.5: revocation is checked for each request."""

    async def body(keys):
        from backbay_gateway.keys import registry
        from backbay_gateway.keys.database import Database

        new = await keys.create(KeyRequest())
        await (await ask(keys, new.text)).release()
        other = Database(f"sqlite:///{tmp_path}/keys.sqlite")
        with other.transaction() as connection:
            registry.revoke(connection, new.key.id, NOON)
        other.close()
        with pytest.raises(AuthenticationError, match="was revoked"):
            await ask(keys, new.text)

    store(body)


@pytest.mark.parametrize(
    ("models", "providers", "asked", "allowed"),
    [
        (None, None, "acme:a", True),
        (("acme:*",), None, "acme:a", True),
        (("acme:*",), None, "other:a", False),
        (("acme:a?",), None, "acme:a", False),
        (("acme:[x]",), None, "acme:x", False),
        (("acme:[x]",), None, "acme:[x]", True),
        (("*" * 50 + "b",), None, "acme:" + "a" * 500, False),
        ((), None, "acme:a", False),
        (None, ("acme",), "acme:a", True),
        (None, ("acme",), "acmex:a", False),
        (None, (), "acme:a", False),
        (("acme:*",), ("other",), "acme:a", False),
    ],
)
def test_a_key_may_use_its_models_of_its_providers(models, providers, asked, allowed):
    key = Key(id="a" * 12, label="", created=0.0, models=models, providers=providers)
    assert key.may(asked) is allowed


def test_a_model_out_of_scope_is_refused_before_anything_is_reserved(store):
    async def body(keys):
        new = await keys.create(KeyRequest(models=("acme:a",), limits=KeyLimits(requests=1)))
        with pytest.raises(PermissionDeniedError) as caught:
            await ask(keys, new.text, model="acme:b")
        await (await ask(keys, new.text, model="acme:a")).release()
        return caught.value

    error = store(body)
    assert (error.status, error.code, error.model) == (403, "model_not_allowed", "acme:b")


def test_an_alias_gives_leave_for_the_models_behind_it_but_never_for_another_provider(store):
    async def body(keys):
        named = await keys.create(KeyRequest(models=("fast",), providers=("acme",)))
        other = await keys.create(KeyRequest(models=("acme:a",)))
        first, second = await ask(keys, named.text, model="fast"), await ask(keys, other.text, model="fast")
        return first.may("acme:a"), first.may("other:a"), second.may("acme:a"), second.may("acme:b")

    assert store(body) == (True, False, True, False)


def test_requests_of_a_minute_are_limited_in_any_sixty_seconds(store, clock):
    """162: 429 and the seconds until it works."""

    async def body(keys):
        text = await text_of(keys, requests=3)
        for _ in range(3):
            await (await ask(keys, text)).settle(Usage(input=1, output=1))
            clock.now += 1
        with pytest.raises(RateLimitError) as caught:
            await ask(keys, text)
        error = caught.value
        assert (error.status, error.code, error.retryable) == (429, "rate_limit_requests", True)
        assert 50 < error.retry_after <= 65
        clock.now += error.retry_after - 6
        with pytest.raises(RateLimitError):
            await ask(keys, text)
        clock.now += 6
        await (await ask(keys, text)).release()

    store(body)


def test_tokens_of_a_minute_are_reserved_and_given_back_when_less_was_used(store):
    async def body(keys):
        text = await text_of(keys, tokens=100)
        first = await ask(keys, text, 60)
        with pytest.raises(RateLimitError):
            await ask(keys, text, 60)
        await first.settle(Usage(input=10, output=10))
        await (await ask(keys, text, 80)).release()
        with pytest.raises(RateLimitError) as caught:
            await ask(keys, text, 101)
        return caught.value

    error = store(body)
    assert (error.code, error.retryable, error.retry_after) == ("request_too_large", False, None)
    assert "max_tokens" in str(error)


def test_open_requests_are_limited(store):
    async def body(keys):
        text = await text_of(keys, concurrent=2)
        first, _ = await ask(keys, text), await ask(keys, text)
        with pytest.raises(RateLimitError) as caught:
            await ask(keys, text)
        assert (caught.value.code, caught.value.retry_after) == ("too_many_concurrent", 1.0)
        await first.release()
        await first.release()
        await ask(keys, text)
        with pytest.raises(RateLimitError):
            await ask(keys, text)

    store(body)


def test_a_budget_in_tokens_is_hard_and_the_day_brings_another(store, clock):
    async def body(keys):
        text = await text_of(keys, budget_tokens=100, period=Period.DAY)
        first = await ask(keys, text, 100)
        with pytest.raises(RateLimitError) as caught:
            await ask(keys, text, 1)
        assert not isinstance(caught.value, QuotaExceededError)
        assert caught.value.code == "budget_reserved"
        await first.settle(Usage(input=50, output=40))
        clock.now += 1
        with pytest.raises(QuotaExceededError) as caught:
            await ask(keys, text, 11)
        error = caught.value
        assert error.retry_after == pytest.approx(43200, abs=2)
        assert "10 tokens left" in str(error)
        assert "100 tokens a day" in str(error)
        await (await ask(keys, text, 10)).settle(None)
        clock.now += error.retry_after
        await (await ask(keys, text, 100)).release()

    store(body)


def test_a_budget_for_good_is_not_worth_waiting_for(store):
    async def body(keys):
        text = await text_of(keys, budget_tokens=5)
        with pytest.raises(QuotaExceededError) as caught:
            await ask(keys, text, 6)
        return caught.value

    error = store(body)
    assert (error.status, error.retryable, error.retry_after) == (429, False, None)


def test_a_budget_in_money_counts_billionths_and_needs_a_price(store, tmp_path):
    async def body(keys):
        text = await text_of(keys, budget_cost=0.3)
        with pytest.raises(PermissionDeniedError, match="price"):
            await ask(keys, text)
        for _ in range(3):
            await (await ask(keys, text, estimated_cost=0.1)).settle(Usage(input=1, output=1), 0.1)
        with pytest.raises(QuotaExceededError, match=r"0\.3 of money in all has 0 of money left"):
            await ask(keys, text, estimated_cost=1e-9)

    store(body)
    assert rows(tmp_path, "SELECT sum(cost), sum(charged_cost) FROM gateway_ledger") == [(300_000_000, 300_000_000)]


@pytest.mark.parametrize(
    ("usage", "charged"),
    [
        (None, 50),
        (Usage(), 50),
        (Usage(input=5), 50),
        (Usage(input=70), 70),
        (Usage(input=5, output=6), 11),
        (Usage(input=60, output=6), 66),
        (Usage(input=0, output=0), 0),
        (Usage(input=-5, output=6), 50),
    ],
)
def test_what_is_not_known_counts_as_reserved(store, tmp_path, usage, charged):
    async def body(keys):
        text = await text_of(keys, budget_tokens=1000)
        await (await ask(keys, text, 50)).settle(usage, served_by="acme:a")

    store(body)
    assert rows(tmp_path, "SELECT charged_tokens, served_by, status FROM gateway_ledger") == [(charged, "acme:a", "ok")]
    assert rows(tmp_path, "SELECT sum(amount) FROM gateway_used WHERE meter LIKE 'budget%'") == [(charged or None,)]


def test_usage_beyond_the_reservation_is_counted_and_nothing_follows(store):
    async def body(keys):
        text = await text_of(keys, budget_tokens=100)
        await (await ask(keys, text, 40)).settle(Usage(input=100, output=30))
        with pytest.raises(QuotaExceededError, match="has 0 tokens left"):
            await keys.sync()
            await ask(keys, text, 1)

    store(body)


def test_a_grant_is_settled_once_whatever_comes_after(store, tmp_path):
    async def body(keys):
        text = await text_of(keys, budget_tokens=100)
        grant = await ask(keys, text, 10)
        with pytest.raises(InvalidRequestError):
            await grant.settle(None, math.nan)
        await grant.settle(Usage(input=1, output=1), status="first")
        await grant.settle(Usage(input=50, output=50), status="second")
        await grant.release()
        assert not grant.is_open

    store(body)
    assert rows(tmp_path, "SELECT status, charged_tokens FROM gateway_ledger") == [("first", 2)]


def test_a_release_gives_back_all_but_the_request(store, tmp_path):
    async def body(keys):
        text = await text_of(keys, budget_tokens=10, requests=2)
        for _ in range(2):
            await (await ask(keys, text, 10)).release()
        with pytest.raises(RateLimitError) as caught:
            await ask(keys, text, 10)
        assert caught.value.code == "rate_limit_requests"

    store(body)
    assert rows(tmp_path, "SELECT count(*) FROM gateway_ledger") == [(0,)]


def test_what_is_open_at_the_end_counts_as_reserved(store, tmp_path):
    async def body(keys):
        await ask(keys, await text_of(keys, budget_tokens=100), 30)

    store(body)
    assert rows(tmp_path, "SELECT status, charged_tokens FROM gateway_ledger") == [("unsettled", 30)]
    assert rows(tmp_path, "SELECT count(*) FROM gateway_leases") == [(0,)]


def test_the_ledger_is_the_sum_of_what_the_backends_reported(store, tmp_path):
    """G13: the ledger equals the sum of upstream usage exactly."""

    async def body(keys):
        texts = [await text_of(keys, budget_tokens=10**9, requests=10**6), await text_of(keys)]

        async def one(number):
            grant = await ask(keys, texts[number % 2], 500)
            await asyncio.sleep(0)
            await grant.settle(Usage(input=number, output=2 * number))
            if number % 50 == 0:
                await keys.sync()

        await asyncio.gather(*(one(number) for number in range(500)))

    store(body)
    total = sum(range(500))
    assert rows(tmp_path, "SELECT count(*), sum(input_tokens), sum(output_tokens) FROM gateway_ledger") == [
        (500, total, 2 * total)
    ]


def test_a_client_that_leaves_while_the_store_is_asked_costs_nothing(store):
    async def body(keys):
        text = await text_of(keys, budget_tokens=100, concurrent=1)
        waiting = asyncio.create_task(ask(keys, text, 100))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        await (await ask(keys, text, 100)).release()

    store(body)


def test_changed_limits_hold_for_the_next_request(store, tmp_path):
    async def body(keys):
        from backbay_gateway.keys import registry
        from backbay_gateway.keys.database import Database

        new = await keys.create(KeyRequest())
        await (await ask(keys, new.text)).settle(Usage(input=30, output=30))
        await keys.sync()
        other = Database(f"sqlite:///{tmp_path}/keys.sqlite")
        with other.transaction() as connection:
            registry.set_limits(connection, new.key.id, KeyLimits(budget_tokens=100), NOON)
        other.close()
        # What the ledger has of the period counts for a budget that is new.
        with pytest.raises(QuotaExceededError, match="40 tokens left"):
            await ask(keys, new.text, 41)
        await (await ask(keys, new.text, 40)).release()

    store(body)


def test_zero_allows_nothing(store):
    async def body(keys):
        for name in ("requests", "tokens", "concurrent", "budget_tokens"):
            with pytest.raises(RateLimitError) as caught:
                await ask(keys, await text_of(keys, **{name: 0}), 1)
            assert caught.value.retryable is False

    store(body)


@pytest.mark.parametrize("estimate", [-1, 1.5, True, 2**80])
def test_an_estimate_that_cannot_be_is_refused(store, estimate):
    async def body(keys):
        with pytest.raises(InvalidRequestError):
            await ask(keys, await text_of(keys), estimate)

    store(body)


@pytest.mark.parametrize(
    "wrong",
    [{"requests": -1}, {"tokens": 1.5}, {"budget_cost": math.inf}, {"budget_cost": -1.0}, {"concurrent": 2**63}],
)
def test_a_limit_that_cannot_be_is_refused(wrong):
    with pytest.raises(InvalidRequestError):
        KeyLimits(**wrong)


@pytest.mark.parametrize(
    "wrong", [{"label": "a\nb"}, {"label": "x" * 101}, {"models": [""]}, {"providers": ["acme:*"]}, {"models": ["a b"]}]
)
def test_a_key_that_cannot_be_is_refused(wrong):
    with pytest.raises(InvalidRequestError):
        KeyRequest(**wrong)


def test_a_closed_store_says_so(tmp_path):
    async def body():
        keys = Keys.open(f"sqlite:///{tmp_path}/keys.sqlite")
        await keys.aclose()
        await keys.aclose()
        with pytest.raises(ClosedError):
            await ask(keys, "bb_x")

    asyncio.run(body())


def test_a_flood_that_is_refused_does_not_ask_the_store_each_time(store, monkeypatch):
    asked = []
    grow = Leasing.grow
    monkeypatch.setattr(Leasing, "grow", lambda self, *given: asked.append(given) or grow(self, *given))

    async def body(keys):
        text = await text_of(keys, concurrent=1)
        await ask(keys, text)
        for _ in range(50):
            with pytest.raises(RateLimitError):
                await ask(keys, text)

    store(body)
    assert len(asked) == 2
