"""A backend made of a backend: it asks once for each request, and keeps the answer.

backend = backbay_cache.cached("openai:gpt-5.4")
"""

from __future__ import annotations

from .backend import Cached, cached
from .errors import CacheError, CacheWarning
from .places import default_file

__all__ = ["CacheError", "CacheWarning", "Cached", "cached", "default_file"]
