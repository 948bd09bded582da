"""Amazon Bedrock: Converse, InvokeModel, and the OpenAI-compatible endpoint ``bedrock-mantle``.

Source of the facts: Bedrock's user guide and API reference, botocore's models of both services, and recorded traffic.
"""

from __future__ import annotations

from backbay.capabilities import Capabilities
from backbay.spec import BackendSpec, URLPart

_MANTLE = {
    "codec": None,
    "backend": None,
    # Most models are under /v1, some under /openai/v1 (user guide, Responses API).
    "default_base_url": "https://bedrock-mantle.{region}.api.aws/v1",
    "base_url_env": (),
    "base_path": "/v1",
    "models_path": "models",
    "health_path": "models",
}
"""What the two wires of OpenAI have in common."""

_CHAT = {
    "json_mode": "versioned",
    "seed": "versioned",
    "audio_input": "versioned",
    "hosted_tools": "unsupported",
    "cache_control": "unsupported",
    "count_tokens": "unsupported",
    "embeddings": "unsupported",
    "rerank": "unsupported",
}

spec = BackendSpec(
    name="bedrock",
    label="Amazon Bedrock",
    wires=("bedrock_converse", "bedrock_invoke", "openai_chat", "openai_responses"),
    default_base_url="https://bedrock-runtime.{region}.amazonaws.com",
    base_url_env=("AWS_ENDPOINT_URL_BEDROCK_RUNTIME",),
    url_parts={"region": URLPart(about="AWS region, such as 'eu-west-1'", env=("AWS_REGION", "AWS_DEFAULT_REGION"))},
    credential_env=("AWS_BEARER_TOKEN_BEDROCK",),
    authorizer="backbay_bedrock.sigv4:SigV4Authorizer",
    authorizer_config={"profile": "profile of AWS's configuration whose credentials sign requests"},
    models_path="foundation-models",
    health_path="foundation-models",
    # Embeddings are a call of InvokeModel, whose path has the model in it.
    embeddings_path=None,
    backend="backbay_bedrock.backend:BedrockBackend",
    codec="backbay_bedrock.converse:Converse",
    capabilities=Capabilities.of(
        full="generate streaming system_prompt tools streamed_tool_calls max_tokens temperature top_p stop usage "
        "list_models health embeddings execute",
        # Models of fifteen makers, each with what it can.
        versioned="parallel_tool_calls forced_tool_choice structured_output image_input audio_input file_input "
        "hosted_tools cache_control reasoning count_tokens",
        unsupported="json_mode seed",
        not_implemented="rerank complete_raw",
    ),
    config={
        "thinking": "how a model is asked to think whose id does not say, such as an inference profile's ARN",
        "embedding_form": "'titan' or 'cohere': the form of embedding calls, where the model's id does not say",
    },
    per_wire={
        "bedrock_invoke": {
            "codec": "backbay_bedrock.invoke:InvokeModel",
            "capabilities": {"audio_input": "unsupported"},
        },
        "openai_chat": {**_MANTLE, "capabilities": _CHAT},
        "openai_responses": {
            **_MANTLE,
            "capabilities": {
                **_CHAT,
                "hosted_tools": "versioned",
                "audio_input": "unsupported",
                "stop": "unsupported",
                "seed": "unsupported",
            },
        },
    },
    sources={
        "addresses, paths, wires": "Bedrock's API reference and user guide, botocore 1.44.5's models of both services, "
        "and recorded traffic, read on 2026-11-21",
        "capabilities": "Bedrock's API reference (Converse, InvokeModel, CountTokens), read on 2026-11-21",
        "variables": "AWS's SDKs (AWS_REGION, AWS_DEFAULT_REGION, AWS_ENDPOINT_URL_BEDROCK_RUNTIME) and Bedrock's user "
        "guide (AWS_BEARER_TOKEN_BEDROCK), read on 2026-11-21",
    },
)
"""What this plugin registers."""
