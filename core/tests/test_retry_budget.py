"""The retry budget: an outage is not multiplied, and whoever reads the error learns why there was no retry (G11)."""

import asyncio
import pickle

import pytest

import backbay
import backbay.retry
from backbay.errors import OverloadedError
from backbay.retry import SPENT, RetryBudget, RetryPolicy
from backbay.settings import Settings
from backbay.testing import Reply, ScriptedServer, connect_fake
from backbay.testing.fake import FakeBackend


@pytest.fixture
def clock(monkeypatch):
    now = [1000.0]
    monkeypatch.setattr(backbay.retry, "_now", lambda: now[0])
    return now


def policy(**fields):
    return RetryPolicy(first_pause=0.0, **fields)


def busy():
    return OverloadedError("busy", retryable=True)


class Vendor(FakeBackend):
    """Raises a new error for each request while it is down."""

    down = True

    async def _stream(self, request):
        async for event in super()._stream(request):
            if self.down:
                raise busy()
            yield event


async def outage(backend, calls, how="complete"):
    """Make calls that all fail; return their errors."""

    async def one():
        return await (backend.complete("Hi.") if how == "complete" else backend.stream("Hi.").collect())

    return await asyncio.gather(*(one() for _ in range(calls)), return_exceptions=True)


@pytest.mark.parametrize("how", ["complete", "stream"])
def test_a_full_outage_of_1000_calls_after_warm_up_is_amplified_by_a_tenth_at_most(clock, how):
    """G11, row 135."""
    backend = Vendor(settings=Settings(retry=policy(retries=2)))
    backend.down = False

    async def main():
        for _ in range(100):
            await backend.complete("Hi.")
        backend.down, warm = True, len(backend.requests)
        errors = await outage(backend, 1000, how)
        sent = len(backend.requests) - warm
        assert all(type(error) is OverloadedError for error in errors)
        assert sent <= 1100
        assert sum(error.attempts for error in errors) == sent

    asyncio.run(main())


def test_the_default_of_connect_holds_on_the_wire_and_every_error_counts_its_attempts(clock):
    with ScriptedServer(Reply.json({"error": "down"}, status=503, headers={"retry-after": "0.001"})) as server:
        backend = backbay.connect("openai:m", api_key="test-key", base_url=server.url)

        async def main():
            async with backend:
                return await outage(backend, 120)

        errors = asyncio.run(main())
        assert len(server.requests) == 120 + 50
        assert sum(error.attempts for error in errors) == len(server.requests)
        assert sum(SPENT in str(error) for error in errors) >= 70


def test_one_call_gets_all_the_retries_of_its_policy(clock):
    backend = connect_fake(busy(), settings=Settings(retry=policy(retries=5)))
    [error] = asyncio.run(outage(backend, 1))
    assert error.attempts == len(backend.requests) == 6
    assert error.hint is None


def test_the_error_says_that_the_budget_is_spent_after_its_own_hint(clock):
    failure = OverloadedError("busy", retryable=True, hint="Ask later.")
    backend = connect_fake(failure, settings=Settings(retry=policy(budget=RetryBudget(0))))
    [error] = asyncio.run(outage(backend, 1))
    assert (error.attempts, error.hint) == (1, f"Ask later. {SPENT}")
    assert pickle.loads(pickle.dumps(error)).hint == error.hint


def test_what_would_not_have_been_retried_says_nothing_of_a_budget(clock):
    for retry in (policy(retries=0, budget=RetryBudget(0)), policy(budget=RetryBudget(0))):
        failure = OverloadedError("busy", retryable=retry.retries == 0)
        [error] = asyncio.run(outage(connect_fake(failure, settings=Settings(retry=retry)), 1))
        assert error.hint is None


def test_views_of_one_backend_share_its_budget_and_other_backends_have_their_own(clock):
    first, second = (Vendor(settings=Settings(retry=policy(retries=1))) for _ in range(2))
    view = first.with_options(temperature=0.5)
    asyncio.run(outage(view, 60))
    assert first.settings.retry.budget.left < 1
    [error] = asyncio.run(outage(first, 1))
    assert error.attempts == 1
    [error] = asyncio.run(outage(second, 1))
    assert error.attempts == 2


def test_backends_that_are_given_one_policy_share_its_budget(clock):
    shared = policy(retries=1, budget=RetryBudget(1))
    first, second = (Vendor(settings=Settings(retry=shared)) for _ in range(2))
    [one] = asyncio.run(outage(first, 1))
    [other] = asyncio.run(outage(second, 1))
    assert (one.attempts, other.attempts) == (2, 1)


def test_no_budget_means_that_every_call_is_retried(clock):
    backend = connect_fake(busy(), settings=Settings(retry=policy(retries=2, budget=None)))
    asyncio.run(outage(backend, 200))
    assert len(backend.requests) == 600


def test_successes_and_time_fill_the_bucket_up_to_its_capacity(clock):
    budget = RetryBudget(2, per_success=0.5, per_second=0.25)
    assert [budget.take() for _ in range(3)] == [True, True, False]
    budget.succeeded()
    assert not budget.take()
    budget.succeeded()
    assert budget.take()
    clock[0] += 4
    assert budget.left == 1.0
    clock[0] += 1e6
    assert budget.left == 2.0
    for _ in range(10):
        budget.succeeded()
    assert budget.left == 2.0


def test_a_call_that_succeeds_puts_something_back(clock):
    budget = RetryBudget(1, per_second=0)
    backend = connect_fake(busy(), "Hello.", settings=Settings(retry=policy(budget=budget)))
    answer = asyncio.run(backend.complete("Hi."))
    assert (answer.attempts, budget.left) == (2, 0.1)


@pytest.mark.parametrize("wrong", [-1, float("nan"), float("inf"), True, "many", None])
def test_a_budget_of_no_sensible_size_is_refused(wrong):
    with pytest.raises(ValueError, match="capacity is"):
        RetryBudget(wrong)


def test_a_policy_says_how_long_a_pause_a_vendor_may_ask_for():
    error = OverloadedError("busy", retryable=True, retry_after=30.0)
    assert RetryPolicy().pause(error, 1, None) == 30.0
    assert RetryPolicy(longest_retry_after=2.0).pause(error, 1, None) is None


def test_policies_are_compared_by_what_they_say_and_not_by_what_was_spent():
    assert RetryPolicy() == RetryPolicy()
    assert repr(RetryBudget(3)) == "<RetryBudget 3.0 of 3>"
