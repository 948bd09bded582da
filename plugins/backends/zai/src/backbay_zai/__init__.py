"""Z.ai's GLM models over the chat-completions wire and Anthropic's messages."""

from __future__ import annotations

from backbay.capabilities import Capabilities
from backbay.spec import BackendSpec

spec = BackendSpec(
    name="zai",
    label="Z.ai (GLM)",
    wires=("openai_chat", "anthropic_messages"),
    # In China it is https://open.bigmodel.cn/api/paas/v4; a coding plan has an address of its own as well.
    default_base_url="https://api.z.ai/api/paas/v4",
    base_url_env=("ZAI_BASE_URL", "ZAI_API_BASE"),
    base_path="/api/paas/v4",
    credential_env=("ZAI_API_KEY", "GLM_API_KEY", "ZHIPUAI_API_KEY"),
    embeddings_path=None,
    capabilities=Capabilities.of(
        full="generate streaming system_prompt tools streamed_tool_calls json_mode temperature top_p max_tokens stop "
        "usage list_models health execute",
        # A seed is taken (recorded), and in no reference.
        versioned="image_input hosted_tools reasoning seed",
        # tool_choice is "auto", whatever is asked for.
        unsupported="parallel_tool_calls forced_tool_choice structured_output audio_input cache_control embeddings "
        "rerank count_tokens",
        # Files go by URL, in a part of another form.
        not_implemented="file_input complete_raw",
    ),
    config={
        "reasoning": "how thinking is asked for: 'thinking' (a switch and an effort) or 'effort' (chat completions)",
        "thinking_field": "field in which thinking is sent back; None to leave it out (chat completions)",
        "unsigned_thinking": "whether thinking is sent back that nobody signed (Anthropic's wire)",
    },
    per_wire={
        "openai_chat": {"quirks": {"reasoning": "thinking", "thinking_field": "reasoning_content"}},
        "anthropic_messages": {
            "default_base_url": "https://api.z.ai/api/anthropic/v1",
            # An address in the environment is that of chat completions.
            "base_url_env": (),
            "base_path": "/api/anthropic/v1",
            "models_path": "../../paas/v4/models",
            "health_path": "../../paas/v4/models",
            "quirks": {"auth_header": "Authorization", "unsigned_thinking": True},
            "capabilities": {
                "forced_tool_choice": "versioned",
                "json_mode": "unsupported",
                "hosted_tools": "unsupported",
                "seed": "unsupported",
            },
            # The wire wants it with each call.
            "defaults": {"max_tokens": 8192},
        },
    },
    sources={
        "address, paths, tools, thinking": "recorded traffic of chat completions, read on 2026-11-21",
        "messages, key's header": "docs.z.ai, by developersdigest.tech, read on 2026-11-21",
        "tool_choice, formats": "AgentScope's page on GLM, and pydantic-ai (providers/zai.py), read on 2026-11-21",
        "model list": "NeuroLink's page on Z.AI, which asked for it, read on 2026-11-21",
        "variables": "any-llm 1.40.2, pydantic-ai 2.68.0 and AgentScope, read on 2026-11-21",
    },
)
"""What this plugin registers."""
