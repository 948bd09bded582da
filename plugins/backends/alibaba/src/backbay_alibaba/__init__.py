"""Alibaba Cloud Model Studio (DashScope, Qwen) over chat completions, responses and Anthropic's messages."""

from __future__ import annotations

from backbay.capabilities import Capabilities
from backbay.spec import BackendSpec

spec = BackendSpec(
    name="alibaba",
    label="Alibaba Cloud Model Studio",
    wires=("openai_chat", "openai_responses", "anthropic_messages"),
    # Other regions, and workspaces with a host of their own, have other addresses.
    default_base_url="https://dashscope-intl.aliyuncs.com/compatible-mode/v1",
    base_url_env=("DASHSCOPE_BASE_URL", "DASHSCOPE_API_BASE", "ALIBABA_BASE_URL"),
    base_path="/compatible-mode/v1",
    credential_env=("DASHSCOPE_API_KEY", "ALIBABA_API_KEY", "QWENCLOUD_API_KEY"),
    capabilities=Capabilities.of(
        full="generate streaming system_prompt temperature top_p max_tokens stop seed usage list_models health "
        "embeddings execute",
        # Qwen and others; omni models hear, and some models think only in streams.
        versioned="tools parallel_tool_calls forced_tool_choice streamed_tool_calls structured_output json_mode "
        "image_input audio_input reasoning",
        unsupported="file_input hosted_tools count_tokens",
        # Cache marks hold five minutes and no other time; rerankers are at another path.
        not_implemented="cache_control rerank complete_raw",
    ),
    config={
        "thinking_field": "field in which thinking is sent back; None to leave it out (chat completions)",
        "unsigned_thinking": "whether thinking is sent back that nobody signed (Anthropic's wire)",
    },
    per_wire={
        "openai_chat": {"quirks": {"reasoning": "enable_thinking", "thinking_field": "reasoning_content"}},
        "openai_responses": {
            "default_base_url": "https://dashscope-intl.aliyuncs.com/api/v2/apps/protocols/compatible-mode/v1",
            # An address in the environment is that of chat completions.
            "base_url_env": (),
            "base_path": "/api/v2/apps/protocols/compatible-mode/v1",
            "models_path": None,
            "health_path": None,
            "embeddings_path": None,
            "capabilities": {
                "hosted_tools": "versioned",
                "cache_control": "unsupported",
                "audio_input": "unsupported",
                "stop": "unsupported",
                "seed": "unsupported",
                "embeddings": "unsupported",
                "rerank": "unsupported",
            },
        },
        "anthropic_messages": {
            "default_base_url": "https://dashscope-intl.aliyuncs.com/apps/anthropic/v1",
            "base_url_env": (),
            "base_path": "/apps/anthropic/v1",
            "models_path": None,
            "health_path": None,
            "embeddings_path": None,
            "auth_header": "x-api-key",
            "quirks": {"unsigned_thinking": True},
            "capabilities": {
                "structured_output": "unsupported",
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
        "address, answers, thinking": "recorded traffic of chat completions, read on 2026-11-21",
        "thinking's switch": "alibabacloud.com/help/model-studio, Deep thinking, read on 2026-11-21",
        "responses": "alibabacloud.com/help/model-studio, OpenAI Responses API compatibility, read on 2026-11-21",
        "messages": "alibabacloud.com/help/model-studio, Anthropic API compatibility, read on 2026-11-21",
        "cache": "alibabacloud.com/help/model-studio, Context Cache, read on 2026-11-21",
        "thinking's field in requests": "a guess of 2026-11-21: the field that answers have",
        "files, variables": "pydantic-ai (providers/alibaba.py) and LiteLLM 1.109.1, 2026-11-21; the variables of the "
        "address but DASHSCOPE_API_BASE are spelt as other vendors spell theirs",
    },
)
"""What this plugin registers."""
