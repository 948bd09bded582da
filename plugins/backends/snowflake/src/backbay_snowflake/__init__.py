"""Snowflake Cortex over the chat-completions wire; Claude models over Anthropic's messages as well."""

from __future__ import annotations

from backbay.capabilities import Capabilities
from backbay.spec import BackendSpec, ModelRule, URLPart

_PLAIN = {
    "tools": "unsupported",
    "parallel_tool_calls": "unsupported",
    "forced_tool_choice": "unsupported",
    "structured_output": "unsupported",
    "json_mode": "unsupported",
    "reasoning": "unsupported",
}
"""Models that are neither OpenAI's nor Anthropic's: tools are an error, and a format of the answer is not kept."""

spec = BackendSpec(
    name="snowflake",
    label="Snowflake Cortex",
    wires=("openai_chat", "anthropic_messages"),
    default_base_url="https://{account}.snowflakecomputing.com/api/v2/cortex/v1",
    url_parts={
        "account": URLPart(about="identifier of the account, such as 'myorg-myaccount'", env=("SNOWFLAKE_ACCOUNT",)),
    },
    base_url_env=("SNOWFLAKE_BASE_URL", "SNOWFLAKE_API_BASE"),
    base_path="/api/v2/cortex/v1",
    credential_env=("SNOWFLAKE_TOKEN", "SNOWFLAKE_JWT"),
    models_path=None,
    health_path=None,
    embeddings_path=None,
    capabilities=Capabilities.of(
        full="generate streaming system_prompt max_tokens usage execute",
        versioned="tools parallel_tool_calls forced_tool_choice streamed_tool_calls structured_output json_mode "
        "image_input reasoning temperature top_p stop",
        unsupported="audio_input file_input hosted_tools cache_control seed list_models health rerank count_tokens",
        # Embeddings are at another path, in another form.
        not_implemented="embeddings complete_raw",
    ),
    models=(
        ModelRule(prefix="claude", capabilities={"json_mode": "unsupported"}),
        ModelRule(prefix="deepseek", capabilities=_PLAIN),
        ModelRule(prefix="llama3", capabilities=_PLAIN),
        ModelRule(prefix="llama4", capabilities=_PLAIN),
        ModelRule(prefix="mistral", capabilities=_PLAIN),
        ModelRule(prefix="mixtral", capabilities=_PLAIN),
        ModelRule(prefix="snowflake-llama", capabilities=_PLAIN),
    ),
    config={"max_tokens_field": "'max_tokens' or 'max_completion_tokens' (chat completions)"},
    per_wire={
        "openai_chat": {"quirks": {"reasoning": "object"}},
        "anthropic_messages": {
            "quirks": {"auth_header": "Authorization"},
            "capabilities": {
                "file_input": "versioned",
                "cache_control": "versioned",
                "json_mode": "unsupported",
                "embeddings": "unsupported",
            },
            # The wire wants it with each call.
            "defaults": {"max_tokens": 8192},
        },
    },
    sources={
        "address, answers, reasoning, tools": "recorded traffic of chat completions, read on 2026-11-21",
        "messages": "docs.snowflake.com, Cortex REST API, read on 2026-11-21",
        "models": "pydantic-ai (providers/snowflake.py), which asked the service, read on 2026-11-21",
        "variables": "pydantic-ai 2.68.0 and LiteLLM 1.109.1, 2026-11-21; those of the address are spelt as other "
        "vendors spell theirs",
    },
)
"""What this plugin registers."""
