"""A server in front of any backend, for clients that speak the OpenAI or the Anthropic wire."""

from __future__ import annotations
