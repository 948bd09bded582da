"""Laws of faults: no invented success. A broken answer raises, with what came; noise around a whole one is nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import pytest

from backbay import Event, ProtocolError, TransportError, UnsupportedError
from backbay.testing import Pause, Reply, Step, sse

from ..scenarios import PLAIN, SCENARIOS, Answer, Scenario
from ..subject import Subject
from ..vendor import Vendor
from .base import Laws, ask, events_of, lacks, run
from .failures import assert_partial, failed_stream, partial_text

BROKEN = (ProtocolError, TransportError)
"""What a broken answer may raise."""

SSE = "text/event-stream"
CUT = pytest.mark.parametrize("scenario", [SCENARIOS[name] for name in ("plain", "unicode", "text_and_tool")], ids=str)
End = Literal["keep", "close", "reset", "cut"]


class FaultLaws(Laws):
    """Networks, proxies and engines break answers; a caller must never take half of one for a whole one."""

    @pytest.mark.wire
    @CUT
    @pytest.mark.parametrize("end", ["keep", "close", "cut", "reset"])
    def test_a_stream_that_is_cut_raises_with_what_came(self, subject: Subject, scenario: Scenario, end: End) -> None:
        """A proxy ends a cut stream as if it were whole; only the vendor's own word says that the answer is."""
        vendor = subject.the_vendor

        async def law() -> None:
            if lacks(subject, scenario) is not None:
                return await _refused(subject, scenario)
            events = list(vendor.stream(scenario.answer))
            texts = []
            for count in range(len(events) - vendor.events_that_finish + 1):
                about = f"cut after {count} of {len(events)} events, end {end!r}"
                steps: list[Step] = [*events[:count], Pause(0.02 if end == "reset" else 0.0)]
                with subject.session(_streamed(vendor, steps, end)) as session:
                    error, given = await failed_stream(session.backend, about, scenario)
                    await session.backend.aclose()
                assert isinstance(error, BROKEN), f"{about}: {type(error).__name__}: {error}"
                assert_partial(error, given, about)
                texts.append(partial_text(error))
            _check_prefixes(texts, scenario.answer, every=end != "reset")
            return None

        run(law())

    @pytest.mark.wire
    def test_half_an_event_is_never_delivered_as_whole(self, subject: Subject) -> None:
        """A connection is cut where it is cut: half of the event that finishes the answer does not finish it."""
        vendor = subject.the_vendor
        events = list(vendor.stream(PLAIN.answer))

        async def law() -> None:
            texts = []
            for count in range(len(events) - vendor.events_that_finish + 1):
                half = events[count][: len(events[count]) // 2]
                about = f"half of event {count + 1} of {len(events)}"
                with subject.session(_streamed(vendor, [*events[:count], half])) as session:
                    error, given = await failed_stream(session.backend, about)
                    await session.backend.aclose()
                assert isinstance(error, BROKEN), f"{about}: {type(error).__name__}: {error}"
                assert_partial(error, given, about)
                texts.append(partial_text(error))
            _check_prefixes(texts, PLAIN.answer, every=True)

        run(law())

    @pytest.mark.wire
    def test_a_garbage_event_raises_with_what_came(self, subject: Subject) -> None:
        """To skip an event that cannot be read would leave a hole in the answer that nobody sees."""
        vendor = subject.the_vendor
        events = list(vendor.stream(PLAIN.answer))
        garbage = sse('{"not json') if vendor.stream_type == SSE else b'{"not json\n'

        async def law() -> None:
            texts = []
            for count in range(len(events) - vendor.events_that_finish + 1):
                about = f"garbage before event {count + 1} of {len(events)}"
                with subject.session(_streamed(vendor, [*events[:count], garbage, *events[count:]])) as session:
                    error, given = await failed_stream(session.backend, about)
                    await session.backend.aclose()
                assert isinstance(error, ProtocolError), f"{about}: {type(error).__name__} is no ProtocolError: {error}"
                assert_partial(error, given, about)
                texts.append(partial_text(error))
            _check_prefixes(texts, PLAIN.answer, every=True)

        run(law())

    @pytest.mark.wire
    def test_events_after_the_end_are_not_delivered(self, subject: Subject) -> None:
        """What follows the end is no part of the answer: a broken gateway's, or the next one's."""
        vendor = subject.the_vendor
        whole = list(vendor.stream(PLAIN.answer))
        more = [*vendor.stream(Answer(text=("and ", "more"))), vendor.error_event("too late")]

        async def law() -> None:
            expected = await _events(subject, whole)
            found = await _events(subject, [*whole, *more])
            assert found == expected, "events that came after the end changed the answer"
            found = await _events(subject, [b"".join([*whole, *more])])
            assert found == expected, "events that came after the end, with its very bytes, changed the answer"

        run(law())

    @pytest.mark.wire
    def test_keep_alive_bytes_anywhere_change_nothing(self, subject: Subject) -> None:
        """Proxies send comments and blank lines while a model thinks; they are no events."""
        vendor = subject.the_vendor
        whole = list(vendor.stream(PLAIN.answer))

        async def law() -> None:
            expected = await _events(subject, whole)
            for filler in keep_alive(vendor):
                steps = [filler, *(part for event in whole for part in (event, filler))]
                assert await _events(subject, steps) == expected, f"{filler!r} between events changed the answer"
            if vendor.stream_type == SSE:
                steps = [event.replace(b"\n", b"\n: still here\n") for event in whole]
                assert await _events(subject, steps) == expected, "comments within events changed the answer"

        run(law())


def keep_alive(vendor: Vendor) -> Sequence[bytes]:
    """Return what a server may send on this wire to keep a connection alive, which says nothing."""
    if vendor.stream_type == SSE:
        return (b": keep-alive\n\n", b":\n", b"\n", b"\r\n\r\n")
    return (b"\n",) if "json" in vendor.stream_type else ()


def _streamed(vendor: Vendor, steps: Sequence[Step], end: End = "keep") -> Reply:
    return Reply(headers={"content-type": vendor.stream_type}, steps=steps, end=end)


async def _events(subject: Subject, steps: Sequence[Step]) -> Sequence[Event]:
    with subject.session(_streamed(subject.the_vendor, steps)) as session:
        events = await events_of(session.backend, PLAIN)
        await session.backend.aclose()
    return events


async def _refused(subject: Subject, scenario: Scenario) -> None:
    with subject.session(scenario.answer) as session:
        with pytest.raises(UnsupportedError):
            await ask(session.backend, scenario, "stream")
        await session.backend.aclose()


def _check_prefixes(texts: Sequence[str], answer: Answer, *, every: bool) -> None:
    """Check that ever more of the answer came, piece by piece; with ``every``, that no piece was held back."""
    prefixes = ["".join(answer.text[:count]) for count in range(len(answer.text) + 1)]
    strange = [text for text in texts if text not in prefixes]
    assert not strange, f"partial texts that are no beginning of the answer: {strange}"
    if every:
        assert texts == sorted(texts, key=len), f"later cuts have less text: {texts}"
        assert sorted(set(texts), key=len) == prefixes, f"pieces that came were held back: {texts}, of {prefixes}"
