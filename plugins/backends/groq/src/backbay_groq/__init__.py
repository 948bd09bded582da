"""Groq over the chat-completions and the responses wire."""

from __future__ import annotations

from backbay.capabilities import Capabilities
from backbay.spec import BackendSpec

spec = BackendSpec(
    name="groq",
    label="Groq",
    wires=("openai_chat", "openai_responses"),
    default_base_url="https://api.groq.com/openai/v1",
    base_url_env=("GROQ_BASE_URL", "GROQ_API_BASE"),
    # Groq's own client is told the address without a path.
    base_path="/openai/v1",
    credential_env=("GROQ_API_KEY",),
    embeddings_path=None,
    capabilities=Capabilities.of(
        full="generate streaming system_prompt temperature top_p max_tokens stop seed usage list_models health execute",
        # Models of several makers; compound models run tools of their own.
        versioned="tools parallel_tool_calls forced_tool_choice streamed_tool_calls structured_output json_mode "
        "image_input hosted_tools reasoning",
        unsupported="audio_input file_input cache_control embeddings rerank count_tokens",
        not_implemented="complete_raw",
    ),
    config={
        "max_tokens_field": "'max_tokens' or 'max_completion_tokens' (chat completions)",
        "strict_schema": "whether JSON Schemas are sent in strict mode, which gpt-oss models keep",
        "thinking_field": "field in which thinking is sent back, such as 'reasoning' (chat completions)",
        "thinking_tags": "whether <think> at the beginning of a text is thinking, as reasoning_format='raw' gives it "
        "(chat completions)",
    },
    per_wire={"openai_responses": {"capabilities": {"stop": "unsupported", "seed": "unsupported"}}},
    sources={
        "address, paths, tools, thinking, model list": "recorded traffic, read on 2026-11-21",
        "wires, options": "console.groq.com/docs/openai, read on 2026-11-21",
        "embeddings": "Bifrost's page on Groq, which lists what its API lacks, read on 2026-11-21",
        "structured output by model": "pydantic-ai (providers/groq.py), read on 2026-11-21",
        "variables": "any-llm 1.40.2, LiteLLM 1.109.1 and pydantic-ai 2.68.0, read on 2026-11-21",
    },
)
"""What this plugin registers."""
