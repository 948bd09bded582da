"""SGLang's server as a local engine, over chat completions, responses and Anthropic's messages."""

from __future__ import annotations

from backbay.capabilities import Capabilities
from backbay.spec import BackendSpec, Identity

spec = BackendSpec(
    name="sglang",
    label="SGLang",
    wires=("openai_chat", "openai_responses", "anthropic_messages"),
    default_base_url="http://127.0.0.1:30000/v1",
    base_url_env=("SGLANG_BASE_URL", "SGLANG_API_BASE"),
    base_path="/v1",
    requires_credential=False,
    credential_env=("SGLANG_API_KEY",),
    # /health lies beside /v1, and answers 503 while the engine cannot generate.
    health_path="../health",
    health_statuses=frozenset(),
    native=True,
    capabilities=Capabilities.of(
        full="generate streaming system_prompt structured_output json_mode temperature top_p max_tokens stop seed "
        "usage list_models health execute complete_raw",
        # What the model can; and tools and thinking only where the server was started with a parser for them.
        versioned="tools parallel_tool_calls forced_tool_choice streamed_tool_calls image_input audio_input reasoning "
        "embeddings",
        unsupported="file_input hosted_tools cache_control count_tokens",
        # /v1/rerank answers with a bare list, which no wire here reads.
        not_implemented="rerank",
    ),
    config={
        "thinking_field": "field in which thinking is sent back; None to leave it out (chat completions)",
        "thinking_tags": "whether <think> at the beginning of a text is thinking, for a server without "
        "--reasoning-parser (chat completions)",
        "unsigned_thinking": "whether thinking is sent back, which nobody signs here (Anthropic's wire)",
    },
    per_wire={
        "openai_chat": {"quirks": {"thinking_field": "reasoning_content", "raw_schema": "response_format"}},
        "openai_responses": {
            "quirks": {"raw_schema": "response_format"},
            "capabilities": {
                "structured_output": "versioned",
                "json_mode": "versioned",
                "audio_input": "unsupported",
                "stop": "unsupported",
                "seed": "unsupported",
            },
        },
        "anthropic_messages": {
            "embeddings_path": None,
            "quirks": {"auth_header": "Authorization", "unsigned_thinking": True},
            "capabilities": {
                "structured_output": "versioned",
                "audio_input": "unsupported",
                "json_mode": "unsupported",
                "seed": "unsupported",
                "embeddings": "unsupported",
                "complete_raw": "unsupported",
                "count_tokens": "versioned",
            },
            # The wire wants it with each call.
            "defaults": {"max_tokens": 8192},
        },
    },
    identity=(
        Identity(path="/v1/models", shows=("data.owned_by=sglang",), ports=(30000,)),
        Identity(path="/get_model_info", shows=("model_path", "is_generation"), ports=(30000,)),
    ),
    sources={
        "address, paths, identity, responses": "the server's source (sglang/srt/entrypoints), read on 2026-11-21",
        "raw text": "the server's source (CompletionRequest, with response_format), read on 2026-11-21",
        "messages, count_tokens": "docs.sglang.io, Anthropic-Compatible API, read on 2026-11-21",
        "rerank": "docs.sglang.io, SGLang Native APIs, read on 2026-11-21",
        "thinking": "docs.sglang.io (reasoning_content with --reasoning-parser); nothing was recorded, 2026-11-21",
        "variables": "OpenClaw's page on SGLang (SGLANG_API_KEY), 2026-11-21; those of the address are spelt as other "
        "engines spell theirs",
    },
)
"""What this plugin registers."""
