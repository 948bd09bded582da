"""Venice AI over the chat-completions and the responses wire."""

from __future__ import annotations

from backbay.capabilities import Capabilities
from backbay.spec import BackendSpec

spec = BackendSpec(
    name="venice",
    label="Venice AI",
    wires=("openai_chat", "openai_responses"),
    default_base_url="https://api.venice.ai/api/v1",
    base_url_env=("VENICE_BASE_URL", "VENICE_API_BASE"),
    base_path="/api/v1",
    credential_env=("VENICE_API_KEY", "VENICE_AI_API_KEY"),
    capabilities=Capabilities.of(
        full="generate streaming system_prompt temperature top_p max_tokens stop seed usage list_models health "
        "embeddings execute",
        # model_spec.capabilities of the model list says what each model can.
        versioned="tools parallel_tool_calls forced_tool_choice streamed_tool_calls structured_output json_mode "
        "image_input audio_input file_input reasoning",
        # The web search of chat completions is switched on by venice_parameters, not by a tool.
        unsupported="hosted_tools cache_control rerank count_tokens",
        not_implemented="complete_raw",
    ),
    quirks={"thinking_field": "reasoning_content"},
    config={
        "thinking_field": "field in which thinking is sent back; None to leave it out (chat completions)",
        "max_tokens_field": "'max_tokens' or 'max_completion_tokens' (chat completions)",
    },
    per_wire={
        "openai_responses": {
            "capabilities": {
                "hosted_tools": "versioned",
                "audio_input": "unsupported",
                "stop": "unsupported",
                "seed": "unsupported",
            },
        },
    },
    sources={
        "address, paths, thinking, embeddings, model list": "recorded traffic, read on 2026-11-21",
        "options, responses (a beta)": "docs.venice.ai, API reference and guide to the Responses API, 2026-11-21",
        "variables": "docs.venice.ai (VENICE_API_KEY), LiteLLM 1.109.1 (VENICE_AI_API_KEY), 2026-11-21; those of the "
        "address are spelt as other vendors spell theirs",
    },
)
"""What this plugin registers."""
