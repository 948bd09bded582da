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
    ("openrouter", "messages"): Route("openrouter", "anthropic_messages"),
    ("azure", "responses"): Route("azure", "openai_responses"),
    ("chatgpt", "responses"): Route("openai", "openai_responses"),
    ("copilot", "responses"): Route("copilot", "openai_responses"),
    ("deepseek", "responses"): Route("deepseek", "openai_responses"),
    ("llamacpp", "responses"): Route("llamacpp", "openai_responses"),
    ("mistralrs", "responses"): Route("openai", "openai_responses"),
    ("openrouter", "responses"): Route("openrouter", "openai_responses"),
    ("vllm", "responses"): Route("vllm", "openai_responses"),
    ("xai", "responses"): Route("xai", "openai_responses"),
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
    ("alibaba", "chat"): Route("alibaba"),
    ("anthropic", "chat"): COMPATIBLE,
    ("avian", "chat"): Route("openai-compatible", config={"thinking_field": "reasoning_content"}),
    ("azure", "chat"): Route("azure", config={"api_version": "2025-04-01-preview"}),
    ("bedrock", "chat"): Route("bedrock", "openai_chat"),
    ("bedrock", "converse"): Route("bedrock"),
    ("bedrock", "invoke"): Route("bedrock", "bedrock_invoke"),
    ("bedrock", "models"): Route("bedrock", "openai_chat"),
    ("bedrock", "responses"): Route("bedrock", "openai_responses"),
    ("cerebras", "chat"): Route("cerebras"),
    ("cloudflare", "chat"): Route("cloudflare"),
    ("copilot", "chat"): Route("copilot"),
    ("copilot", "embeddings"): Route("copilot"),
    ("copilot", "models"): Route("copilot"),
    ("crusoe", "chat"): Route("openai-compatible", config={"thinking_field": "reasoning"}),
    ("databricks", "chat"): Route("databricks"),
    ("deepseek", "chat"): Route("deepseek"),
    ("deepseek", "models"): Route("deepseek"),
    ("doubleword", "chat"): Route("openai-compatible", config={"thinking_field": "reasoning_content"}),
    ("doubleword", "embeddings"): COMPATIBLE,
    ("github-models", "chat"): Route("github-models"),
    ("google", "openai_compat_chat"): Route("google", "openai_chat"),
    ("gpustack", "chat"): Route("openai-compatible", config={"thinking_field": "reasoning_content"}),
    ("groq", "chat"): Route("groq"),
    ("groq", "models"): Route("groq"),
    ("heroku", "chat"): COMPATIBLE,
    ("huggingface", "chat"): Route("huggingface"),
    ("huggingface", "models"): Route("huggingface"),
    ("llamacpp", "rerank"): Route("llamacpp"),
    ("lmstudio", "chat"): Route("lmstudio"),
    ("lmstudio", "models"): Route("lmstudio"),
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
    ("openrouter", "chat"): Route("openrouter"),
    ("openrouter", "embeddings"): Route("openrouter"),
    ("openrouter", "models"): Route("openrouter"),
    ("openrouter", "rerank"): Route("openrouter"),
    ("perplexity", "chat"): Route("perplexity"),
    ("perplexity", "embeddings"): Route("perplexity"),
    ("perplexity", "models"): Route("perplexity"),
    ("snowflake", "chat"): Route("snowflake"),
    ("together", "chat"): Route("together"),
    ("venice", "chat"): Route("venice"),
    ("venice", "embeddings"): Route("venice"),
    ("venice", "models"): Route("venice"),
    ("vllm", "chat"): Route("vllm"),
    ("vllm", "embeddings"): Route("vllm"),
    ("vllm", "models"): Route("vllm"),
    ("voyageai", "embeddings"): Route("voyage"),
    ("voyageai", "rerank"): Route("voyage"),
    ("writer", "chat_v1"): COMPATIBLE,
    ("xai", "chat"): Route("xai"),
    ("xai", "models"): Route("xai"),
    ("zai", "chat"): Route("zai"),
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
    ("anthropic", "complete_legacy"): "text completions, which the vendor has retired",
    (
        "google",
        "interactions",
    ): "an API beside generateContent that keeps the conversation at the vendor; not covered yet",
    ("huggingface", "hf_task"): "the inference API of single tasks, older than the router",
    ("openai", "completions"): "completions of a raw prompt, without turns",
    ("together", "completions"): "as OpenAI's",
    ("vllm", "completions"): "as OpenAI's",
    ("ollama", "models"): "POST /api/show, which is about one model; the list is GET /api/tags",
}
"""APIs of the corpus that no backend reads, each with the reason."""
