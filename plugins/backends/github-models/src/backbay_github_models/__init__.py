"""GitHub Models over the chat-completions wire. GitHub retired it on 30 July 2026; a server like it may answer."""

from __future__ import annotations

from backbay.capabilities import Capabilities
from backbay.spec import BackendSpec

spec = BackendSpec(
    name="github-models",
    label="GitHub Models (retired in July 2026)",
    wires=("openai_chat",),
    default_base_url="https://models.github.ai/inference",
    base_url_env=("GITHUB_MODELS_BASE_URL", "GITHUB_MODELS_API_BASE"),
    base_path="/inference",
    credential_env=("GITHUB_TOKEN", "GITHUB_API_KEY"),
    headers={"X-GitHub-Api-Version": "2022-11-28"},
    # A catalogue beside the calls, as a bare array.
    models_path="../catalog/models",
    health_path="../catalog/models",
    capabilities=Capabilities.of(
        full="generate streaming system_prompt max_tokens usage list_models health embeddings execute",
        # Models of several makers.
        versioned="tools parallel_tool_calls forced_tool_choice streamed_tool_calls structured_output json_mode "
        "image_input reasoning temperature top_p stop seed",
        unsupported="audio_input file_input hosted_tools cache_control rerank count_tokens",
        not_implemented="complete_raw",
    ),
    config={"max_tokens_field": "'max_tokens' or 'max_completion_tokens', which reasoning models of OpenAI want"},
    sources={
        "retirement": "github.blog/changelog, GitHub Models is now retired, 2026-07-30, as cited by others, 2026-11-21",
        "address, errors": "recorded traffic, read on 2026-11-21",
        "catalogue, embeddings, version header": "docs.github.com/rest/models, read on 2026-11-21",
        "variables": "any-llm 1.40.2 and pydantic-ai 2.68.0, 2026-11-21; GITHUB_MODELS_BASE_URL is spelt as other "
        "vendors spell theirs",
    },
)
"""What this plugin registers."""
