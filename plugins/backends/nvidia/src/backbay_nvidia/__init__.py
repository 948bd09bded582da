"""NVIDIA NIM, at build.nvidia.com or at an address of one's own, over the chat-completions wire."""

from __future__ import annotations

from backbay.capabilities import Capabilities
from backbay.spec import BackendSpec

spec = BackendSpec(
    name="nvidia",
    label="NVIDIA NIM",
    wires=("openai_chat",),
    default_base_url="https://integrate.api.nvidia.com/v1",
    base_url_env=("NVIDIA_BASE_URL", "NVIDIA_API_BASE", "NVIDIA_NIM_API_BASE"),
    base_path="/v1",
    credential_env=("NVIDIA_API_KEY", "NVIDIA_NIM_API_KEY"),
    capabilities=Capabilities.of(
        full="generate streaming system_prompt temperature top_p max_tokens usage list_models health execute",
        # Each model is a service of its own, with what it can.
        versioned="tools parallel_tool_calls forced_tool_choice streamed_tool_calls structured_output json_mode "
        "image_input reasoning stop seed embeddings complete_raw",
        unsupported="audio_input file_input hosted_tools cache_control count_tokens",
        # Rerankers are at another host, with another body.
        not_implemented="rerank",
    ),
    config={
        "thinking_field": "field in which thinking is sent back, such as 'reasoning_content'",
        "thinking_tags": "whether <think> at the beginning of a text is thinking",
    },
    sources={
        "address": "NVIDIA's NeMo Curator documentation, OpenAI Compatible Services, read on 2026-11-21",
        "raw text": "docs.nvidia.com/nim, API Reference of NIM for LLMs, and LlamaIndex's page on NVIDIA's "
        "completions, which some models have, read on 2026-11-21",
        "paths, rerank, variables": "LiteLLM 1.109.1 (nvidia_nim), read on 2026-11-21; those of the address that begin "
        "with NVIDIA_BASE and NVIDIA_API are spelt as other vendors spell theirs",
        "answers": "nothing was recorded until 2026-11-21",
    },
)
"""What this plugin registers."""
