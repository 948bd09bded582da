"""LM Studio as a local engine, over chat completions, responses and Anthropic's messages."""

from __future__ import annotations

from backbay.capabilities import Capabilities
from backbay.spec import BackendSpec, Identity

spec = BackendSpec(
    name="lmstudio",
    label="LM Studio",
    wires=("openai_chat", "openai_responses", "anthropic_messages"),
    default_base_url="http://127.0.0.1:1234/v1",
    base_url_env=("LM_STUDIO_BASE_URL", "LM_STUDIO_API_BASE", "LMSTUDIO_BASE_URL", "LMSTUDIO_API_BASE"),
    base_path="/v1",
    # Only where "Require Authentication" is switched on, from 0.4.0 on.
    requires_credential=False,
    credential_env=("LM_API_TOKEN", "LM_STUDIO_API_KEY", "LMSTUDIO_API_KEY"),
    native=True,
    capabilities=Capabilities.of(
        full="generate streaming system_prompt structured_output temperature top_p max_tokens stop seed usage "
        "list_models health execute complete_raw",
        # What the model can.
        versioned="tools parallel_tool_calls forced_tool_choice streamed_tool_calls image_input reasoning embeddings",
        # A format of the answer must be a JSON Schema.
        unsupported="json_mode audio_input file_input hosted_tools cache_control rerank count_tokens",
    ),
    config={
        "thinking_field": "field in which thinking is sent back, such as 'reasoning_content' (chat completions)",
        "thinking_tags": "whether <think> at the beginning of a text is thinking (chat completions)",
        "unsigned_thinking": "whether thinking is sent back, which nobody signs here (Anthropic's wire)",
    },
    per_wire={
        "openai_responses": {
            # MCP servers are tools that LM Studio runs, where its settings allow them.
            "capabilities": {
                "structured_output": "versioned",
                "hosted_tools": "versioned",
                "stop": "unsupported",
                "seed": "unsupported",
            },
        },
        "anthropic_messages": {
            "embeddings_path": None,
            "quirks": {"auth_header": "Authorization", "unsigned_thinking": True},
            # Its page names no field for the form of an answer, and the wire itself has no seed.
            "capabilities": {
                "structured_output": "unsupported",
                "seed": "unsupported",
                "embeddings": "unsupported",
                "complete_raw": "unsupported",
            },
            # The wire wants it with each call.
            "defaults": {"max_tokens": 8192},
        },
    },
    identity=(
        # Entries of its own list say in which format a model's file is, and whether it is loaded.
        Identity(path="/api/v0/models", shows=("data.compatibility_type", "data.state"), ports=(1234,)),
        Identity(path="/v1/models", shows=("data.owned_by=organization_owner",), ports=(1234,)),
    ),
    sources={
        "address, answers, model list": "recorded traffic of LM Studio, June 2025, read on 2026-11-21",
        "wires, keys": "lmstudio.ai/docs/developer: REST API, OpenAI and Anthropic compatibility, Authentication, and "
        "the API changelog (responses since 0.3.29, messages since 0.4.1), read on 2026-11-21",
        "raw text": "lmstudio.ai/docs/api/openai-api (POST /v1/completions), and deepwiki.com's page on LM Studio's "
        "docs (no chat template), read on 2026-11-21; neither names a field for the form of an answer",
        "json_mode": "lmstudio-bug-tracker issue 173 (the server's own error), read on 2026-11-21",
        "identity": "lmstudio.ai/docs, REST API v0 (GET /api/v0/models), and the recorded list, read on 2026-11-21",
        "variables": "lmstudio.ai/docs (LM_API_TOKEN), any-llm 1.40.2 and LiteLLM 1.109.1 (the others), 2026-11-21",
    },
)
"""What this plugin registers."""
