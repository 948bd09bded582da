"""Laws of relaying: a job's bytes go up and come down as they are, at the pace of whoever takes them, and in time."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Coroutine, Sequence
from dataclasses import replace
from typing import Any

import pytest

from backbay import Job, JobResult, LimitExceededError, UnsupportedError
from backbay.capabilities import Capability
from backbay.testing import Pause, Received, Reply, Step

from ..scenarios import PLAIN
from ..schedules import Noted, pieces
from ..subject import Session, Subject
from .asked import assert_untouched
from .base import Laws, ask, run
from .limits import SILENCE, SLACK
from .sinks import Blocking, Sink, failed_job

BODIES: dict[str, Sequence[bytes]] = {
    "invalid UTF-8": [b'data: {"usage": "\xff\xfe\x80"}\n\n', b"\xc3"],
    "CRLF": [b"data: 1\r\n\r\n", b"data: [DONE]\r\n\r\n"],
    "one byte at a time": pieces(b'data: {"a": "\xc3\xa4"}\r\n\n', 1),
    "no line end": [b'data: {"usage": {"prompt_tokens": 1'],
    "no bytes": [],
    "every byte": [bytes(range(256)) * 8],
}
"""Bodies that a relay must not look at."""

_PIECE = b"x" * 2**20
_PIECES = 48
"""Megabytes of a body that fit into no buffer between two sockets."""


PROVES = pytest.mark.proves("execute")
# On each law: a mark of this class would be on every law of a class that has them all.


class _OwnError(Exception):
    """What a sink raises."""


class RelayLaws(Laws):
    """``execute`` carries a caller's own bytes, where it is declared; where not, it is refused before any I/O."""

    @PROVES
    @pytest.mark.wire
    @pytest.mark.parametrize("body", BODIES)
    def test_relayed_bytes_are_those_that_came(self, subject: Subject, body: str) -> None:
        """A relay that decodes what it carries breaks what it does not understand, and what is signed."""
        reply = Reply(headers={"content-type": "text/x-conformance"}, steps=list(BODIES[body]))

        async def law() -> None:
            sink = Sink()
            with subject.session(reply) as session:
                await session.backend.execute(_job(subject), sink)
                await session.backend.aclose()
                sent = _sent(session)
            came, wanted = b"".join(sink.chunks), b"".join(BODIES[body])
            assert came == wanted, f"{body}: the sink got {came!r}, where {wanted!r} came"
            assert sink.started == [200], f"start was called with {sink.started}"
            coding = [request.headers.get("accept-encoding") for request in sent]
            assert coding == ["identity"], (
                f"accept-encoding was {coding}: compressed bytes are none that may be relayed"
            )

        run(_if(subject, law()))

    @PROVES
    @pytest.mark.wire
    @pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
    def test_a_relayed_request_is_the_one_that_was_given(self, subject: Subject, stream: bool) -> None:
        """What the backend itself sends, given as a job, goes to the same place, with the same key, byte for byte."""

        async def law() -> None:
            with subject.session(PLAIN.answer) as session:
                await ask(session.backend, PLAIN, "stream" if stream else "complete")
                own = _sent(session)[-1]
                given = b" \r\n" + own.body.replace(b"{", b"{ ", 1) + b"\n"
                await session.backend.execute(_job(subject, given, stream=stream), Sink())
                await session.backend.execute(_job(subject, _without_model(own), stream=stream), Sink())
                await session.backend.aclose()
                _, relayed, completed = _sent(session)
            assert (relayed.method, relayed.path) == (own.method, own.path), f"{relayed.path} was asked, not {own.path}"
            assert relayed.body == given, f"the body {given!r} was sent as {relayed.body!r}"
            assert json.loads(completed.body) == json.loads(own.body), "a request without its model was sent otherwise"
            names = {name for name in own.headers if "auth" in name or "key" in name or "version" in name}
            signed = subject.spec.authorizer is not None and "authorization" in names
            for name in names - ({"authorization"} if signed else set()):
                assert relayed.headers.get(name) == own.headers[name], f"the header {name} is another one"

        run(_if(subject, law()))

    @PROVES
    @pytest.mark.wire
    def test_a_relay_reads_no_further_than_its_sink(self, subject: Subject) -> None:
        """A reader that is slow must slow the vendor down: what waits in between is memory, and somebody's money."""

        async def law() -> None:
            steps = Noted([_PIECE] * _PIECES)
            with subject.session(Reply(steps=steps)) as session:
                sink = Blocking()
                running = asyncio.create_task(session.backend.execute(_job(subject), sink))
                while not sink.at:
                    assert not running.done(), f"there was no chunk: {running}"
                    await asyncio.sleep(0.01)
                read = await asyncio.to_thread(steps.sent.wait, 0.4)
                calls = len(sink.at)
                sink.free.set()
                await running
                await session.backend.aclose()
            assert not read, f"{_PIECES} MB were read while the sink held its first chunk"
            assert calls == 1, f"{calls} chunks were sent while the sink held its first"
            assert int(sink.chunks[0]) == _PIECES * 2**20, f"{sink.chunks[0]!r} bytes came"

        run(_if(subject, law()))

    @PROVES
    @pytest.mark.wire
    @pytest.mark.parametrize("raised", [_OwnError("full"), LimitExceededError("mine")], ids=["its_own", "one_of_ours"])
    def test_what_a_sink_raises_comes_back_and_closes_the_socket(self, subject: Subject, raised: Exception) -> None:
        """Whoever takes the bytes must know its own failure again; and an answer that nobody takes must not go on."""
        steps: list[Step] = [b"data: x\n\n", Pause(0.02)] * 100

        async def law() -> None:
            with subject.session(Reply(steps=steps), retries=2) as session:
                sink = Sink(raised)
                with pytest.raises(Exception) as caught:
                    await session.backend.execute(_job(subject), sink)
                assert caught.value is raised, f"the sink raised {raised!r}, and execute {caught.value!r}"
                assert session.server is not None
                seen = await asyncio.to_thread(session.server.wait_for, lambda server: bool(server.hangups), 1.0)
                assert seen, "the sink failed, and the socket was still open 1 s later"
                assert len(sink.at) == 1, f"{len(sink.at)} chunks were sent, where the first was refused"
                assert len(_sent(session)) == 1, f"{len(_sent(session))} requests were sent for one job"
                await session.backend.aclose()

        run(_if(subject, law()))

    @PROVES
    @pytest.mark.wire
    @pytest.mark.parametrize("how", ["silent", "stalled", "endless"])
    def test_a_jobs_deadline_is_total(self, subject: Subject, how: str) -> None:
        """A job has a slot somewhere; a vendor that says nothing, stops, or never stops must not keep it."""
        drops: list[Step] = [b"data: x\n\n", Pause(0.03)] * 200
        reply = {
            "silent": Reply(framing="raw", steps=[Pause(SILENCE)]),
            "stalled": Reply(steps=[b"data: x\n\n", Pause(SILENCE)]),
            "endless": Reply(steps=drops),
        }[how]

        async def law() -> None:
            with subject.session(PLAIN.answer) as session:  # What is imported once is no part of a deadline.
                await ask(session.backend, PLAIN, "stream")
                await session.backend.aclose()
            with subject.session(reply) as session:
                sink, started = Sink(), time.monotonic()
                error = await failed_job(session.backend, _job(subject, deadline_ms=300), sink, how)
                took, calls = time.monotonic() - started, len(sink.at)
                assert 0.27 < took < 0.3 + SLACK, f"{how}: a deadline of 0.3 s ended the job after {took:.2f} s"
                assert isinstance(error, LimitExceededError), f"{how}: {type(error).__name__}, where a deadline passed"
                await asyncio.sleep(0.1)
                assert len(sink.at) == calls, f"{how}: {len(sink.at) - calls} chunks were sent after the deadline"
                await session.backend.aclose()

        run(_if(subject, law()))

    @PROVES
    @pytest.mark.wire
    def test_a_job_in_a_wire_that_is_not_declared_is_refused(self, subject: Subject) -> None:
        """A body in another wire is no request here; to send it all the same asks for something that nobody meant."""

        async def law() -> None:
            with subject.session(PLAIN.answer) as session:
                wires = session.backend.wires
                assert subject.spec.wires[0] in wires, f"execute is declared, and wires are {wires}"
                for strange in {"openai", "anthropic", "no_such_wire"} - _named(wires):
                    with pytest.raises(UnsupportedError):
                        await session.backend.execute(Job("job-1", subject.model, b"{}", strange), Sink())
                assert_untouched(session)
                await session.backend.aclose()

        run(_if(subject, law()))

    @PROVES
    @pytest.mark.wire
    @pytest.mark.parametrize("status", [302, 400, 401, 404, 429, 500, 503])
    def test_an_error_reaches_no_sink(self, subject: Subject, status: int) -> None:
        """Once a byte of it is out it looks like an answer; and nobody can go elsewhere any more."""
        error_body = subject.the_vendor.error(status, "no")

        async def law() -> None:
            with subject.session(Reply(status=status, steps=[error_body])) as session:
                sink = Sink()
                error = await failed_job(session.backend, _job(subject), sink, f"status {status}")
                assert error.status == status, f"the status {status} came, and the error says {error.status}"
                assert not sink.started + sink.chunks, f"the sink was given {sink.started} and {sink.chunks!r}"
                await session.backend.aclose()

        run(_if(subject, law()))

    @PROVES
    @pytest.mark.wire
    def test_a_relay_is_sent_again_only_before_its_first_byte(self, subject: Subject) -> None:
        """A second answer behind the beginning of a first is none; a server that was busy is worth another try."""
        busy = Reply(status=503, headers={"retry-after": "0"}, steps=[subject.the_vendor.error(503, "busy")])
        cut, whole = Reply(steps=[b"half"], end="cut"), Reply(steps=[b"whole"])

        async def law() -> None:
            with subject.session([busy, whole], retries=2) as session:
                sink = Sink()
                result = await session.backend.execute(_job(subject), sink)
                count = len(_sent(session))
                assert sink.chunks == [b"whole"], f"the sink got {sink.chunks!r}, where the second answer was whole"
                assert count == result.attempts == 2, f"{count} requests, and attempts is {result.attempts}"
                await session.backend.aclose()
            with subject.session([cut, whole], retries=2) as session:
                sink = Sink()
                await failed_job(session.backend, _job(subject), sink, "a body that is cut")
                assert sink.chunks == [b"half"], f"the sink got {sink.chunks!r}, where half an answer came"
                assert len(_sent(session)) == 1, f"{len(_sent(session))} requests were sent"
                await session.backend.aclose()

        run(_if(subject, law()))

    @PROVES
    @pytest.mark.wire
    @pytest.mark.parametrize("told", [True, False], ids=["told", "not_told"])
    @pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
    def test_counts_seen_beside_a_relay_are_the_vendors(self, subject: Subject, told: bool, stream: bool) -> None:
        """Whoever is billed by them must get the vendor's own figures, or none: never a 0 that nobody said."""
        vendor, usage = subject.the_vendor, (12, 5)
        answer = PLAIN.answer if told else replace(PLAIN.answer, usage=None)
        body = list(vendor.stream(answer)) if stream else [vendor.whole(answer)]
        wanted = [usage if told and {"input", "output"} <= vendor.tells else (None, None), (None, None)]

        async def law() -> JobResult:
            with subject.session(Reply(steps=body)) as session:
                result = await session.backend.execute(_job(subject, stream=stream), Sink())
                await session.backend.aclose()
            found = (result.input_tokens, result.output_tokens)
            # A wire may tell of them in a form that nobody reads beside a relay; the known ones are read.
            known = wanted[:1] if subject.spec.wires[0] in _READ else wanted
            assert found in known, f"the counts {found} were seen, and the vendor's are {wanted[0]}"
            return result

        run(_if(subject, law()))


