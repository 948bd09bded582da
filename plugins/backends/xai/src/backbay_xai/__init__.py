"""xAI over the chat-completions and the responses wire.

Its messages wire is left out: xAI says that its compatibility with Anthropic is deprecated.
"""

from __future__ import annotations

from backbay.capabilities import Capabilities
from backbay.spec import BackendSpec

spec = BackendSpec(
    name="xai",
    label="xAI",
    wires=("openai_chat", "openai_responses"),
    default_base_url="https://api.x.ai/v1",
    base_url_env=("XAI_BASE_URL", "XAI_API_BASE"),
    base_path="/v1",
    credential_env=("XAI_API_KEY",),
    embeddings_path=None,
    capabilities=Capabilities.of(
        full="generate streaming system_prompt tools parallel_tool_calls forced_tool_choice streamed_tool_calls "
        "structured_output json_mode temperature top_p max_tokens seed usage list_models health execute",
        # Models that reason refuse stop strings and raw text, and some of them an effort.
        versioned="image_input reasoning stop complete_raw",
        # Tools that xAI runs are on the responses wire.
        unsupported="audio_input file_input hosted_tools cache_control embeddings rerank count_tokens",
    ),
    quirks={"max_tokens_field": "max_completion_tokens"},
    config={
        "max_tokens_field": "'max_tokens' or 'max_completion_tokens' (chat completions)",
        "tool_name": "whether a tool's turn has the tool's name (chat completions)",
    },
    per_wire={
        "openai_responses": {
            "capabilities": {
                "file_input": "versioned",
                "hosted_tools": "versioned",
                "stop": "unsupported",
                "seed": "unsupported",
            },
            "config": {
                "encrypted_reasoning": "whether reasoning is asked for in a form that can be sent back",
                "reasoning_summary": "'auto', 'concise' or 'detailed', to be told what a model thinks",
                "store": "whether xAI keeps answers, for previous_response_id; None leaves that to the server",
            },
        },
    },
    sources={
        "address, paths, options, tools, hosted tools": "recorded traffic of both wires, read on 2026-11-21",
        "messages, raw text": "docs.x.ai, Inference API, Legacy & Deprecated, read on 2026-11-21",
        "reasoning": "recorded errors; pydantic-ai (profiles/grok.py) and LiteLLM 1.109.1, read on 2026-11-21",
        "variables": "LiteLLM 1.109.1, any-llm 1.40.2 and pydantic-ai 2.68.0, read on 2026-11-21",
    },
)
"""What this plugin registers."""
