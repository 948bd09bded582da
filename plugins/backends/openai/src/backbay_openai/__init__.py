"""OpenAI over the chat-completions and the responses wire, and any server that is told apart only by its base URL.

Source of the facts: OpenAI's API reference, as its Python SDK 3.52 has it, and recorded traffic; headers and variables
as that SDK reads them.
"""

from __future__ import annotations

from backbay.capabilities import Capabilities
from backbay.spec import BackendSpec

from .models import MODELS

spec = BackendSpec(
    name="openai",
    label="OpenAI",
    # Chat completions first: servers that are compatible with OpenAI have it, and only some have responses.
    wires=("openai_chat", "openai_responses"),
    default_base_url="https://api.openai.com/v1",
    base_url_env=("OPENAI_BASE_URL", "OPENAI_API_BASE"),
    credential_env=("OPENAI_API_KEY",),
    header_env={"OpenAI-Organization": "OPENAI_ORG_ID", "OpenAI-Project": "OPENAI_PROJECT_ID"},
    capabilities=Capabilities.of(
        full="generate streaming system_prompt tools parallel_tool_calls forced_tool_choice streamed_tool_calls "
        "structured_output json_mode image_input max_tokens usage list_models health embeddings execute batches",
        # Reasoning models refuse sampling parameters, others refuse an effort; sound and files go to some models only,
        # and so do cache marks: to gpt-5.6 and later. Raw text is for gpt-3.5-turbo-instruct, babbage-002 and
        # davinci-002, and for models of compatible servers.
        versioned="audio_input file_input cache_control reasoning temperature top_p stop seed complete_raw",
        # Tools that OpenAI runs are on the responses wire.
        unsupported="hosted_tools count_tokens rerank",
    ),
    models=MODELS,
    quirks={"cache_marks": "prompt_cache_breakpoint"},
    # At OpenAI itself max_tokens is deprecated, and refused by reasoning models; compatible servers may know only it.
    own_quirks={"max_tokens_field": "max_completion_tokens", "strict_schema": True},
    config={
        "max_tokens_field": "'max_tokens' or 'max_completion_tokens' (chat completions only)",
        "strict_schema": "whether JSON Schemas are sent in strict mode",
        "stream_usage": "whether streams ask for token counts (chat completions only)",
        "thinking_field": "field in which thinking is sent back, such as 'reasoning_content' (chat completions only)",
    },
    per_wire={
        "openai_responses": {
            "capabilities": {
                "hosted_tools": "versioned",
                "count_tokens": "full",
                "audio_input": "unsupported",
                "stop": "unsupported",
                "seed": "unsupported",
            },
            "quirks": {"encrypted_reasoning": True},
            "config": {
                "store": "whether OpenAI keeps answers, for previous_response_id; None leaves that to the server",
                "encrypted_reasoning": "whether reasoning is asked for in a form that can be sent back",
                "reasoning_summary": "'auto', 'concise' or 'detailed', to be told what a model thinks",
                "system_role": "'system', 'developer' or 'instructions': how system messages are sent",
            },
        }
    },
    sources={
        "raw text": "OpenAI's API reference, Completions (legacy), and recorded traffic, read on 2026-11-21",
        "wires, paths, capabilities": "OpenAI's API reference and guides, read on 2026-11-21, and recorded traffic",
        "batches": "OpenAI's Python SDK 3.52 (batches, files) and its guide to the Batch API, read on 2026-11-21",
        "models": "OpenAI's API reference, recorded errors and public reports, read on 2026-11-21",
        "variables, headers": "OpenAI's Python SDK 3.52, LiteLLM 1.109, any-llm 1.40 and pydantic-ai 2.68, read "
        "in 2026-11",
    },
)
"""What this plugin registers."""
