"""Perplexity: Sonar, which searches, over chat completions; and the Agent API over the responses wire."""

from __future__ import annotations

from backbay.capabilities import Capabilities
from backbay.spec import BackendSpec

spec = BackendSpec(
    name="perplexity",
    label="Perplexity",
    wires=("openai_chat", "openai_responses"),
    default_base_url="https://api.perplexity.ai",
    base_url_env=("PERPLEXITY_BASE_URL", "PERPLEXITY_API_BASE"),
    credential_env=("PERPLEXITY_API_KEY", "PERPLEXITYAI_API_KEY", "PPLX_API_KEY"),
    # Only chat completions have no version in their path. The list is that of the Agent API.
    models_path="v1/models",
    health_path="v1/models",
    embeddings_path="v1/embeddings",
    capabilities=Capabilities.of(
        full="generate streaming system_prompt structured_output temperature top_p max_tokens usage list_models health "
        "embeddings execute",
        versioned="image_input file_input reasoning stop",
        # A search comes before each answer, unasked; Sonar models call no tools.
        unsupported="tools parallel_tool_calls forced_tool_choice streamed_tool_calls json_mode audio_input "
        "hosted_tools cache_control seed rerank count_tokens",
        not_implemented="complete_raw",
    ),
    quirks={"embeddings_format": "base64_int8"},
    per_wire={
        "openai_responses": {
            "default_base_url": "https://api.perplexity.ai/v1",
            # An address in the environment is that of chat completions.
            "base_url_env": (),
            "base_path": "/v1",
            "models_path": "models",
            "health_path": "models",
            "embeddings_path": "embeddings",
            # Models of other vendors, with Perplexity's search among the tools that it runs.
            "capabilities": {
                "tools": "versioned",
                "parallel_tool_calls": "versioned",
                "forced_tool_choice": "versioned",
                "streamed_tool_calls": "versioned",
                "hosted_tools": "versioned",
                "structured_output": "versioned",
                "temperature": "versioned",
                "top_p": "versioned",
                "stop": "unsupported",
            },
        },
    },
    sources={
        "address, paths, citations, embeddings, model list": "recorded traffic, read on 2026-11-21",
        "responses": "docs.perplexity.ai, Agent API, OpenAI Compatibility, read on 2026-11-21",
        "form of embeddings": "recorded, and Haystack's page on Perplexity, read on 2026-11-21",
        "tools, options": "LiteLLM 1.109.1 and any-llm 1.40.2, read on 2026-11-21",
        "variables": "LiteLLM 1.109.1 and any-llm 1.40.2, read on 2026-11-21",
    },
)
"""What this plugin registers."""
