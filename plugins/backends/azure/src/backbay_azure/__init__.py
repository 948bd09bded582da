"""Azure OpenAI and Azure AI Foundry: chat completions, responses, and Anthropic's messages.

Source of the facts: Microsoft's pages on the API version lifecycle of Azure OpenAI, on its REST API, and on Claude in
Foundry; recorded traffic; variables as the Python SDKs of OpenAI and Anthropic read them for Azure, and as others do.
"""

from __future__ import annotations

from backbay.capabilities import Capabilities
from backbay.spec import BackendSpec, URLPart

_RESOURCE = "name of the Azure resource, which its address begins with"

_CONFIG = {
    "api_version": "'v1' (default), or a date such as '2024-10-21' for the older paths, with a deployment in the path",
    "deployments": "whether the path of a dated version names the deployment; None (default) goes by the address",
    "max_tokens_field": "'max_tokens' or 'max_completion_tokens' (chat completions only)",
    "strict_schema": "whether JSON Schemas are sent in strict mode",
    "stream_usage": "whether streams ask for token counts (chat completions only)",
    "thinking_field": "field in which thinking is sent back, such as 'reasoning_content' (chat completions only)",
}

_QUIRKS = {"max_tokens_field": "max_completion_tokens", "strict_schema": True}

_RESPONSES_CONFIG = {
    "store": "whether Azure keeps answers, for previous_response_id; None leaves that to the server",
    "encrypted_reasoning": "whether reasoning is asked for in a form that can be sent back; None goes by the model's "
    "name, and by whether the call asks for reasoning",
    "reasoning_summary": "'auto', 'concise' or 'detailed', to be told what a model thinks",
    "system_role": "'system', 'developer' or 'instructions': how system messages are sent",
}

_ANTHROPIC = {
    "structured_output": "versioned",
    "json_mode": "unsupported",
    "file_input": "full",
    "audio_input": "unsupported",
    "cache_control": "full",
    # Foundry has some of Anthropic's hosted tools.
    "hosted_tools": "versioned",
    "stop": "full",
    "seed": "unsupported",
    "embeddings": "unsupported",
    "count_tokens": "full",
}
"""What is different about Anthropic's models."""

_THINKING = {
    # As at Anthropic itself; a deployment has the name of its model unless somebody chose another.
    "claude": "adaptive",
    "claude-3": "budget",
    "claude-haiku-4": "budget",
    "claude-opus-4": "budget",
    "claude-opus-4-6": "both",
    "claude-opus-4-7": "adaptive",
    "claude-opus-4-8": "adaptive",
    "claude-sonnet-4": "budget",
    "claude-sonnet-4-6": "both",
}

spec = BackendSpec(
    name="azure",
    label="Azure OpenAI",
    wires=("openai_chat", "openai_responses", "anthropic_messages"),
    default_base_url="https://{resource}.openai.azure.com/openai/v1",
    base_url_env=("AZURE_OPENAI_ENDPOINT", "AZURE_API_BASE"),
    base_path="/openai/v1",
    url_parts={"resource": URLPart(about=_RESOURCE, env=("AZURE_RESOURCE_NAME",))},
    # The last is no key but an access token of Entra ID.
    credential_env=("AZURE_OPENAI_API_KEY", "AZURE_API_KEY", "AZURE_OPENAI_AD_TOKEN"),
    auth_header="api-key",
    authorizer="backbay_azure.entra:EntraAuthorizer",
    authorizer_config={
        "auth": "'entra' to sign in with Microsoft Entra ID, also where the environment has a key",
        "credential": "a credential of azure-identity, or a function that returns an access token",
        "scope": "what the access token is for, in a cloud other than the public one",
    },
    backend="backbay_azure.backend:AzureBackend",
    capabilities=Capabilities.of(
        full="generate streaming system_prompt tools parallel_tool_calls forced_tool_choice streamed_tool_calls "
        "structured_output json_mode image_input max_tokens usage list_models health embeddings execute",
        # A deployment may be of any model, under any name.
        versioned="audio_input file_input reasoning temperature top_p stop seed",
        unsupported="hosted_tools cache_control count_tokens rerank",
        not_implemented="complete_raw",
    ),
    codec="backbay_azure.codec:AzureChat",
    per_wire={
        "openai_chat": {"config": _CONFIG, "quirks": _QUIRKS},
        "openai_responses": {
            "codec": "backbay_azure.codec:AzureResponses",
            "config": {**_CONFIG, **_RESPONSES_CONFIG},
            "quirks": _QUIRKS,
            "capabilities": {
                "hosted_tools": "versioned",
                "audio_input": "unsupported",
                "stop": "unsupported",
                "seed": "unsupported",
            },
        },
        "anthropic_messages": {
            "codec": None,
            "default_base_url": "https://{resource}.services.ai.azure.com/anthropic/v1",
            "base_url_env": ("ANTHROPIC_FOUNDRY_BASE_URL",),
            "base_path": "/anthropic/v1",
            "url_parts": {
                "resource": URLPart(about=_RESOURCE, env=("ANTHROPIC_FOUNDRY_RESOURCE", "AZURE_RESOURCE_NAME"))
            },
            "credential_env": (
                "ANTHROPIC_FOUNDRY_API_KEY",
                "AZURE_OPENAI_API_KEY",
                "AZURE_API_KEY",
                "AZURE_OPENAI_AD_TOKEN",
            ),
            "auth_header": "x-api-key",
            "models_path": None,
            "health_path": None,
            "embeddings_path": None,
            "capabilities": _ANTHROPIC,
            "quirks": {"thinking_by_model": _THINKING, "close_schemas": True},
            # The wire wants a number; this is what all of the newer models take.
            "defaults": {"max_tokens": 32000},
        },
    },
    sources={
        "address, paths, wires": "Microsoft's pages on the API version lifecycle of Azure OpenAI and on Claude in "
        "Foundry, and recorded traffic, read on 2026-11-21",
        "capabilities": "OpenAI's and Anthropic's references; what each deployment takes of it is the model's; "
        "read on 2026-11-21",
        "variables": "the Python SDKs of OpenAI (3.52) and Anthropic for Azure, LiteLLM 1.109, read on 2026-11-21",
    },
)
"""What this plugin registers."""
