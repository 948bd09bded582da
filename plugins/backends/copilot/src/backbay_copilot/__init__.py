"""GitHub Copilot over the chat-completions and the responses wire, for those who have a subscription."""

from __future__ import annotations

from backbay.capabilities import Capabilities
from backbay.spec import BackendSpec

spec = BackendSpec(
    name="copilot",
    label="GitHub Copilot",
    wires=("openai_chat", "openai_responses"),
    # The paths have no version.
    default_base_url="https://api.githubcopilot.com",
    base_url_env=("GITHUB_COPILOT_BASE_URL", "COPILOT_API_URL", "GITHUB_COPILOT_API_BASE"),
    # A token for GitHub's own API is none of Copilot's, so GITHUB_TOKEN is not among them.
    credential_env=("GITHUB_COPILOT_API_KEY", "GITHUB_COPILOT_API_TOKEN", "COPILOT_GITHUB_TOKEN"),
    # Every client sends these, and enterprise hosts are said to insist. headers= of connect changes them.
    headers={"Copilot-Integration-Id": "vscode-chat", "Editor-Version": "backbay/0.1"},
    capabilities=Capabilities.of(
        full="generate streaming system_prompt max_tokens usage list_models health embeddings execute",
        # Models of several makers; capabilities.supports of the model list says what each one can.
        versioned="tools parallel_tool_calls forced_tool_choice streamed_tool_calls structured_output json_mode "
        "image_input reasoning temperature top_p stop seed",
        unsupported="audio_input file_input hosted_tools cache_control rerank count_tokens",
        not_implemented="complete_raw",
    ),
    quirks={"max_tokens_field": "max_completion_tokens"},
    config={"max_tokens_field": "'max_tokens' or 'max_completion_tokens' (chat completions)"},
    per_wire={
        "openai_responses": {
            "capabilities": {"stop": "unsupported", "seed": "unsupported"},
            "config": {
                "encrypted_reasoning": "whether reasoning is asked for in a form that can be sent back",
                "reasoning_summary": "'auto', 'concise' or 'detailed', to be told what a model thinks",
            },
        },
    },
    sources={
        "paths, answers, embeddings, model list, responses": "recorded traffic, read on 2026-11-21",
        "address, headers, limits of the answer": "pydantic-ai (providers/github_copilot.py), read on 2026-11-21",
        "variables": "pydantic-ai and LiteLLM 1.109.1, read on 2026-11-21",
    },
)
"""What this plugin registers."""
