"""Laws of batches: what comes of one is what calls would have brought, and nothing is ever handed over twice."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any

import pytest

from backbay import (
    BackbayError,
    Backend,
    BadRequestError,
    Batch,
    BatchResult,
    InvalidRequestError,
    RateLimitError,
    ResponseError,
    ServerError,
    TruncatedError,
    UnsupportedError,
)
from backbay.batches import may_have_been_made
from backbay.capabilities import Capability
from backbay.testing import Reply, ScriptedServer

from ..batchdesk import BatchDesk
from ..scenarios import PLAIN, SCENARIOS, Scenario
from ..subject import KEY, Session, Subject
from .answers import assert_answer
from .asked import assert_untouched
from .base import Laws, ask, lacks, run

EACH = pytest.mark.parametrize(
    "scenario",
    [SCENARIOS[name] for name in ("plain", "unicode", "length_stop", "thinking", "one_tool", "cached_usage")],
    ids=str,
)
ERRORS: Mapping[int, type[ResponseError]] = {400: BadRequestError, 429: RateLimitError, 500: ServerError}


class BatchLaws(Laws):
    """A batch that is declared works as calls do; one that is not is refused before any I/O."""

    @pytest.mark.proves("batches")
    @pytest.mark.wire
    @EACH
    def test_a_result_of_a_batch_is_what_complete_gives(self, subject: Subject, scenario: Scenario) -> None:
        """Who moves a job into a batch, for half the price, must not have to look for what changed."""

        async def law() -> None:
            with subject.session(scenario.answer) as session:
                if lacks(subject, scenario) is not None:
                    with pytest.raises(UnsupportedError):
                        session.backend.batch_request("a", scenario.messages, **scenario.options)
                    assert_untouched(session)
                    return await session.backend.aclose()
                whole = await ask(session.backend, scenario, "complete")
                await session.backend.aclose()
            with at_desk(subject) as (session, desk):
                desk.answers["a"] = scenario.answer
                asked = session.backend.batch_request("a", scenario.messages, **scenario.options)
                [result] = await worked_through(session.backend, [asked])
                await session.backend.aclose()
            assert result.error is None, f"the vendor answered, and the result is the error {result.error}"
            answer = result.answer()
            assert_answer(answer, scenario.answer, subject)
            assert answer == whole, f"by itself the answer is {whole}, and in a batch {answer}"
            return None

        if_declared(subject, law)

    @pytest.mark.proves("batches")
    @pytest.mark.wire
    def test_each_request_of_a_batch_has_one_result_and_an_error_is_its_own(self, subject: Subject) -> None:
        """Results come in any order, and some twice: only ids tell which is whose, and one that fails fails alone."""

        async def law() -> None:
            with at_desk(subject) as (session, desk):
                desk.repeats = True
                desk.answers |= {f"e-{status}": status for status in ERRORS}
                names = ["a", *desk.answers, "b"]
                asked = [session.backend.batch_request(name, PLAIN.messages) for name in names]
                results = await worked_through(session.backend, asked)
                await session.backend.aclose()
                [made] = desk.made
            assert sorted(made) == sorted(names), f"handed over were {sorted(made)}, asked for {sorted(names)}"
            came = [result.custom_id for result in results]
            assert sorted(came) == sorted(names), f"asked for were {sorted(names)}, and results came of {came}"
            by_id = {result.custom_id: result for result in results}
            assert [by_id[name].answer().text for name in "ab"] == ["pong."] * 2, "an answer is lost beside an error"
            for status, kind in ERRORS.items():
                error = by_id[f"e-{status}"].error
                assert isinstance(error, kind), f"a request failed with {status}, and its result is {error!r}"
                assert error.status == status, f"a request failed with {status}, and its error says {error.status}"

        if_declared(subject, law)

    @pytest.mark.proves("batches")
    @pytest.mark.wire
    def test_a_batch_whose_creation_was_not_answered_is_not_made_twice(self, subject: Subject) -> None:
        """A whole batch that is paid for twice is the dearest of all retries."""

        async def law() -> None:
            with at_desk(subject, retries=3) as (session, desk):
                desk.loses = 1
                asked = [session.backend.batch_request("a", PLAIN.messages)]
                with pytest.raises(BackbayError) as caught:
                    await session.backend.create_batch(asked)
                listed = await session.backend.list_batches()
                await session.backend.aclose()
                made = len(desk.made)
            assert made == 1, f"the answer to the first was lost, and the vendor has made {made} batches"
            assert may_have_been_made(caught.value), "the vendor has the batch, and the error says that it has not"
            assert "list_batches" in str(caught.value), f"the error does not say where to look: {caught.value}"
            assert not caught.value.retryable, "the error invites the caller to make the batch once more"
            assert len(listed) == 1, f"the vendor has one batch, and {len(listed)} are listed"

        if_declared(subject, law)

    @pytest.mark.proves("batches")
    @pytest.mark.wire
    def test_an_address_in_a_batch_is_not_followed_with_the_key(self, subject: Subject) -> None:
        """Whoever can write an answer could have the key sent anywhere."""

        async def law() -> None:
            with ScriptedServer(Reply.json({})) as other, at_desk(subject) as (session, desk):
                desk.elsewhere = other.url.removesuffix("/v1")
                asked = [session.backend.batch_request("a", PLAIN.messages)]
                with contextlib.suppress(BackbayError):  # To refuse such an address is right too.
                    await worked_through(session.backend, asked)
                await session.backend.aclose()
                got = [request for request in other.requests if KEY in f"{request.headers} {request.path}"]
                assert not got, f"the key went to another address: {got[0].method} {got[0].path}"
                assert not other.requests, "a request went to another address"

        if_declared(subject, law)

    @pytest.mark.proves("batches")
    @pytest.mark.wire
    def test_a_completed_batch_without_all_its_results_is_an_error(self, subject: Subject) -> None:
        """A request that nobody speaks of again is lost; those that came must come all the same."""

        async def law() -> None:
            with at_desk(subject) as (session, desk):
                desk.omits = {"b"}
                asked = [session.backend.batch_request(name, PLAIN.messages) for name in "abc"]
                made = await session.backend.create_batch(asked)
                came = []
                with pytest.raises(TruncatedError):
                    async for result in session.backend.batch_results(made.id):
                        came.append(result.custom_id)
                await session.backend.aclose()
            assert sorted(came) == ["a", "c"], f"the vendor had results of a and c, and came have {came}"

        if_declared(subject, law)

    @pytest.mark.proves("batches")
    @pytest.mark.wire
    def test_results_of_a_batch_that_has_not_ended_are_refused(self, subject: Subject) -> None:
        """Half of the results must not look like all of them."""

        async def law() -> None:
            with at_desk(subject) as (session, desk):
                desk.open = True
                made = await session.backend.create_batch([session.backend.batch_request("a", PLAIN.messages)])
                found = await session.backend.get_batch(made.id)
                assert not found.ended, f"the batch is under way, and its status is {found.status}"
                with pytest.raises(ResponseError) as caught:
                    await read(session.backend, made)
                await session.backend.aclose()
            assert caught.value.code == "batch_not_ended", f"the code is {caught.value.code}"
            assert caught.value.retryable, "the results will come, and the error is not retryable"

        if_declared(subject, law)

    @pytest.mark.proves("batches")
    @pytest.mark.wire
    def test_a_batch_that_cannot_work_is_refused_before_any_io(self, subject: Subject) -> None:
        """With two of one id nobody can tell the answers apart, and the vendor says so only after the upload."""

        async def law() -> None:
            with at_desk(subject) as (session, _):
                backend = session.backend
                same = [backend.batch_request("a", PLAIN.messages) for _ in range(2)]
                for given in (same, []):
                    with pytest.raises(InvalidRequestError):
                        await backend.create_batch(given)
                for name, messages in (("", PLAIN.messages), ("a", [])):
                    with pytest.raises(InvalidRequestError):
                        backend.batch_request(name, messages)
                assert_untouched(session)
                await backend.aclose()

        if_declared(subject, law)


@contextlib.contextmanager
def at_desk(subject: Subject, **config: Any) -> Iterator[tuple[Session, BatchDesk]]:
    """Give a session with a vendor that takes batches, and what takes them."""
    desk = subject.the_vendor.batches()
    with subject.session(desk, **config) as session:
        yield session, desk


async def worked_through(backend: Backend, asked: list[Any]) -> list[BatchResult]:
    """Have a batch made, look until it has ended, and return its results."""
    made = await backend.create_batch(asked)
    for _ in range(100):
        made = await backend.get_batch(made.id)
        if made.ended:
            return await read(backend, made)
        await asyncio.sleep(0.01)
    pytest.fail(f"the vendor has ended the batch, and its status is {made.status}")


async def read(backend: Backend, batch: Batch) -> list[BatchResult]:
    """Return all results of a batch."""
    return [result async for result in backend.batch_results(batch)]


async def batches_work(subject: Subject) -> None:
    """Assert that a batch is made, ends, and has a result."""
    with at_desk(subject) as (session, desk):
        [result] = await worked_through(session.backend, [session.backend.batch_request("a", PLAIN.messages)])
        await session.backend.aclose()
        assert len(desk.made) == 1, f"one batch was asked for, and {len(desk.made)} were made"
    assert result.answer().text == "pong.", f"the vendor said 'pong.', and the result is {result}"


async def a_batch(backend: Backend) -> Batch:
    """Have a batch of one request made."""
    return await backend.create_batch([backend.batch_request("a", PLAIN.messages)])


def if_declared(subject: Subject, law: Callable[[], Awaitable[None]]) -> None:
    """Run a law; where batches are not declared, their refusal is what is tested."""

    async def bounded() -> None:
        if subject.spec.capabilities_of(subject.model).allows(Capability.BATCHES):
            return await law()
        with subject.session(PLAIN.answer) as session:
            for call in (a_batch, lambda backend: backend.get_batch("b"), lambda backend: backend.list_batches()):
                with pytest.raises(UnsupportedError) as caught:
                    await call(session.backend)
                assert caught.value.code == "batches", f"the error names {caught.value.code}"
            assert_untouched(session)
            return await session.backend.aclose()

    run(bounded(), 30)