_READ = ("openai_chat", "openai_responses", "anthropic_messages", "ollama_chat")


def _job(subject: Subject, request: bytes | dict[str, Any] = b"{}", **more: Any) -> Job:
    """Return a job in the subject's own wire."""
    return Job("job-1", subject.model, request, subject.spec.wires[0], **more)


def _without_model(request: Received) -> dict[str, Any]:
    found = json.loads(request.body)
    return {name: value for name, value in found.items() if name != "model"}


def _sent(session: Session) -> Sequence[Received]:
    assert session.server is not None
    return session.server.requests


def _named(wires: Sequence[str]) -> set[str]:
    """Return the formats that mean some wires."""
    return {*wires, *(name for name in ("openai", "anthropic") if Job("j", None, b"", name).wire in wires)}


async def _if(subject: Subject, law: Coroutine[None, None, Any]) -> None:
    """Run the law where jobs are carried; their refusal is what is tested where they are not."""
    if subject.spec.capabilities_of(subject.model).allows(Capability.EXECUTE):
        await law
        return
    law.close()
    with subject.session(PLAIN.answer) as session:
        with pytest.raises(UnsupportedError) as caught:
            await session.backend.execute(_job(subject), Sink())
        assert caught.value.code == str(Capability.EXECUTE), f"the error names {caught.value.code}"
        assert not session.backend.wires, f"execute is not declared, and wires are {session.backend.wires}"
        assert_untouched(session)
        await session.backend.aclose()
