"""Cloudflare Workers AI over the chat-completions and the responses wire."""

from __future__ import annotations

from backbay.capabilities import Capabilities
from backbay.spec import BackendSpec, URLPart

spec = BackendSpec(
    name="cloudflare",
    label="Cloudflare Workers AI",
    wires=("openai_chat", "openai_responses"),
    default_base_url="https://api.cloudflare.com/client/v4/accounts/{account_id}/ai/v1",
    url_parts={
        "account_id": URLPart(about="id of the Cloudflare account", env=("CLOUDFLARE_ACCOUNT_ID", "CF_ACCOUNT_ID")),
    },
    base_url_env=("CLOUDFLARE_BASE_URL", "CLOUDFLARE_API_BASE"),
    credential_env=("CLOUDFLARE_API_TOKEN", "CLOUDFLARE_API_KEY", "CF_API_TOKEN"),
    # The list lies beside the wire, in Cloudflare's own form; it shows that the account is there.
    models_path=None,
    health_path="../models/search",
    capabilities=Capabilities.of(
        full="generate streaming system_prompt max_tokens temperature usage health embeddings execute",
        # Open models of many makers.
        versioned="tools parallel_tool_calls forced_tool_choice streamed_tool_calls structured_output json_mode "
        "image_input reasoning top_p stop seed",
        unsupported="audio_input file_input hosted_tools cache_control list_models rerank count_tokens",
        not_implemented="complete_raw",
    ),
    config={
        "max_tokens_field": "'max_tokens' or 'max_completion_tokens' (chat completions)",
        "thinking_tags": "whether <think> at the beginning of a text is thinking (chat completions)",
    },
    per_wire={"openai_responses": {"capabilities": {"stop": "unsupported", "seed": "unsupported"}}},
    sources={
        "address, answers": "recorded traffic of chat completions, read on 2026-11-21",
        "responses, embeddings": "developers.cloudflare.com/workers-ai, OpenAI compatible API endpoints, 2026-11-21",
        "model list": "LiteLLM 1.109.1, read on 2026-11-21",
        "variables": "developers.cloudflare.com and LiteLLM 1.109.1, LibreChat (CF_...), 2026-11-21; "
        "CLOUDFLARE_BASE_URL is spelt as other vendors spell theirs",
    },
)
"""What this plugin registers."""
