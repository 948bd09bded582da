"""Databricks Model Serving over the chat-completions wire. A model is the name of a serving endpoint."""

from __future__ import annotations

from backbay.capabilities import Capabilities
from backbay.spec import BackendSpec, URLPart

spec = BackendSpec(
    name="databricks",
    label="Databricks Model Serving",
    wires=("openai_chat",),
    default_base_url="https://{workspace}/serving-endpoints",
    url_parts={
        "workspace": URLPart(about="host of the workspace, such as 'adb-1234567890123456.7.azuredatabricks.net'")
    },
    # Databricks' own clients are told the workspace's address, without a path.
    base_url_env=("DATABRICKS_HOST", "DATABRICKS_BASE_URL", "DATABRICKS_API_BASE"),
    base_path="/serving-endpoints",
    credential_env=("DATABRICKS_TOKEN", "DATABRICKS_API_KEY"),
    # The list of endpoints is no list of models, and in another form.
    models_path=None,
    health_path="../api/2.0/serving-endpoints",
    capabilities=Capabilities.of(
        full="generate streaming system_prompt max_tokens temperature usage health embeddings execute",
        # What the model behind the endpoint can.
        versioned="tools parallel_tool_calls forced_tool_choice streamed_tool_calls structured_output json_mode "
        "image_input reasoning top_p stop seed",
        unsupported="audio_input file_input hosted_tools cache_control list_models rerank count_tokens",
        not_implemented="complete_raw",
    ),
    config={
        "max_tokens_field": "'max_tokens' or 'max_completion_tokens'",
        "stream_usage": "whether streams ask for token counts",
    },
    sources={
        "address, answers, tools": "recorded traffic, read on 2026-11-21",
        "options, embeddings": "docs.databricks.com, Foundation model REST API reference, read on 2026-11-21",
        "list of endpoints, variables": "LiteLLM 1.109.1 and any-llm 1.40.2, read on 2026-11-21; DATABRICKS_BASE_URL "
        "is spelt as other vendors spell theirs",
    },
)
"""What this plugin registers."""
