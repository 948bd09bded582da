"""Cerebras over the chat-completions wire."""

from __future__ import annotations

from backbay.capabilities import Capabilities
from backbay.spec import BackendSpec

spec = BackendSpec(
    name="cerebras",
    label="Cerebras",
    wires=("openai_chat",),
    default_base_url="https://api.cerebras.ai/v1",
    base_url_env=("CEREBRAS_BASE_URL", "CEREBRAS_API_BASE"),
    base_path="/v1",
    credential_env=("CEREBRAS_API_KEY",),
    embeddings_path=None,
    capabilities=Capabilities.of(
        full="generate streaming system_prompt temperature top_p max_tokens stop seed usage list_models health execute",
        # A few open models, which differ in what they take. One page says that parallel_tool_calls is refused, and the
        # API reference has it.
        versioned="tools parallel_tool_calls forced_tool_choice streamed_tool_calls structured_output json_mode "
        "image_input reasoning complete_raw",
        unsupported="audio_input file_input hosted_tools cache_control embeddings rerank count_tokens",
    ),
    config={
        "max_tokens_field": "'max_tokens' or 'max_completion_tokens'",
        "strict_schema": "whether JSON Schemas are sent in strict mode",
        "thinking_field": "field in which thinking is sent back, such as 'reasoning'",
        "tool_name": "whether a tool's turn has the tool's name",
    },
    sources={
        "address, answers, tools, thinking": "recorded traffic, read on 2026-11-21",
        "raw text": "Cerebras's Python SDK (completions.create), by its page at tessl.io, read on 2026-11-21",
        "options": "inference-docs.cerebras.ai, Chat Completions, read on 2026-11-21",
        "what is refused": "pydantic-ai (providers/cerebras.py) and Bifrost's page on Cerebras, read on 2026-11-21",
        "variables": "LiteLLM 1.109.1 and pydantic-ai 2.68.0, read on 2026-11-21",
    },
)
"""What this plugin registers."""
