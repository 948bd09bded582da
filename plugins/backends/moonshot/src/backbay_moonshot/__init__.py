"""Moonshot AI's Kimi models over chat completions, responses and Anthropic's messages."""

from __future__ import annotations

from backbay.capabilities import Capabilities
from backbay.spec import BackendSpec, ModelRule

spec = BackendSpec(
    name="moonshot",
    label="Moonshot AI (Kimi)",
    wires=("openai_chat", "openai_responses", "anthropic_messages"),
    # In China it is https://api.moonshot.cn/v1, with keys of its own.
    default_base_url="https://api.moonshot.ai/v1",
    base_url_env=("MOONSHOT_BASE_URL", "MOONSHOT_API_BASE", "MOONSHOTAI_BASE_URL"),
    base_path="/v1",
    credential_env=("MOONSHOT_API_KEY", "MOONSHOTAI_API_KEY", "KIMI_API_KEY"),
    embeddings_path=None,
    capabilities=Capabilities.of(
        full="generate streaming system_prompt tools streamed_tool_calls json_mode max_tokens stop usage list_models "
        "health execute",
        # tool_choice "required" is refused by most models.
        versioned="parallel_tool_calls forced_tool_choice structured_output image_input reasoning temperature top_p",
        unsupported="audio_input file_input hosted_tools cache_control seed embeddings rerank",
        # There is an estimate, at a path and in a form of its own.
        not_implemented="count_tokens complete_raw",
    ),
    models=(
        # Kimi models take no sampling parameters but their own, and only they think.
        ModelRule(prefix="kimi", capabilities={"temperature": "unsupported", "top_p": "unsupported"}),
        ModelRule(prefix="moonshot-v1", capabilities={"reasoning": "unsupported"}),
    ),
    config={
        "max_tokens_field": "'max_tokens' or 'max_completion_tokens' (chat completions)",
        "reasoning": "how thinking is asked for: 'effort', or 'thinking' for kimi-k2.5 and kimi-k2.6 (chat "
        "completions)",
        "thinking_field": "field in which thinking is sent back; None to leave it out (chat completions)",
        "unsigned_thinking": "whether thinking is sent back that nobody signed (Anthropic's wire)",
    },
    per_wire={
        # A conversation with tools must have the thinking in it.
        "openai_chat": {
            "quirks": {"max_tokens_field": "max_completion_tokens", "thinking_field": "reasoning_content"},
        },
        "openai_responses": {
            "capabilities": {"json_mode": "versioned", "stop": "unsupported", "count_tokens": "unsupported"},
        },
        "anthropic_messages": {
            "default_base_url": "https://api.moonshot.ai/anthropic/v1",
            # An address in the environment is that of the other wires.
            "base_url_env": (),
            "base_path": "/anthropic/v1",
            "models_path": "../../v1/models",
            "health_path": "../../v1/models",
            "quirks": {"auth_header": "Authorization", "unsigned_thinking": True},
            "capabilities": {"json_mode": "unsupported", "count_tokens": "unsupported"},
            # The wire wants it with each call.
            "defaults": {"max_tokens": 8192},
        },
    },
    sources={
        "wires, addresses": "platform.kimi.ai, API overview, by developersdigest.tech, read on 2026-11-21",
        "thinking, tool_choice": "pydantic-ai (providers/moonshotai.py), which cites Moonshot's guide, 2026-11-21",
        "sampling, max_completion_tokens": "AgentScope's page on Kimi, and LiteLLM 1.109.1, read on 2026-11-21",
        "variables": "LiteLLM 1.109.1, pydantic-ai 2.68.0 and AgentScope (KIMI_API_KEY), read on 2026-11-21",
        "answers": "nothing was recorded until 2026-11-21",
    },
)
"""What this plugin registers."""
