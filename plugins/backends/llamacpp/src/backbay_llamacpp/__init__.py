"""llama.cpp's server (``llama-server``) as a local engine, over the chat-completions wire.

Source of the facts: recorded traffic of the server, and the server that xllamacpp 2026.10.11549 starts.
"""

from __future__ import annotations

from backbay.capabilities import Capabilities
from backbay.spec import BackendSpec

spec = BackendSpec(
    name="llamacpp",
    label="llama.cpp server",
    wires=("openai_chat",),
    default_base_url="http://127.0.0.1:8080/v1",
    base_url_env=("LLAMACPP_BASE_URL", "LLAMACPP_API_BASE"),
    requires_credential=False,
    credential_env=("LLAMACPP_API_KEY", "LLAMA_API_KEY"),
    # /health lies beside /v1, answers 503 while a model is loaded, and wants no key.
    health_path="../health",
    health_statuses=frozenset(),
    native=True,
    capabilities=Capabilities.of(
        full="generate streaming system_prompt tools forced_tool_choice streamed_tool_calls structured_output "
        "json_mode max_tokens stop seed temperature top_p usage list_models health",
        # What the model, or the server's start-up flags, decide.
        versioned="parallel_tool_calls image_input audio_input reasoning embeddings",
        unsupported="file_input hosted_tools cache_control",
        not_implemented="execute complete_raw",
    ),
    quirks={"thinking_field": "reasoning_content"},
    config={"thinking_field": "field in which thinking is sent back; None to leave it out"},
)
"""What this plugin registers."""
