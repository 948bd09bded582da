"""Voyage AI: embeddings and rankings, in the forms of the chat-completions family. It generates no text."""

from __future__ import annotations

from backbay.capabilities import Capabilities
from backbay.spec import BackendSpec

spec = BackendSpec(
    name="voyage",
    label="Voyage AI",
    wires=("openai_chat",),
    default_base_url="https://api.voyageai.com/v1",
    base_url_env=("VOYAGE_BASE_URL", "VOYAGE_API_BASE"),
    base_path="/v1",
    credential_env=("VOYAGE_API_KEY",),
    models_path=None,
    health_path=None,
    rerank_path="rerank",
    capabilities=Capabilities.of(
        full="embeddings rerank",
        unsupported="generate streaming system_prompt tools parallel_tool_calls forced_tool_choice streamed_tool_calls "
        "structured_output json_mode image_input audio_input file_input hosted_tools cache_control reasoning "
        "temperature top_p max_tokens stop seed usage list_models health count_tokens execute complete_raw",
    ),
    # encoding_format takes no other word.
    quirks={"embeddings_format": "base64", "top_n_field": "top_k"},
    sources={
        "address, paths, embeddings, rankings, errors": "recorded traffic, read on 2026-11-21",
        "variables": "pydantic-ai 2.68.0, any-llm 1.40.2 and LiteLLM 1.109.1, 2026-11-21; VOYAGE_BASE_URL is spelt as "
        "other vendors spell theirs",
    },
)
"""What this plugin registers."""
