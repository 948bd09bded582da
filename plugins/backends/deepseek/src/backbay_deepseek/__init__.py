"""DeepSeek over chat completions, responses and Anthropic's messages."""

from __future__ import annotations

from backbay.capabilities import Capabilities
from backbay.spec import BackendSpec

spec = BackendSpec(
    name="deepseek",
    label="DeepSeek",
    wires=("openai_chat", "openai_responses", "anthropic_messages"),
    default_base_url="https://api.deepseek.com",
    base_url_env=("DEEPSEEK_BASE_URL", "DEEPSEEK_API_BASE"),
    credential_env=("DEEPSEEK_API_KEY",),
    embeddings_path=None,
    capabilities=Capabilities.of(
        full="generate streaming system_prompt tools parallel_tool_calls streamed_tool_calls json_mode max_tokens stop "
        "usage list_models health execute",
        # While a model thinks, a forced choice of tools is an error, and sampling parameters mean nothing. A seed is
        # taken, and in no reference.
        versioned="forced_tool_choice image_input reasoning temperature top_p seed",
        unsupported="structured_output audio_input file_input hosted_tools cache_control embeddings rerank "
        "count_tokens",
        not_implemented="complete_raw",
    ),
    config={
        "reasoning": "how thinking is asked for: 'thinking' (a switch and an effort) or 'effort' (chat completions)",
        "thinking_field": "field in which thinking is sent back; None to leave it out (chat completions)",
        "unsigned_thinking": "whether thinking is sent back, which nobody signs here (Anthropic's wire)",
    },
    per_wire={
        # A conversation with tools must have the thinking in it.
        "openai_chat": {"quirks": {"reasoning": "thinking", "thinking_field": "reasoning_content"}},
        "openai_responses": {
            "capabilities": {
                "structured_output": "full",
                "json_mode": "versioned",
                "hosted_tools": "versioned",
                "stop": "unsupported",
                "seed": "unsupported",
            },
        },
        "anthropic_messages": {
            "default_base_url": "https://api.deepseek.com/anthropic/v1",
            # An address in the environment is that of the other wires.
            "base_url_env": (),
            "base_path": "/anthropic/v1",
            # The list is beside the other wires, and takes no key in this header.
            "models_path": None,
            "health_path": "../../models",
            "auth_header": "x-api-key",
            # The switch of thinking counts, a budget of tokens does not.
            "quirks": {"unsigned_thinking": True},
            "capabilities": {
                "parallel_tool_calls": "unsupported",
                "json_mode": "unsupported",
                "seed": "unsupported",
            },
            # The wire wants it with each call.
            "defaults": {"max_tokens": 8192},
        },
    },
    sources={
        "address, paths, tools, thinking, responses, model list": "recorded traffic, read on 2026-11-21",
        "thinking, effort": "api-docs.deepseek.com, Thinking Mode, read on 2026-11-21",
        "messages": "api-docs.deepseek.com, Using the Anthropic API, read on 2026-11-21",
        "json_schema": "LiteLLM 1.109.1 and pydantic-ai (providers/deepseek.py), read on 2026-11-21",
        "variables": "LiteLLM 1.109.1, any-llm 1.40.2 and pydantic-ai 2.68.0, read on 2026-11-21",
    },
)
"""What this plugin registers."""
