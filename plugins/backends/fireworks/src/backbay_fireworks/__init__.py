"""Fireworks AI over chat completions, responses and Anthropic's messages."""

from __future__ import annotations

from backbay.capabilities import Capabilities
from backbay.spec import BackendSpec

spec = BackendSpec(
    name="fireworks",
    label="Fireworks AI",
    wires=("openai_chat", "openai_responses", "anthropic_messages"),
    default_base_url="https://api.fireworks.ai/inference/v1",
    base_url_env=("FIREWORKS_BASE_URL", "FIREWORKS_API_BASE"),
    base_path="/inference/v1",
    credential_env=("FIREWORKS_API_KEY", "FIREWORKS_AI_API_KEY"),
    rerank_path="rerank",
    capabilities=Capabilities.of(
        full="generate streaming system_prompt structured_output json_mode temperature top_p max_tokens stop usage "
        "list_models health embeddings execute complete_raw",
        # Open models of many makers. Tools and a format of the answer do not go together.
        versioned="tools parallel_tool_calls forced_tool_choice streamed_tool_calls image_input reasoning seed rerank",
        unsupported="audio_input file_input hosted_tools cache_control count_tokens",
    ),
    config={
        "thinking_field": "field in which thinking is sent back, such as 'reasoning_content' (chat completions)",
        "unsigned_thinking": "whether thinking is sent back that nobody signed (Anthropic's wire)",
    },
    per_wire={
        "openai_responses": {
            # MCP servers are tools that Fireworks runs.
            "capabilities": {
                "structured_output": "versioned",
                "json_mode": "versioned",
                "hosted_tools": "versioned",
                "stop": "unsupported",
                "seed": "unsupported",
            },
        },
        "anthropic_messages": {
            "embeddings_path": None,
            "rerank_path": None,
            "quirks": {"auth_header": "Authorization", "unsigned_thinking": True},
            "capabilities": {
                "structured_output": "versioned",
                "json_mode": "unsupported",
                "seed": "unsupported",
                "embeddings": "unsupported",
                "rerank": "unsupported",
                "complete_raw": "unsupported",
            },
            # The wire wants it with each call.
            "defaults": {"max_tokens": 8192},
        },
    },
    sources={
        "messages, key's header": "docs.fireworks.ai, Anthropic compatibility, read on 2026-11-21",
        "raw text": "docs.fireworks.ai, Completions API, read on 2026-11-21",
        "responses, hosted tools": "Composio's page on Fireworks AI and LiteLLM 1.109.1, read on 2026-11-21",
        "address, options, rerank, variables": "LiteLLM 1.109.1, any-llm 1.40.2 and pydantic-ai 2.68.0, 2026-11-21",
        "answers": "nothing was recorded until 2026-11-21",
    },
)
"""What this plugin registers."""
