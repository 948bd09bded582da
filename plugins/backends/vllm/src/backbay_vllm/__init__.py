"""vLLM's server (``vllm serve``) as a local engine, over chat completions, responses and Anthropic's messages."""

from __future__ import annotations

from backbay.capabilities import Capabilities
from backbay.spec import BackendSpec, Identity

spec = BackendSpec(
    name="vllm",
    label="vLLM",
    wires=("openai_chat", "openai_responses", "anthropic_messages"),
    default_base_url="http://127.0.0.1:8000/v1",
    base_url_env=("VLLM_BASE_URL", "VLLM_API_BASE", "HOSTED_VLLM_API_BASE"),
    base_path="/v1",
    requires_credential=False,
    credential_env=("VLLM_API_KEY",),
    # /health lies beside /v1, and wants no key.
    health_path="../health",
    health_statuses=frozenset(),
    rerank_path="rerank",
    native=True,
    capabilities=Capabilities.of(
        full="generate streaming system_prompt structured_output json_mode temperature top_p max_tokens stop seed "
        "usage list_models health execute complete_raw",
        # What the model can; and tools only where the server was started with --enable-auto-tool-choice and a parser.
        versioned="tools parallel_tool_calls forced_tool_choice streamed_tool_calls image_input audio_input reasoning "
        "embeddings rerank",
        unsupported="file_input hosted_tools cache_control count_tokens",
    ),
    config={
        "thinking_field": "field in which thinking is sent back; None to leave it out (chat completions)",
        "thinking_tags": "whether <think> at the beginning of a text is thinking, for a server without "
        "--reasoning-parser (chat completions)",
        "unsigned_thinking": "whether thinking is sent back, which nobody signs here (Anthropic's wire)",
    },
    per_wire={
        "openai_chat": {"quirks": {"thinking_field": "reasoning", "raw_schema": "response_format"}},
        "openai_responses": {
            "quirks": {"raw_schema": "response_format"},
            # Tools that the server runs are for gpt-oss models, where it was started with a tool server.
            "capabilities": {
                "hosted_tools": "versioned",
                "audio_input": "unsupported",
                "stop": "unsupported",
                "seed": "unsupported",
            },
        },
        "anthropic_messages": {
            "embeddings_path": None,
            "rerank_path": None,
            # The server looks at Authorization alone; and nobody signs what a local model thinks.
            "quirks": {"auth_header": "Authorization", "unsigned_thinking": True},
            "capabilities": {
                "audio_input": "unsupported",
                "json_mode": "unsupported",
                "seed": "unsupported",
                "embeddings": "unsupported",
                "rerank": "unsupported",
                "complete_raw": "unsupported",
                "count_tokens": "versioned",
            },
            # The wire wants it with each call.
            "defaults": {"max_tokens": 8192},
        },
    },
    identity=(
        Identity(path="/v1/models", shows=("data.owned_by=vllm",), ports=(8000,)),
        # Wants no key, where the model list does.
        Identity(path="/version", shows=("version",), ports=(8000,)),
    ),
    sources={
        "address, paths, key's header, identity, messages": "the server of vLLM 0.32.0, read on 2026-11-21",
        "wires": "docs.vllm.ai, Online Serving of 0.32.0, read on 2026-11-21",
        "raw text": "recorded traffic, and the server's CompletionRequest (response_format), read on 2026-11-21",
        "answers, embeddings, model list": "recorded traffic of the server, read on 2026-11-21",
        "variables": "any-llm 1.40.2 and LiteLLM 1.109.1, read on 2026-11-21",
    },
)
"""What this plugin registers."""
