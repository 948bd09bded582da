"""Anthropic over the messages wire, and any server that is told apart only by its base URL.

Source of the facts: Anthropic's API reference and guides, its model list (recorded in August 2026), and recorded
traffic; variables as Anthropic's Python SDK reads them.
"""

from __future__ import annotations

from dataclasses import replace

from backbay.capabilities import Capabilities
from backbay.spec import BackendSpec
from backbay.wires.claude import THINKING

MAX_TOKENS = 32000
"""Tokens of an answer at most, where the caller does not say: the most that every model on the vendor's list takes."""

spec = BackendSpec(
    name="anthropic",
    label="Anthropic",
    wires=("anthropic_messages",),
    default_base_url="https://api.anthropic.com/v1",
    base_url_env=("ANTHROPIC_BASE_URL", "ANTHROPIC_API_BASE"),
    # The vendor's own clients are told the address without its version.
    base_path="/v1",
    credential_env=("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN"),
    auth_header="x-api-key",
    embeddings_path=None,
    backend="backbay_anthropic.backend:AnthropicBackend",
    capabilities=Capabilities.of(
        full="generate streaming system_prompt tools parallel_tool_calls forced_tool_choice streamed_tool_calls "
        "structured_output image_input file_input hosted_tools cache_control max_tokens stop usage list_models health "
        "count_tokens execute batches",
        # Models differ in how they are asked to think; the newest take no sampling parameters.
        versioned="reasoning temperature top_p",
        # Text completions are retired.
        unsupported="audio_input json_mode seed embeddings rerank complete_raw",
    ),
    defaults={"max_tokens": MAX_TOKENS},
    # What is no Claude gets a budget.
    quirks={"thinking_by_model": THINKING, "close_schemas": True},
    config={
        "api_version": "'2023-06-01' (default) or '2026-10-21', which has no temperature, top_p and top_k",
        "auth_header": "header of the key: 'x-api-key' or 'Authorization'; the version's own by default",
        "system_anywhere": "whether a system message may stand within the conversation (Claude Opus 4.8 and later)",
        "unsigned_thinking": "whether thinking is sent back that nobody signed, as local servers give it",
    },
    sources={
        "wire, versions, capabilities": "Anthropic's API reference, guides and release notes, read on 2026-11-21, and "
        "recorded traffic",
        "batches": "Anthropic's Python SDK 2.12 (message batches), API reference and guide, read on 2026-11-21",
        "models": "the capabilities in Anthropic's model list, recorded in August 2026",
        "variables": "Anthropic's Python SDK 2.11, LiteLLM 1.109 and any-llm 1.40, read in 2026-11",
    },
)
"""What this plugin registers."""


def in_newer_version(older: BackendSpec) -> BackendSpec:
    """Return a spec as it is in version 2026-10-21 of the API: no sampling parameters, and the key as a bearer's."""
    capabilities = older.capabilities.with_({"temperature": "unsupported", "top_p": "unsupported"})
    newer = replace(older, auth_header="Authorization", capabilities=capabilities)
    return older if newer == older else newer


newer_spec = in_newer_version(spec)
"""What a backend declares that was connected with ``api_version="2026-10-21"``."""
