"""A LiteLLM proxy as an upstream, over chat completions, responses and Anthropic's messages."""

from __future__ import annotations

from backbay.capabilities import Capabilities
from backbay.spec import BackendSpec, Identity

spec = BackendSpec(
    name="litellm",
    label="LiteLLM proxy",
    wires=("openai_chat", "openai_responses", "anthropic_messages"),
    default_base_url="http://127.0.0.1:4000/v1",
    base_url_env=("LITELLM_PROXY_API_BASE", "LITELLM_PROXY_BASE_URL", "LITELLM_API_BASE", "LITELLM_BASE_URL"),
    base_path="/v1",
    # A proxy without a master key wants none.
    requires_credential=False,
    credential_env=("LITELLM_PROXY_API_KEY", "LITELLM_API_KEY"),
    # Wants no key, and asks no model, unlike /health.
    health_path="../health/liveliness",
    health_statuses=frozenset(),
    rerank_path="rerank",
    capabilities=Capabilities.of(
        full="generate streaming list_models health execute",
        # Whatever stands behind it.
        versioned="system_prompt tools parallel_tool_calls forced_tool_choice streamed_tool_calls structured_output "
        "json_mode image_input audio_input file_input hosted_tools cache_control reasoning temperature top_p "
        "max_tokens stop seed usage embeddings rerank",
        unsupported="count_tokens",
        not_implemented="complete_raw",
    ),
    config={
        "cache_marks": "field that cache marks become: 'cache_control', or None to refuse them (chat completions)",
        "max_tokens_field": "'max_tokens' or 'max_completion_tokens' (chat completions)",
        "thinking_field": "field in which thinking is sent back, such as 'reasoning_content' (chat completions)",
        "unsigned_thinking": "whether thinking is sent back that nobody signed (Anthropic's wire)",
    },
    per_wire={
        "openai_chat": {"quirks": {"cache_marks": "cache_control"}},
        "openai_responses": {
            "capabilities": {
                "cache_control": "unsupported",
                "audio_input": "unsupported",
                "stop": "unsupported",
                "seed": "unsupported",
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
                "count_tokens": "versioned",
            },
            # The wire wants it with each call.
            "defaults": {"max_tokens": 8192},
        },
    },
    # Versions differ in whether they name themselves there.
    identity=(Identity(path="/health/readiness", shows=("litellm_version",), ports=(4000,)),),
    sources={
        "address, wires": "a proxy of LiteLLM 1.109.1, started and asked in November 2026",
        "health, identity": "docs.litellm.ai, Health Checks, and litellm/proxy/health_endpoints, read on 2026-11-21",
        "rerank, token counts, cache marks": "docs.litellm.ai, read on 2026-11-21",
        "variables": "LiteLLM 1.109.1 (its litellm_proxy provider), 2026-11-21; LITELLM_PROXY_BASE_URL, "
        "LITELLM_API_BASE and LITELLM_BASE_URL are spelt as other vendors spell theirs",
    },
)
"""What this plugin registers."""
