"""Model lists, embeddings and rankings, in the forms that servers of the chat-completions family give them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from backbay.errors import DecodeError
from backbay.spec import BackendSpec
from backbay.wires import lists
from backbay.wires.openai_chat import OpenAIChat

SPEC = BackendSpec(name="acme", wires=("openai_chat",), rerank_path="rerank")


@pytest.mark.parametrize(
    ("entry", "window", "output"),
    [
        ({"context_length": 9, "top_provider": {"max_completion_tokens": 3}}, 9, 3),
        ({"max_model_len": 9}, 9, None),
        ({"context_window": 9, "max_output_length": 3}, 9, 3),
        ({"max_context_length": 9}, 9, None),
        ({"meta": {"n_ctx": 9, "n_ctx_train": 99}}, 9, None),
        ({"capabilities": {"limits": {"max_context_window_tokens": 9, "max_output_tokens": 3}}}, 9, 3),
        ({"model_spec": {"availableContextTokens": 9, "maxCompletionTokens": 3}}, 9, 3),
        ({"limits": {"max_input_tokens": 9, "max_output_tokens": 3}}, 9, 3),
        ({"max_input_tokens": 9, "max_output_tokens": 3}, 9, 3),
        ({"metadata": {"context_length": 9, "max_tokens": 3}}, 9, 3),
        ({"providers": [{"context_length": 5}, {"status": "live"}, {"context_length": 9}]}, 9, None),
        ({"context_length": 0, "max_output_tokens": -1, "limits": None, "providers": "none"}, None, None),
        ({"context_length": True}, None, None),
        ({}, None, None),
    ],
)
def test_windows_are_found_in_every_dialect(entry: dict[str, Any], window: int | None, output: int | None) -> None:
    """U11: what nobody says is None."""
    [model] = lists.read_models(json.dumps([{"id": "m", **entry}]).encode(), native=False)
    assert (model.context_window, model.max_output_tokens) == (window, output)


@pytest.mark.parametrize(
    ("vendor", "has_windows"),
    [
        *((vendor, True) for vendor in "copilot groq huggingface mistral openrouter venice vllm".split()),
        *((vendor, False) for vendor in "deepseek lmstudio xai".split()),
    ],
)
def test_recorded_lists_say_their_windows_where_they_have_them(corpus: Path, vendor: str, has_windows: bool) -> None:
    """U11 on recorded traffic."""
    recorded = json.loads((corpus / f"wire/exchanges/{vendor}/models/models/001.json").read_text("utf-8"))
    models = lists.read_models(recorded["response"]["body"].encode(), native=False)
    assert len(models) == recorded["expected"]["models"]["count"]
    assert any(model.context_window for model in models) == has_windows


def test_vectors_of_bytes_are_whole_numbers() -> None:
    found = OpenAIChat(SPEC, {"embeddings_format": "base64_int8"})
    body = json.dumps({"data": [{"index": 0, "embedding": "9v8A"}]}).encode()
    assert found.decode_embeddings(body, 1).vectors == [[-10.0, -1.0, 0.0]]
    with pytest.raises(DecodeError, match="embedding"):
        OpenAIChat(SPEC, {}).decode_embeddings(body, 1)


@pytest.mark.parametrize(
    ("form", "sent"),
    [("float", {"encoding_format": "float"}), ("base64", {"encoding_format": "base64"}), (None, {})],
)
def test_embeddings_are_asked_for_in_the_vendors_format(form: str | None, sent: dict[str, str]) -> None:
    request = OpenAIChat(SPEC, {"embeddings_format": form}).encode_embeddings("m", ["a"], {})
    assert json.loads(request.body) == {"model": "m", "input": ["a"], **sent}


def test_a_rankings_length_has_the_vendors_name() -> None:
    request = OpenAIChat(SPEC, {"top_n_field": "top_k"}).encode_rerank("m", "q", ["a", "b"], 1, {})
    assert json.loads(request.body) == {"model": "m", "query": "q", "documents": ["a", "b"], "top_k": 1}
