"""Which backend, on which wire, reads which vendor's API of the corpus."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Route:
    """How to read an API: the arguments of ``connect``."""

    backend: str
    wire: str | None = None
    config: Mapping[str, object] = field(default_factory=dict)


COMPATIBLE = Route("openai-compatible")

ROUTES: Mapping[tuple[str, str], Route] = {
    ("anthropic", "messages"): Route("anthropic"),
    ("anthropic", "models"): Route("anthropic"),
    ("anthropic", "count_tokens"): Route("anthropic"),
    ("azure", "messages"): Route("azure", "anthropic_messages"),
    ("openrouter", "messages"): Route("anthropic"),
    ("azure", "responses"): Route("azure", "openai_responses"),
    ("chatgpt", "responses"): Route("openai", "openai_responses"),
    ("copilot", "responses"): Route("openai", "openai_responses"),
    ("deepseek", "responses"): Route("openai", "openai_responses"),
    ("llamacpp", "responses"): Route("openai", "openai_responses"),
    ("mistralrs", "responses"): Route("openai", "openai_responses"),
    ("openrouter", "responses"): Route("openai", "openai_responses"),
    ("vllm", "responses"): Route("openai", "openai_responses"),
    ("xai", "responses"): Route("openai", "openai_responses"),
    ("google", "generateContent"): Route("google"),
    ("google", "count_tokens"): Route("google"),
    ("google", "embedContent"): Route("google"),
    ("google", "models"): Route("google"),
    ("google", "model_get"): Route("google"),
    ("vertex", "generateContent"): Route("vertex"),
    ("vertex", "count_tokens"): Route("vertex"),
    ("vertex", "messages"): Route("vertex", "anthropic_messages"),
    ("llamacpp", "chat"): Route("llamacpp"),
    ("llamacpp", "models"): Route("llamacpp"),
    ("llamacpp", "embeddings"): Route("llamacpp"),
    ("openai", "chat"): Route("openai"),
    ("openai", "embeddings"): Route("openai"),
    ("openai", "models"): Route("openai"),
    ("openai", "model_get"): Route("openai"),
    ("openai", "responses"): Route("openai", "openai_responses"),
    ("ai21", "chat"): COMPATIBLE,
    ("alibaba", "chat"): COMPATIBLE,
    ("anthropic", "chat"): COMPATIBLE,
    ("avian", "chat"): COMPATIBLE,
    ("azure", "chat"): Route("azure", config={"api_version": "2025-04-01-preview"}),
    ("bedrock", "chat"): Route("bedrock", "openai_chat"),
    ("bedrock", "converse"): Route("bedrock"),
    ("bedrock", "invoke"): Route("bedrock", "bedrock_invoke"),
    ("bedrock", "models"): Route("bedrock", "openai_chat"),
    ("bedrock", "responses"): Route("bedrock", "openai_responses"),
    ("cerebras", "chat"): COMPATIBLE,
    ("cloudflare", "chat"): COMPATIBLE,
    ("copilot", "chat"): COMPATIBLE,
    ("copilot", "embeddings"): COMPATIBLE,
    ("copilot", "models"): COMPATIBLE,
    ("crusoe", "chat"): COMPATIBLE,
    ("databricks", "chat"): COMPATIBLE,
    ("deepseek", "chat"): COMPATIBLE,
    ("deepseek", "models"): COMPATIBLE,
    ("doubleword", "chat"): COMPATIBLE,
    ("doubleword", "embeddings"): COMPATIBLE,
    ("github-models", "chat"): COMPATIBLE,
    ("google", "openai_compat_chat"): Route("google", "openai_chat"),
    ("gpustack", "chat"): COMPATIBLE,
    ("groq", "chat"): COMPATIBLE,
    ("groq", "models"): COMPATIBLE,
    ("heroku", "chat"): COMPATIBLE,
    ("huggingface", "chat"): COMPATIBLE,
    ("huggingface", "models"): COMPATIBLE,
    ("llamacpp", "rerank"): COMPATIBLE,
    ("lmstudio", "chat"): COMPATIBLE,
    ("lmstudio", "models"): COMPATIBLE,
    ("mistral", "chat"): Route("mistral"),
    ("mistral", "embeddings"): Route("mistral"),
    ("mistral", "models"): Route("mistral"),
    ("mistralrs", "chat"): COMPATIBLE,
    ("cohere", "chat_v2"): Route("cohere"),
    ("cohere", "embed"): Route("cohere"),
    ("cohere", "rerank"): Route("cohere"),
    ("cohere", "count_tokens"): Route("cohere"),
    ("cohere", "model_get"): Route("cohere"),
    ("ollama", "api_chat"): Route("ollama"),
    ("ollama", "embed"): Route("ollama"),
    ("ollama", "chat"): Route("ollama", "openai_chat"),
    ("ollama", "embeddings"): Route("ollama", "openai_chat"),
    ("openrouter", "chat"): COMPATIBLE,
    ("openrouter", "embeddings"): COMPATIBLE,
    ("openrouter", "models"): COMPATIBLE,
    ("openrouter", "rerank"): COMPATIBLE,
    ("perplexity", "chat"): COMPATIBLE,
    ("perplexity", "embeddings"): Route("openai-compatible", config={"embeddings_format": "base64_int8"}),
    ("perplexity", "models"): COMPATIBLE,
    ("snowflake", "chat"): COMPATIBLE,
    ("together", "chat"): COMPATIBLE,
    ("venice", "chat"): COMPATIBLE,
    ("venice", "embeddings"): COMPATIBLE,
    ("venice", "models"): COMPATIBLE,
    ("vllm", "chat"): COMPATIBLE,
    ("vllm", "embeddings"): COMPATIBLE,
    ("vllm", "models"): COMPATIBLE,
    ("voyageai", "embeddings"): COMPATIBLE,
    ("voyageai", "rerank"): COMPATIBLE,
    ("writer", "chat_v1"): COMPATIBLE,
    ("xai", "chat"): COMPATIBLE,
    ("xai", "models"): COMPATIBLE,
    ("zai", "chat"): COMPATIBLE,
}
"""By vendor and API."""

DIFFERENCES: Mapping[str, str] = {
    "bedrock/invoke/stream/001": "two generations in one stream of Cohere Command: the facts have the first chunk of "
    "the first alone, and neither its other chunks nor the finish reason of the last",
    **{
        f"copilot/responses/thinking_stream/{number}": "the server changes the answer's id between events; Started "
        "comes first, so ours is the first id"
        for number in ("001", "002")
    },
}
"""Exchanges whose facts differ from ours by design, each with the reason; the whole comparison is left out for them."""

LEFT_OUT: Mapping[tuple[str, str], str] = {
    ("cohere", "chat_v1"): "version 1 of the API, with another body; version 2 does all of it, and is the wire here",
    ("cohere", "generate"): "a completion without turns, whose removal its own answer announces",
    ("ollama", "api_generate"): "a completion of a raw prompt, without turns; /api/chat does all else of it",
    ("ollama", "models"): "POST /api/show, which is about one model; the list is GET /api/tags",
}
"""APIs of the corpus that no backend reads, each with the reason."""
