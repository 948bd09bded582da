"""Together AI over the chat-completions wire."""

from __future__ import annotations

from backbay.capabilities import Capabilities
from backbay.spec import BackendSpec

spec = BackendSpec(
    name="together",
    label="Together AI",
    wires=("openai_chat",),
    # The older address, api.together.xyz, answers too.
    default_base_url="https://api.together.ai/v1",
    base_url_env=("TOGETHER_BASE_URL", "TOGETHER_API_BASE", "TOGETHER_AI_API_BASE"),
    base_path="/v1",
    credential_env=("TOGETHER_API_KEY", "TOGETHER_AI_API_KEY", "TOGETHERAI_API_KEY"),
    rerank_path="rerank",
    capabilities=Capabilities.of(
        full="generate streaming system_prompt temperature top_p max_tokens stop usage list_models health embeddings "
        "execute",
        # Open models of many makers; rerankers are among them at times.
        versioned="tools parallel_tool_calls forced_tool_choice streamed_tool_calls structured_output json_mode "
        "image_input reasoning seed rerank "
        "complete_raw",
        unsupported="audio_input file_input hosted_tools cache_control count_tokens",
    ),
    config={
        "thinking_field": "field in which thinking is sent back, such as 'reasoning'",
        "thinking_tags": "whether <think> at the beginning of a text is thinking",
    },
    sources={
        "address, paths, options": "recorded traffic of both hosts, read on 2026-11-21",
        "raw text": "recorded traffic (POST /v1/completions), read on 2026-11-21",
        "model list (a bare array), rerank, forced tools": "any-llm 1.40.2 and LiteLLM 1.109.1, read on 2026-11-21",
        "embeddings, address": "Together's page on OpenAI compatibility, by developersdigest.tech, read on 2026-11-21",
        "variables": "LiteLLM 1.109.1, any-llm 1.40.2 and pydantic-ai 2.68.0, read on 2026-11-21",
    },
)
"""What this plugin registers."""
