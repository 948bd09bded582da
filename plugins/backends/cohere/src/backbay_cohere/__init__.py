"""Cohere over version 2 of its API.

Source of the facts: Cohere's API reference (docs.cohere.com, read in November 2026), the types of its Python SDK 7.3,
and recorded traffic; variables as that SDK reads them, and then as others do.
"""

from __future__ import annotations

from backbay.capabilities import Capabilities
from backbay.spec import BackendSpec

spec = BackendSpec(
    name="cohere",
    label="Cohere",
    wires=("cohere_v2",),
    codec="backbay_cohere.codec:CohereV2",
    default_base_url="https://api.cohere.com/v2",
    base_url_env=("CO_API_URL", "CO_BASE_URL", "COHERE_BASE_URL", "COHERE_API_BASE"),
    # The vendor's own client is told the address without its version.
    base_path="/v2",
    credential_env=("CO_API_KEY", "COHERE_API_KEY"),
    # Models and tokens have no version 2. A page has 20 models unless more are asked for, and 1000 at most.
    models_path="../v1/models?page_size=1000",
    health_path="../v1/models?page_size=1",
    embeddings_path="embed",
    rerank_path="rerank",
    capabilities=Capabilities.of(
        full="generate streaming system_prompt tools streamed_tool_calls structured_output json_mode temperature top_p "
        "max_tokens stop seed usage list_models health embeddings rerank count_tokens execute",
        # Vision models see, newer models can be made to call a tool, and reasoning models think.
        versioned="image_input forced_tool_choice reasoning",
        unsupported="parallel_tool_calls audio_input file_input hosted_tools cache_control",
        not_implemented="complete_raw",
    ),
    sources={
        "address, paths, wire": "Cohere's API reference, read on 2026-11-21, and recorded traffic",
        "capabilities": "Cohere's API reference (Chat, Embed, Rerank, Tokenize) and the types of its Python SDK 7.3.1, "
        "read on 2026-11-21",
        "variables": "Cohere's Python SDK 7.3.1 (CO_API_KEY, COHERE_API_KEY, CO_API_URL), LiteLLM 1.109 and any-llm "
        "1.40 (the others), read on 2026-11-21",
    },
)
"""What this plugin registers."""
