"""Mistral AI: the chat-completions wire, and what Mistral has otherwise.

Source of the facts: Mistral's API reference, as the types of its Python SDK 2.x have it, and recorded traffic.
"""

from __future__ import annotations

from backbay.capabilities import Capabilities
from backbay.spec import BackendSpec

spec = BackendSpec(
    name="mistral",
    label="Mistral AI",
    wires=("mistral_chat",),
    codec="backbay_mistral.codec:MistralChat",
    default_base_url="https://api.mistral.ai/v1",
    base_url_env=("MISTRAL_API_BASE",),
    # The vendor's own client is told the address without its version.
    base_path="/v1",
    credential_env=("MISTRAL_API_KEY",),
    capabilities=Capabilities.of(
        full="generate streaming system_prompt tools parallel_tool_calls forced_tool_choice streamed_tool_calls "
        "structured_output json_mode temperature top_p max_tokens stop seed usage list_models health embeddings "
        "execute batches",
        # The model list says which models see, hear and think.
        versioned="image_input audio_input file_input reasoning",
        # Prompts are cached unasked; extra={"prompt_cache_key": ...} says which belong together.
        unsupported="cache_control rerank count_tokens",
        # The reference names tools that Mistral runs, whose answers come in another form than any that was recorded.
        not_implemented="hosted_tools complete_raw",
    ),
    sources={
        "address, paths, wire": "Mistral's API reference, and recorded traffic, read on 2026-11-21",
        "capabilities": "the types of Mistral's Python SDK (chat completions, embeddings, models), read on 2026-11-21",
        "batches": "Mistral's Python SDK (batch jobs, files), its guide and its page on known limitations, read on "
        "2026-11-21",
        "variables": "Mistral's Python SDK (MISTRAL_API_KEY) and LiteLLM 1.109 (MISTRAL_API_BASE), read on 2026-11-21",
    },
)
"""What this plugin registers."""
