"""OpenAI over the chat-completions wire, and any server that is told apart only by its base URL.

Source of the facts: OpenAI's API reference and recorded traffic; headers and variables as OpenAI's Python SDK reads
them.
"""

from __future__ import annotations

from backbay.capabilities import Capabilities
from backbay.spec import BackendSpec

spec = BackendSpec(
    name="openai",
    label="OpenAI",
    wires=("openai_chat",),
    default_base_url="https://api.openai.com/v1",
    base_url_env=("OPENAI_BASE_URL", "OPENAI_API_BASE"),
    credential_env=("OPENAI_API_KEY",),
    header_env={"OpenAI-Organization": "OPENAI_ORG_ID", "OpenAI-Project": "OPENAI_PROJECT_ID"},
    capabilities=Capabilities.of(
        full="generate streaming system_prompt tools parallel_tool_calls forced_tool_choice streamed_tool_calls "
        "structured_output json_mode image_input max_tokens usage list_models health embeddings",
        # Reasoning models refuse sampling parameters, others refuse an effort; sound and files go to some models only.
        versioned="audio_input file_input reasoning temperature top_p stop seed",
        # Prompts are cached without being asked for it; tools that OpenAI runs are on the responses wire.
        unsupported="hosted_tools cache_control",
        not_implemented="execute complete_raw",
    ),
    # At OpenAI itself max_tokens is deprecated, and refused by reasoning models; compatible servers may know only it.
    own_quirks={"max_tokens_field": "max_completion_tokens", "strict_schema": True},
    config={
        "max_tokens_field": "'max_tokens' or 'max_completion_tokens'",
        "strict_schema": "whether JSON Schemas are sent in strict mode",
        "stream_usage": "whether streams ask for token counts",
        "thinking_field": "field in which thinking is sent back, such as 'reasoning_content'",
    },
)
"""What this plugin registers."""
