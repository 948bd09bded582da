"""A model inside this process: the small one that ships here, or any GGUF file. No key, no network, no compiler.

Source of the facts: xllamacpp 2026.10.11549, which carries llama.cpp, as it was seen to behave.
"""

from __future__ import annotations

from backbay.capabilities import Capabilities
from backbay.spec import BackendSpec, ModelRule

spec = BackendSpec(
    name="local",
    label="Local engine",
    requires_credential=False,
    models_path=None,
    health_path=None,
    embeddings_path=None,
    native=True,
    capabilities=Capabilities.of(
        full="generate streaming system_prompt tools parallel_tool_calls streamed_tool_calls structured_output "
        "json_mode temperature top_p max_tokens stop seed usage list_models health embeddings "
        "complete_raw count_tokens",
        # The engine keeps the answer from ending without a call, but a model may talk until max_tokens before it.
        versioned="forced_tool_choice",
        # Some models think, and that is shown; the engine's settings for how much are not reached yet.
        not_implemented="reasoning image_input audio_input",
        unsupported="file_input hosted_tools cache_control rerank execute batches",
    ),
    models=(
        ModelRule(
            prefix="tiny",
            capabilities={"reasoning": "unsupported", "image_input": "unsupported", "audio_input": "unsupported"},
        ),
    ),
    config={
        "context": "tokens of prompt and answer that one request may have; 0 for all that the model was trained on",
        "slots": "requests that are worked on at once; more wait for their turn",
        "threads": "processor threads of the engine",
    },
    backend="backbay_local.backend:LocalBackend",
)
"""What this plugin registers."""
