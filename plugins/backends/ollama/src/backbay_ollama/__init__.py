"""Ollama, on this machine or in its cloud: on its own wire, or on those that it shares with OpenAI and Anthropic.

Source of the facts: Ollama's API reference and its pages on OpenAI and Anthropic compatibility (docs.ollama.com, read
in November 2026), and recorded traffic.
"""

from __future__ import annotations

from backbay.capabilities import Capabilities
from backbay.spec import BackendSpec, Identity

_SHARED = {
    "codec": None,
    "base_path": "/v1",
    "default_base_url": "http://127.0.0.1:11434/v1",
    "models_path": "models",
    "health_path": "../api/version",
}
"""What is different on the wires of others: the API then lies below ``/v1``."""

spec = BackendSpec(
    name="ollama",
    label="Ollama",
    wires=("ollama_chat", "openai_chat", "openai_responses", "anthropic_messages"),
    codec="backbay_ollama.codec:OllamaChat",
    backend="backbay_ollama.backend:OllamaBackend",
    default_base_url="http://127.0.0.1:11434",
    base_url_env=("OLLAMA_BASE_URL", "OLLAMA_API_BASE"),
    host_env=("OLLAMA_HOST",),
    # Only ollama.com wants a key.
    requires_credential=False,
    credential_env=("OLLAMA_API_KEY",),
    models_path="api/tags",
    health_path="api/version",
    health_statuses=frozenset(),
    embeddings_path="api/embed",
    native=True,
    capabilities=Capabilities.of(
        full="generate streaming system_prompt structured_output json_mode temperature top_p max_tokens stop seed "
        "usage list_models health execute complete_raw",
        # What the model can; the server refuses the rest.
        versioned="tools streamed_tool_calls image_input reasoning embeddings",
        # The server knows neither tool_choice nor parallel_tool_calls, on any of its wires.
        unsupported="parallel_tool_calls forced_tool_choice audio_input file_input hosted_tools cache_control rerank "
        "count_tokens",
    ),
    per_wire={
        # The field in which thinking goes back is recorded.
        "openai_chat": {
            **_SHARED,
            "embeddings_path": "embeddings",
            "quirks": {"thinking_field": "reasoning"},
            # /v1/completions puts the prompt into the model's template; only the own wire can leave that out.
            "capabilities": {"complete_raw": "unsupported"},
        },
        "openai_responses": {
            **_SHARED,
            "embeddings_path": "embeddings",
            # Its page lists no field for the form of an answer, and the wire itself has neither stop strings nor seed.
            "capabilities": {
                "structured_output": "unsupported",
                "json_mode": "unsupported",
                "stop": "unsupported",
                "seed": "unsupported",
                "complete_raw": "unsupported",
            },
        },
        "anthropic_messages": {
            **_SHARED,
            "embeddings_path": None,
            "capabilities": {
                "structured_output": "unsupported",
                "json_mode": "unsupported",
                "seed": "unsupported",
                "embeddings": "unsupported",
                "complete_raw": "unsupported",
            },
            # The wire wants a number; left to itself the server has no limit but the window.
            "defaults": {"max_tokens": 32000},
            # ollama.com takes the key in Authorization alone; and nobody signs what a local model thinks.
            "quirks": {"auth_header": "Authorization", "unsigned_thinking": True},
        },
    },
    identity=(
        Identity(path="/api/version", shows=("version",), ports=(11434,)),
        # Others list models under this path too, for Ollama's clients, and without these.
        Identity(path="/api/tags", shows=("models.digest", "models.details.family"), lacks=("data",), ports=(11434,)),
    ),
    sources={
        "native wire, model list, embeddings": "Ollama's API reference, read on 2026-11-21, and recorded traffic",
        "raw text": "Ollama's API reference (Generate a response: raw), recorded traffic, and the server's source, "
        "whose /v1/completions sets no raw, read on 2026-11-21",
        "other wires": "Ollama's pages on OpenAI and Anthropic compatibility, read on 2026-11-21, and recorded traffic",
        "identity": "Ollama's API reference (Get version, List models), read on 2026-11-21",
        "variables": "Ollama's Python library 0.6.3 (OLLAMA_HOST, OLLAMA_API_KEY), LiteLLM 1.109 and pydantic-ai 2.68 "
        "(the others), read on 2026-11-21",
    },
)
"""What this plugin registers."""
