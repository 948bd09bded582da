"""Google's models at the Gemini API (``google``) and on Vertex AI (``vertex``).

Source of the facts: the API references of both, recorded traffic, and Google's Python SDK for the variables and for the
addresses of Vertex AI's locations.
"""

from __future__ import annotations

from backbay.capabilities import Capabilities
from backbay.spec import BackendSpec, URLPart
from backbay.wires.claude import THINKING

_GEMINI = Capabilities.of(
    full="generate streaming system_prompt tools forced_tool_choice streamed_tool_calls "
    "structured_output json_mode image_input audio_input file_input hosted_tools temperature top_p max_tokens stop "
    "seed usage list_models health embeddings count_tokens execute",
    # Models before 2.5 do not think; some that do cannot be stopped from it.
    versioned="reasoning",
    # Models make several calls at once, and cannot be told not to. Prompts are cached unasked; what is cached on
    # request is named by extra={"cachedContent": ...}, not by a mark.
    unsupported="parallel_tool_calls cache_control rerank complete_raw",
)

_CHAT = {
    "parallel_tool_calls": "versioned",
    "hosted_tools": "unsupported",
    "count_tokens": "unsupported",
    "audio_input": "versioned",
    "file_input": "versioned",
}
"""What is different on the chat-completions wire that Google offers beside its own."""

_CONFIG = {
    "thinking": "how an effort is asked for: 'level', 'budget', or 'auto' by the model's name",
    "json_schema": "whether JSON Schemas are sent as such, not in the fields for OpenAPI's",
    "tool_media": "where media of a tool's result stand: 'inside' of it, 'beside' it, or 'auto' by the model's name",
    "mark_unsigned": "whether tool calls that another vendor's model made are marked, for Gemini 3 to take them",
}

_ANTHROPIC = {
    "parallel_tool_calls": "full",
    "cache_control": "full",
    "audio_input": "unsupported",
    "json_mode": "unsupported",
    "seed": "unsupported",
    "embeddings": "unsupported",
    # Vertex AI has some of Anthropic's hosted tools; the newest models take no sampling parameters.
    "hosted_tools": "versioned",
    "temperature": "versioned",
    "top_p": "versioned",
}
"""What is different about Anthropic's models."""

_RAW_PREDICT = {
    "path": "models/{model}:rawPredict",
    "stream_path": "models/{model}:streamRawPredict",
    "count_path": "models/count-tokens:rawPredict",
    "model_field": False,
    "body_version": "vertex-2023-10-16",
    "auth_header": "Authorization",
    "close_schemas": True,
    "thinking_by_model": THINKING,
}
"""How Vertex AI takes Anthropic's messages: recorded, and Google's guide to counting tokens of Claude models."""

_LOCATION = "https://{location}-aiplatform.googleapis.com/v1/projects/{project}/locations/{location}"

spec = BackendSpec(
    name="google",
    label="Google Gemini",
    wires=("gemini", "openai_chat"),
    default_base_url="https://generativelanguage.googleapis.com/v1beta",
    base_url_env=("GOOGLE_GEMINI_BASE_URL",),
    base_path="/v1beta",
    # Google's SDK takes the first where both are set.
    credential_env=("GOOGLE_API_KEY", "GEMINI_API_KEY"),
    auth_header="x-goog-api-key",
    capabilities=_GEMINI,
    # A key that is wrong is a 400 (recorded); the server that says so is there.
    health_statuses=frozenset({400, 401, 403}),
    config=_CONFIG,
    codec="backbay_google.codec:Gemini",
    per_wire={
        "openai_chat": {
            "codec": None,
            "default_base_url": "https://generativelanguage.googleapis.com/v1beta/openai",
            "base_path": "/v1beta/openai",
            "auth_header": "Authorization",
            "capabilities": _CHAT,
        }
    },
    sources={
        "wire, capabilities": "Google's reference of the Gemini API, read on 2026-11-21, and recorded traffic",
        "variables": "Google's Python SDK (GOOGLE_API_KEY before GEMINI_API_KEY) and its peers, read in 2026-11",
    },
)
"""The Gemini API."""

vertex_spec = BackendSpec(
    name="vertex",
    label="Google Vertex AI",
    wires=("gemini", "anthropic_messages"),
    # The host of a region; backbay_google.vertex knows those that are named otherwise.
    default_base_url=f"{_LOCATION}/publishers/google",
    base_url_env=("VERTEXAI_API_BASE",),
    url_parts={
        "project": URLPart(about="id of the Google Cloud project", env=("GOOGLE_CLOUD_PROJECT",)),
        "location": URLPart(
            about="region such as 'europe-west4', 'us', 'eu', or 'global'",
            env=("GOOGLE_CLOUD_LOCATION",),
            default="global",
        ),
    },
    # Application Default Credentials do without a key.
    requires_credential=False,
    authorizer="backbay_google.authorizer:GoogleAuthorizer",
    authorizer_config={
        "credentials": "a google.auth credentials object, or a service account's key file; else the default ones",
        "express": "whether the key is an API key of express mode, not an access token",
    },
    # Models are listed by v1beta1 alone, above any project. Source: the reference of publishers.models.list.
    models_path="../../../../../../../v1beta1/publishers/google/models",
    health_path="../../../../../../../v1beta1/publishers/google/models",
    capabilities=_GEMINI,
    config=_CONFIG,
    codec="backbay_google.codec:VertexGemini",
    backend="backbay_google.vertex:VertexBackend",
    per_wire={
        "anthropic_messages": {
            "codec": None,
            "default_base_url": f"{_LOCATION}/publishers/anthropic",
            # Google lists no models of Anthropic's in Anthropic's form.
            "models_path": None,
            "health_path": None,
            "embeddings_path": None,
            "capabilities": _ANTHROPIC,
            "quirks": _RAW_PREDICT,
            # The wire wants a number; this is what all of the newer models take.
            "defaults": {"max_tokens": 32000},
        }
    },
    sources={
        "wires, capabilities": "Google's reference of Vertex AI, read on 2026-11-21, and recorded traffic",
        "addresses, variables": "Google's Python SDK and its peers, read in 2026-11",
    },
)
"""Vertex AI."""
