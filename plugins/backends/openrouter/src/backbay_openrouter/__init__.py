"""OpenRouter over chat completions, responses and Anthropic's messages: one key for the models of many vendors."""

from __future__ import annotations

from backbay.capabilities import Capabilities
from backbay.spec import BackendSpec

spec = BackendSpec(
    name="openrouter",
    label="OpenRouter",
    wires=("openai_chat", "openai_responses", "anthropic_messages"),
    default_base_url="https://openrouter.ai/api/v1",
    base_url_env=("OPENROUTER_BASE_URL", "OPENROUTER_API_BASE"),
    base_path="/api/v1",
    credential_env=("OPENROUTER_API_KEY", "OR_API_KEY"),
    # Optional: the application's name and address, for OpenRouter's rankings.
    header_env={"HTTP-Referer": "OPENROUTER_APP_URL", "X-Title": "OPENROUTER_APP_TITLE"},
    rerank_path="rerank",
    capabilities=Capabilities.of(
        full="generate streaming system_prompt max_tokens usage list_models health embeddings rerank execute",
        # Models of some sixty vendors: supported_parameters of the model list says what each one takes.
        versioned="tools parallel_tool_calls forced_tool_choice streamed_tool_calls structured_output json_mode "
        "image_input audio_input file_input hosted_tools cache_control reasoning temperature top_p stop seed",
        unsupported="count_tokens",
        not_implemented="complete_raw",
    ),
    config={
        "cache_marks": "field that cache marks become: 'cache_control', or None to refuse them (chat completions)",
        "max_tokens_field": "'max_tokens' or 'max_completion_tokens' (chat completions)",
        "reasoning": "how thinking is asked for: 'object' or 'effort' (chat completions)",
        "unsigned_thinking": "whether thinking is sent back that nobody signed (Anthropic's wire)",
    },
    per_wire={
        "openai_chat": {
            # Thinking goes back as reasoning_details, which the answer has; there is no field for its text.
            "quirks": {"reasoning": "object", "cache_marks": "cache_control", "file_urls": True, "tool_name": True},
        },
        "openai_responses": {
            "quirks": {"cache_marks": "prompt_cache_breakpoint"},
            "capabilities": {"audio_input": "unsupported", "stop": "unsupported", "seed": "unsupported"},
            "config": {
                "encrypted_reasoning": "whether reasoning is asked for in a form that can be sent back",
                "reasoning_summary": "'auto', 'concise' or 'detailed', to be told what a model thinks",
            },
        },
        "anthropic_messages": {
            "embeddings_path": None,
            "rerank_path": None,
            "quirks": {"auth_header": "Authorization"},
            "capabilities": {
                "audio_input": "unsupported",
                "json_mode": "unsupported",
                "seed": "unsupported",
                "embeddings": "unsupported",
                "rerank": "unsupported",
            },
            # The wire wants it with each call.
            "defaults": {"max_tokens": 8192},
        },
    },
    sources={
        "address, paths, rerank, embeddings, model list": "recorded traffic of all three wires, read on 2026-11-21",
        "cache marks, files by URL, reasoning, hosted tools": "recorded requests, read on 2026-11-21",
        "key on the messages wire": "OpenRouter's API reference (bearer), read on 2026-11-21",
        "variables, headers of the application": "LiteLLM 1.109.1, any-llm 1.40.2 and pydantic-ai 2.68.0, 2026-11-21",
    },
)
"""What this plugin registers."""
