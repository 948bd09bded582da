"""The declaration of ``openai-compatible``: any server that speaks one of OpenAI's wires, or Anthropic's."""

from __future__ import annotations

from backbay.capabilities import Capabilities
from backbay.spec import BackendSpec

spec = BackendSpec(
    name="openai-compatible",
    label="A server with an OpenAI-compatible API",
    wires=("openai_chat", "openai_responses", "anthropic_messages"),
    requires_credential=False,
    rerank_path="rerank",
    # What a server can do, nobody knows before it is asked: calls are tried, and its own errors say more.
    capabilities=Capabilities.of(
        full="generate streaming list_models health execute",
        versioned="system_prompt tools parallel_tool_calls forced_tool_choice streamed_tool_calls structured_output "
        "json_mode image_input audio_input file_input hosted_tools cache_control reasoning temperature top_p "
        "max_tokens stop seed usage embeddings rerank complete_raw",
        # Anthropic's wire counts; see per_wire.
        unsupported="count_tokens",
    ),
    per_wire={
        # What the other wires have no place for, whoever speaks them.
        "openai_responses": {
            "capabilities": {
                "audio_input": "unsupported",
                "stop": "unsupported",
                "seed": "unsupported",
                "count_tokens": "versioned",
            }
        },
        "anthropic_messages": {
            "auth_header": "x-api-key",
            "embeddings_path": None,
            "rerank_path": None,
            "capabilities": {
                "audio_input": "unsupported",
                "json_mode": "unsupported",
                "seed": "unsupported",
                "embeddings": "unsupported",
                "rerank": "unsupported",
                "complete_raw": "unsupported",
                "count_tokens": "versioned",
                "max_tokens": "full",
            },
            # The wire wants it with each call.
            "defaults": {"max_tokens": 8192},
            "config": {
                "unsigned_thinking": "whether thinking is sent back that nobody signed, as local servers give it"
            },
        },
    },
    # These are settings of the chat wire; the codec of another wire refuses those that it does not have.
    config={
        "cache_marks": "field that cache marks become: 'cache_control', 'prompt_cache_breakpoint', or None",
        "chat_path": "path of the call below base_url; 'chat/completions'",
        "completions_path": "path of the call that continues a text, below base_url; 'completions'",
        "embeddings_format": "'float', 'base64', 'base64_int8', or None to let the server choose",
        "file_urls": "whether a file may be given as a URL",
        "max_tokens_field": "'max_tokens' or 'max_completion_tokens'",
        "raw_schema": "how a schema is asked for where a text is continued: 'response_format', 'json_schema', or None",
        "reasoning": "how thinking is asked for: 'effort', 'object', 'thinking' or 'enable_thinking'",
        "required_choice": "tool_choice that forces some tool: 'required' or 'any'",
        "seed_field": "'seed' or 'random_seed'",
        "strict_schema": "whether JSON Schemas are sent in strict mode",
        "stream_usage": "whether streams ask for token counts",
        "thinking_field": "field in which thinking is sent back, such as 'reasoning_content'",
        "thinking_parts": "whether thinking is sent back as parts of the content",
        "thinking_tags": "whether <think> at the beginning of a text is thinking",
        "tool_call_id": "whether a tool's turn must say which call it answers",
        "tool_images": "whether a tool's result may have images",
        "tool_name": "whether a tool's turn has the tool's name",
        "top_n_field": "'top_n' or 'top_k'",
    },
    sources={
        "wires": "recorded traffic of some thirty servers and gateways, read on 2026-11-21; the servers decide",
    },
)
"""What this plugin registers."""

responses_spec = spec.on_wire("openai_responses")
"""The same on OpenAI's newer wire, as ``connect(..., wire="openai_responses")`` makes it."""

messages_spec = spec.on_wire("anthropic_messages")
"""The same on Anthropic's wire."""
