"""Laws of facets: a model list, health and embeddings work where they are declared, and are refused where not."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any

import pytest

from backbay import DecodeError, Job, UnsupportedError
from backbay.backend import Backend
from backbay.capabilities import Capability
from backbay.connecting import build
from backbay.response import Embeddings, Health
from backbay.testing import Pause, Reply

from ..scenarios import PLAIN
from ..subject import KEY, Subject
from .asked import assert_untouched
from .base import Laws, ask, run
from .batches import a_batch, batches_work
from .rawcalls import PROMPT, raw_works

TEXTS = ("first text", "second text", "third text")
VECTORS = ((0.5, -0.25, 1.0), (1.5, 0.0, -2.0), (0.125, 4.0, -0.5))
MODELS = ("conformance-1", "acme/conformance-2:free")
NOT_A_LIST = (b"<!doctype html><title>Login</title>", b"", b"null", b"[1, 2]", b'"models"', b'{"unexpected": true}')

FACETS: dict[Capability, Callable[[Backend], Awaitable[object]]] = {
    Capability.LIST_MODELS: lambda backend: backend.list_models(),
    Capability.HEALTH: lambda backend: backend.health(),
    Capability.EMBEDDINGS: lambda backend: backend.embed(TEXTS),
    Capability.EXECUTE: lambda backend: backend.execute(_job(backend), _Bytes()),
    Capability.COMPLETE_RAW: lambda backend: backend.complete_raw(PROMPT),
    Capability.BATCHES: a_batch,
}
"""The facets that core has, each as a call."""

EACH = pytest.mark.parametrize("facet", FACETS, ids=str)


class FacetLaws(Laws):
    """A facet that is declared works; one that is not is refused before any I/O."""

    needs_answers = False

    @pytest.mark.parametrize("how", ["complete", "stream"])
    def test_text_is_generated_if_that_is_declared_and_is_refused_if_not(self, subject: Subject, how: str) -> None:
        """A vendor may only embed or rank; whoever asks it for text must learn that before anything is sent."""

        async def law() -> None:
            with subject.session(PLAIN.answer) as session:
                if subject.spec.capabilities_of(subject.model).allows(Capability.GENERATE):
                    assert (await ask(session.backend, PLAIN, how)).finish is not None
                    return await session.backend.aclose()
                with pytest.raises(UnsupportedError):
                    await ask(session.backend, PLAIN, how)
                assert_untouched(session)
                return await session.backend.aclose()

        run(law())

    @EACH
    def test_a_facet_works_if_it_is_declared_and_is_refused_if_not(self, subject: Subject, facet: Capability) -> None:
        """A method that is there and does not work is worse than none."""
        if subject.spec.capabilities_of(subject.model).allows(facet):
            return run(_PROOFS[facet](subject))
        return run(refused(subject, facet))

    @EACH
    def test_a_facet_that_the_caller_declares_as_missing_is_refused(self, subject: Subject, facet: Capability) -> None:
        """A compatible server may lack what the vendor has; asking it all the same is I/O for nothing."""
        run(refused(subject, facet, capabilities={str(facet): "unsupported"}))

    @pytest.mark.parametrize("facet", [Capability.EXECUTE, Capability.COMPLETE_RAW], ids=str)
    def test_a_facet_of_a_later_protocol_is_declared_only_with_its_method(
        self, subject: Subject, facet: Capability
    ) -> None:
        """A program asks what is declared, and calls it: an ``AttributeError`` is no refusal."""
        with subject.session(PLAIN.answer) as session:
            there = callable(getattr(session.backend, str(facet), None))
        declared = subject.spec.capabilities_of(subject.model).allows(facet)
        assert there or not declared, f"{facet} is declared, and the backend has no method {facet}()"

    @pytest.mark.proves("list_models")
    @pytest.mark.wire
    def test_what_is_no_model_list_is_a_decode_error(self, subject: Subject) -> None:
        """A login page or half a list must never look like a vendor without models."""
        bodies = (*NOT_A_LIST, subject.the_vendor.models(MODELS)[:-4])

        async def law() -> None:
            for body in bodies:
                with subject.session(_json(body)) as session:
                    try:
                        found = await session.backend.list_models()
                    except DecodeError:
                        continue
                    finally:
                        await session.backend.aclose()
                    pytest.fail(f"the body {body!r} was taken for the model list {found!r}")

        run(_if(subject, Capability.LIST_MODELS, law()))

    @pytest.mark.proves("list_models")
    @pytest.mark.wire
    def test_a_vendor_without_models_has_an_empty_list(self, subject: Subject) -> None:
        """A new account, or a local engine before its first download: no error, and nothing invented."""

        async def law() -> None:
            with subject.session(_json(subject.the_vendor.models(()))) as session:
                assert list(await session.backend.list_models()) == []
                await session.backend.aclose()

        run(_if(subject, Capability.LIST_MODELS, law()))

    @pytest.mark.proves("embeddings")
    @pytest.mark.wire
    def test_too_few_vectors_are_a_decode_error(self, subject: Subject) -> None:
        """Vectors are matched with texts by their place: with one missing, all are wrong."""

        async def law() -> None:
            for body in (subject.the_vendor.embeddings(VECTORS[:2]), *NOT_A_LIST):
                with subject.session(_json(body)) as session:
                    with pytest.raises(DecodeError):
                        await session.backend.embed(TEXTS)
                    await session.backend.aclose()

        run(_if(subject, Capability.EMBEDDINGS, law()))

    @pytest.mark.proves("health")
    @pytest.mark.wire
    @pytest.mark.parametrize("status", [401, 403, 404, 500, 503])
    def test_health_tells_a_server_that_is_there_from_one_that_is_not_well(self, subject: Subject, status: int) -> None:
        """Health is asked for when something is wrong: it says what it finds, and raises nothing."""
        there = status in subject.spec.health_statuses
        error = subject.the_vendor.error(status, "no")

        async def law() -> None:
            with subject.session(_json(error, status)) as session:
                found = await health(session.backend)
                await session.backend.aclose()
            assert found.reachable is there, f"status {status}: reachable is {found.reachable}, expected {there}"
            assert found.status == status, f"status {status} was answered, and health says {found.status}"
            assert there or found.last_error, f"status {status}: not reachable, and no word of why"

        run(_if(subject, Capability.HEALTH, law()))

    @pytest.mark.proves("health")
    @pytest.mark.wire
    def test_health_finds_a_server_that_is_gone_or_silent(self, subject: Subject) -> None:
        """A refused port, a connection that breaks, and one that says nothing: each is an answer, in time."""
        broken = (Reply(framing="raw", end="reset"), Reply(framing="raw", steps=[b"not HTTP\r\n\r\n"], end="close"))
        silent = Reply(framing="raw", steps=[Pause(10)], end="close")

        async def law() -> None:
            for reply in (*broken, silent):
                with subject.session(reply) as session:
                    assert_gone(await health(session.backend, 0.3), str(reply.steps or reply.end))
                    await session.backend.aclose()
            with subject.session(PLAIN.answer) as session:
                assert session.server is not None
                url = session.server.url
            backend = build(subject.spec, subject.model, **{"api_key": KEY, **subject.config, "base_url": url})
            assert_gone(await health(backend), "a refused port")
            await backend.aclose()

        run(_if(subject, Capability.HEALTH, law()))

    @pytest.mark.engine
    def test_health_of_a_model_that_is_not_there_is_an_answer(self, subject: Subject) -> None:
        """The most usual thing to be wrong with an engine: health says it, and raises nothing."""
        config: Any = {**subject.config, **(subject.engine.settings if subject.engine else {})}

        async def law() -> None:
            backend = build(subject.spec, "/conformance/no-such-model", **config)
            found = await health(backend)
            await backend.aclose()
            assert found.reachable or found.last_error, "not reachable, and no word of why"

        run(_if(subject, Capability.HEALTH, law()))


async def _if(subject: Subject, facet: Capability, law: Coroutine[None, None, None]) -> None:
    """Run the law where the facet is declared; its refusal is what is tested where it is not."""
    if subject.spec.capabilities_of(subject.model).allows(facet):
        return await law
    law.close()
    return await refused(subject, facet)


async def refused(subject: Subject, facet: Capability, **config: Any) -> None:
    """Assert that a facet is an ``UnsupportedError`` that names it, and that nothing was sent."""
    with subject.session(PLAIN.answer, **config) as session:
        with pytest.raises(UnsupportedError) as caught:
            await FACETS[facet](session.backend)
        assert caught.value.code == str(facet), f"{facet} is missing, and the error names {caught.value.code}"
        assert_untouched(session)
        await session.backend.aclose()


async def health(backend: Backend, total: float | None = None) -> Health:
    """Return what a probe finds; whatever it raises breaks the law."""
    try:
        return await backend.health(limits={"total": total})
    except Exception as failure:
        pytest.fail(f"health() raised {type(failure).__name__}: {failure}; it must say so in Health.last_error")


def assert_gone(found: Health, why: str) -> None:
    """Assert that health found no server."""
    assert not found.reachable, f"{why}: health says that the server is there"
    assert found.last_error, f"{why}: not reachable, and no word of why"
    assert found.status is None, f"{why}: there was no status, and health says {found.status}"
    assert found.latency_ms is None, f"{why}: nobody answered, and health says in {found.latency_ms} ms"


async def _models_work(subject: Subject) -> None:
    with subject.session(_json(b"" if subject.vendor is None else subject.vendor.models(MODELS))) as session:
        found = await session.backend.list_models()
        await session.backend.aclose()
    ids = [model.id for model in found]
    assert session.server is None or ids == list(MODELS), f"the vendor lists {MODELS}, and the backend {ids}"
    assert ids, "list_models is declared, and the list is empty"
    assert len(set(ids)) == len(ids), f"a model is listed twice: {ids}"
    assert {model.native for model in found} == {subject.spec.native}, "native differs between the spec and its models"


async def _health_works(subject: Subject) -> None:
    with subject.session(_json(b"" if subject.vendor is None else subject.vendor.models(MODELS))) as session:
        found = await health(session.backend)
        await session.backend.aclose()
    assert found.reachable, f"all is well, and health says {found.last_error}"
    assert found.last_error is None, f"reachable, with the error {found.last_error}"
    assert (found.latency_ms or -1) > 0, f"reachable, in {found.latency_ms} ms"


async def _embeddings_work(subject: Subject) -> None:
    body = b"" if subject.vendor is None else subject.vendor.embeddings(VECTORS)
    with subject.session(_json(body)) as session:
        found = await session.backend.embed(TEXTS)
        nothing = await session.backend.embed([])
        asked = None if session.server is None else [request.body for request in session.server.requests]
        one = found if asked is not None else await session.backend.embed(TEXTS[1])
        await session.backend.aclose()
    assert list(nothing.vectors) == [], "no texts were given, and there are vectors"
    assert_vectors(found, len(TEXTS))
    if asked is None:
        assert near(one.vectors[0], found.vectors[1]), "a text has another vector alone than in its place among others"
        return
    assert len(asked) == 1, f"{len(asked)} requests were sent for one call; a call without texts needs none"
    assert all(text.encode() in asked[0] for text in TEXTS), f"a text is missing in the request {asked[0]!r}"
    assert all(map(near, found.vectors, VECTORS)), f"the vectors are {found.vectors}, in order they are {VECTORS}"


async def _jobs_work(subject: Subject) -> None:
    with subject.session(_json(b'{"any": "bytes"}')) as session:
        sink = _Bytes()
        await session.backend.execute(_job(session.backend), sink)
        await session.backend.aclose()
    assert sink.came == b'{"any": "bytes"}', f"the sink got {sink.came!r}"


class _Bytes:
    came = b""

    async def send_chunk(self, data: bytes) -> None:
        self.came += data


def _job(backend: Backend) -> Job:
    return Job("job-1", None, b"{}", backend.wires[0] if backend.wires else "openai")


def assert_vectors(found: Embeddings, count: int) -> None:
    """Assert that there are ``count`` vectors of finite numbers, all of one length."""
    assert len(found.vectors) == count, f"{count} texts gave {len(found.vectors)} vectors"
    sizes = {len(vector) for vector in found.vectors}
    assert len(sizes - {0}) == len(sizes) == 1, f"vectors of one call have {sorted(sizes)} dimensions"
    assert all(math.isfinite(value) for vector in found.vectors for value in vector), "a vector is not finite"


def near(one: Sequence[float], other: Sequence[float]) -> bool:
    """Whether two vectors are equal, but for how numbers are rounded on their way."""
    return len(one) == len(other) and all(math.isclose(*pair, abs_tol=1e-2) for pair in zip(one, other, strict=True))


def _json(body: bytes, status: int = 200) -> Reply:
    return Reply(status=status, headers={"content-type": "application/json"}, steps=[body])


_PROOFS = {
    Capability.LIST_MODELS: _models_work,
    Capability.HEALTH: _health_works,
    Capability.EMBEDDINGS: _embeddings_work,
    Capability.EXECUTE: _jobs_work,
    Capability.COMPLETE_RAW: raw_works,
    Capability.BATCHES: batches_work,
}
