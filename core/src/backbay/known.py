"""Which distribution is known to have a backend, for the line that installs it.

A hint and nothing else: a plugin that is not listed works as well. The table is written by ``scripts/backends.py``,
from the backends of the repository. None is added by hand: only distributions that exist belong here, since somebody
else could publish one under a name that we suggest.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

KNOWN: Mapping[str, str] = MappingProxyType(
    {
        "alibaba": "backbay-alibaba",
        "anthropic": "backbay-anthropic",
        "azure": "backbay-azure",
        "bedrock": "backbay-bedrock",
        "cerebras": "backbay-cerebras",
        "cloudflare": "backbay-cloudflare",
        "cohere": "backbay-cohere",
        "copilot": "backbay-copilot",
        "databricks": "backbay-databricks",
        "deepseek": "backbay-deepseek",
        "fireworks": "backbay-fireworks",
        "github-models": "backbay-github-models",
        "google": "backbay-google",
        "groq": "backbay-groq",
        "huggingface": "backbay-huggingface",
        "litellm": "backbay-litellm",
        "llamacpp": "backbay-llamacpp",
        "lmstudio": "backbay-lmstudio",
        "local": "backbay-local",
        "mistral": "backbay-mistral",
        "moonshot": "backbay-moonshot",
        "nvidia": "backbay-nvidia",
        "ollama": "backbay-ollama",
        "openai": "backbay-openai",
        "openai-compatible": "backbay-openai-compatible",
        "openrouter": "backbay-openrouter",
        "perplexity": "backbay-perplexity",
        "sglang": "backbay-sglang",
        "snowflake": "backbay-snowflake",
        "together": "backbay-together",
        "venice": "backbay-venice",
        "vertex": "backbay-google",
        "vllm": "backbay-vllm",
        "voyage": "backbay-voyage",
        "xai": "backbay-xai",
        "zai": "backbay-zai",
    }
)
"""The distribution to install, by backend name."""
