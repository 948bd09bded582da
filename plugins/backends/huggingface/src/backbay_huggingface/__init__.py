"""Hugging Face's router to inference providers, over the chat-completions and the responses wire."""

from __future__ import annotations

from backbay.capabilities import Capabilities
from backbay.spec import BackendSpec

spec = BackendSpec(
    name="huggingface",
    label="Hugging Face Inference Providers",
    wires=("openai_chat", "openai_responses"),
    default_base_url="https://router.huggingface.co/v1",
    base_url_env=("HF_BASE_URL", "HUGGINGFACE_API_BASE", "HF_API_BASE"),
    base_path="/v1",
    credential_env=("HF_TOKEN", "HUGGINGFACE_API_KEY", "HUGGING_FACE_HUB_TOKEN"),
    embeddings_path=None,
    capabilities=Capabilities.of(
        full="generate streaming system_prompt max_tokens usage list_models health execute",
        # Whatever the provider behind the model can; providers of the model list says it.
        versioned="tools parallel_tool_calls forced_tool_choice streamed_tool_calls structured_output json_mode "
        "image_input reasoning temperature top_p stop seed",
        unsupported="audio_input file_input hosted_tools cache_control rerank count_tokens",
        # Embeddings are a task of their own, with another path and body for each model.
        not_implemented="embeddings complete_raw",
    ),
    config={
        "max_tokens_field": "'max_tokens' or 'max_completion_tokens' (chat completions)",
        "thinking_field": "field in which thinking is sent back, such as 'reasoning_content' (chat completions)",
        "thinking_tags": "whether <think> at the beginning of a text is thinking (chat completions)",
    },
    per_wire={
        "openai_responses": {
            # MCP servers are tools that the router runs.
            "capabilities": {"hosted_tools": "versioned", "stop": "unsupported", "seed": "unsupported"},
        },
    },
    sources={
        "address, paths, tools, model list": "recorded traffic of the router, read on 2026-11-21",
        "responses (a beta)": "huggingface.co/docs/inference-providers, Responses API, read on 2026-11-21",
        "variables": "LiteLLM 1.109.1, any-llm 1.40.2 and pydantic-ai 2.68.0, 2026-11-21; HF_BASE_URL is spelt as "
        "other vendors spell theirs",
    },
)
"""What this plugin registers."""
