"""llama.cpp's server (``llama-server``) as a local engine, over chat completions, responses and Anthropic's messages.

Source of the facts: recorded traffic of the server, and the server that xllamacpp 2026.10.11549 starts.
"""

from __future__ import annotations

from backbay.capabilities import Capabilities
from backbay.spec import BackendSpec, Identity

spec = BackendSpec(
    name="llamacpp",
    label="llama.cpp server",
    wires=("openai_chat", "openai_responses", "anthropic_messages"),
    default_base_url="http://127.0.0.1:8080/v1",
    base_url_env=("LLAMACPP_BASE_URL", "LLAMACPP_API_BASE"),
    base_path="/v1",
    requires_credential=False,
    credential_env=("LLAMACPP_API_KEY", "LLAMA_API_KEY"),
    # /health lies beside /v1, answers 503 while a model is loaded, and wants no key.
    health_path="../health",
    health_statuses=frozenset(),
    rerank_path="rerank",
    native=True,
    capabilities=Capabilities.of(
        full="generate streaming system_prompt tools forced_tool_choice streamed_tool_calls structured_output "
        "json_mode max_tokens stop seed temperature top_p usage list_models health execute "
        "complete_raw",
        # What the model, or the server's start-up flags, decide.
        versioned="parallel_tool_calls image_input audio_input reasoning embeddings rerank",
        # Anthropic's wire counts; see per_wire.
        unsupported="file_input hosted_tools cache_control count_tokens",
    ),
    config={
        "thinking_field": "field in which thinking is sent back; None to leave it out (chat completions)",
        "unsigned_thinking": "whether thinking is sent back, which nobody signs here (Anthropic's wire)",
    },
    per_wire={
        "openai_chat": {
            # A forced tool is taken for any that is offered, on every wire.
            "quirks": {
                "thinking_field": "reasoning_content",
                "tool_images": True,
                "named_choice": "only",
                "raw_schema": "json_schema",
            },
        },
        "openai_responses": {
            # The server takes a format of the answer, and does not keep it; on the messages wire neither.
            "capabilities": {
                "forced_tool_choice": "versioned",
                "audio_input": "unsupported",
                "structured_output": "unsupported",
                "json_mode": "unsupported",
                "stop": "unsupported",
                "seed": "unsupported",
            },
        },
        "anthropic_messages": {
            "embeddings_path": None,
            "rerank_path": None,
            "quirks": {"auth_header": "Authorization", "unsigned_thinking": True},
            "capabilities": {
                "forced_tool_choice": "versioned",
                "audio_input": "unsupported",
                "structured_output": "unsupported",
                "json_mode": "unsupported",
                "seed": "unsupported",
                "embeddings": "unsupported",
                "rerank": "unsupported",
                "complete_raw": "unsupported",
                "count_tokens": "full",
            },
            # The wire wants it with each call.
            "defaults": {"max_tokens": 8192},
        },
    },
    identity=(
        # Every answer has the header, this one while a model is loaded, and where the server wants a key, too.
        Identity(path="/health", shows=("header:server=llama.cpp",), ports=(8080,)),
        # A proxy may put a header of its own in its place.
        Identity(path="/props", shows=("default_generation_settings", "total_slots"), ports=(8080,)),
        Identity(path="/v1/models", shows=("data.owned_by=llamacpp",), ports=(8080,)),
    ),
    sources={
        "address, paths, identity": "the server that xllamacpp 2026.10.11549 starts, asked on 2026-11-21",
        "raw text": "the engine of xllamacpp 2026.10.11549, asked on 2026-11-21, and the server's source (completions)",
        "answers, thinking, model list": "recorded traffic of the server, read on 2026-11-21",
        "variables": "the server's README (LLAMA_API_KEY), any-llm 1.40 and rig (the others), read on 2026-11-21",
    },
)
"""What this plugin registers."""
