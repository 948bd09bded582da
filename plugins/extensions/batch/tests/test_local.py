"""A real batch on the model that comes with backbay-local."""

from __future__ import annotations

import pytest

pytest.importorskip("backbay_local")


def test_two_hundred_prompts_are_answered_by_a_real_model(files, batch, line):
    sums = [(a, b) for a in range(1, 15) for b in range(1, 16)][:200]
    files.write(*[line(f"{a}+{b}", f"What is {a} + {b}?", max_tokens=24) for a, b in sums])
    found = batch("local:tiny")
    assert found.ok
    assert found.answered == 200
    assert [each["custom_id"] for each in files.results] == [f"{a}+{b}" for a, b in sums]
    right = sum(f"{a} + {b} = {a + b}" in files.text(f"{a}+{b}") for a, b in sums)
    assert right > 150
    assert found.output_tokens > 200


def test_a_real_model_embeds(files, batch):
    files.write({"custom_id": "e", "url": "/v1/embeddings", "body": {"input": ["one", "two"]}})
    assert batch("local:tiny").ok
    assert [len(each["embedding"]) for each in files.results[0]["response"]["body"]["data"]] == [192, 192]
