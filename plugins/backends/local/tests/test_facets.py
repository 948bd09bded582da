from __future__ import annotations

import asyncio
import math

import pytest

import backbay
from backbay import Capability, Support
from backbay_local import spec
from backbay_local.plans import TINY_PATH


def with_backend(use, reference="local:tiny", **config):
    async def main():
        async with backbay.connect(reference, **config) as backend:
            return await use(backend)

    return asyncio.run(main())


def test_each_input_gets_a_vector_of_length_1_in_order():
    texts = ["hello", "What is the capital of France?", "hello", "東京"]
    found = with_backend(lambda backend: backend.embed(texts))
    assert [len(vector) for vector in found.vectors] == [192] * 4
    assert all(math.isclose(math.hypot(*vector), 1, abs_tol=1e-4) for vector in found.vectors)
    assert found.vectors[0] == pytest.approx(found.vectors[2], abs=1e-4)
    assert found.vectors[0] != pytest.approx(found.vectors[1], abs=1e-2)
    assert (found.model, found.usage.output) == ("tiny", None)
    assert found.usage.input > 4


def test_more_inputs_than_one_piece_of_work_keep_their_order():
    texts = [f"number {index % 7}" for index in range(70)]
    found = with_backend(lambda backend: backend.embed(texts))
    assert len(found.vectors) == 70
    for index in range(7, 70):
        assert found.vectors[index] == pytest.approx(found.vectors[index % 7], abs=1e-3)


def test_one_text_is_one_input_and_none_is_none(loads):
    async def use(backend):
        return await backend.embed("hello"), await backend.embed([])

    one, none = with_backend(use)
    assert (len(one.vectors), len(none.vectors)) == (1, 0)
    # The engine for answers was not needed.
    assert loads == [True]


def test_an_input_that_fills_the_context_fits_and_one_that_passes_it_is_told_apart():
    async def use(backend):
        assert len((await backend.embed("word " * 500)).vectors) == 1
        for words in (600, 9000):
            with pytest.raises(backbay.ContextLengthError, match="512"):
                await backend.embed(["short", "word " * words])

    with_backend(use, context=512)


def test_an_input_without_text_is_a_typed_error():
    with pytest.raises(backbay.BadRequestError):
        with_backend(lambda backend: backend.embed(["a", ""]))
    with pytest.raises(backbay.InvalidRequestError):
        with_backend(lambda backend: backend.embed(["a\ud800"]))


def test_fields_that_backbay_writes_are_refused():
    with pytest.raises(backbay.OptionConflictError):
        with_backend(lambda backend: backend.embed("a", extra={"input": "b"}))


def test_the_model_list_has_the_tiny_one_and_the_one_that_was_connected_to(loads):
    [tiny] = with_backend(lambda backend: backend.list_models())
    assert (tiny.id, tiny.context_window, tiny.native) == ("tiny", 2048, True)
    both = with_backend(lambda backend: backend.list_models(), f"local:{TINY_PATH}", context=512)
    assert [(model.id, model.context_window) for model in both] == [("tiny", 512), (str(TINY_PATH), 512)]
    assert [model.id for model in with_backend(lambda backend: backend.list_models(), "local")] == ["tiny"]
    assert loads == []


def test_health_loads_the_model_once_and_says_how_long_it_took(loads):
    """M12."""

    async def use(backend):
        return await backend.health(), await backend.health(), await backend.complete("Say pong")

    first, second, _ = with_backend(use)
    assert first
    assert 0 < second.latency_ms < 1000
    assert first.latency_ms > 0
    assert loads == [False]


def test_health_says_what_is_wrong_and_never_raises():
    """M12."""
    found = with_backend(lambda backend: backend.health(), "local:/no/such/file.gguf")
    assert not found
    assert found.latency_ms is None
    assert "/no/such/file.gguf" in found.last_error


def test_what_is_not_there_is_declared_so():
    for capability in (Capability.EXECUTE, Capability.RERANK, Capability.FILE_INPUT):
        assert spec.capabilities[capability] is Support.UNSUPPORTED
    assert spec.capabilities_of("tiny")[Capability.IMAGE_INPUT] is Support.UNSUPPORTED
    assert set(spec.capabilities.listed) == set(Capability)


@pytest.mark.parametrize("more", ["nothing", "system", "tools"])
def test_a_prompt_counts_what_it_is_billed_for(more, tools):
    options = {"nothing": {}, "system": {"system": "Be short."}, "tools": {"tools": tools}}[more]

    async def both(backend):
        counted = await backend.count_tokens("What can you do?", **options)
        return counted, (await backend.complete("What can you do?", max_tokens=1, **options)).usage.input

    counted, billed = with_backend(both)
    assert counted == billed > 4


def test_a_prompt_that_is_too_long_to_be_answered_is_counted_all_the_same():
    async def both(backend):
        return await backend.count_tokens("hello " * 5_000), await backend.count_tokens("hello " * 10_000)

    once, twice = with_backend(both)
    assert 2048 < once < twice


def test_counting_leaves_the_engine_free():
    async def counts(backend):
        found = await asyncio.gather(*(backend.count_tokens(f"hello {number}") for number in range(40)))
        return found, (await backend.complete("What can you do?")).text

    found, text = with_backend(counts, slots=2)
    assert set(map(type, found)) == {int}
    assert text
