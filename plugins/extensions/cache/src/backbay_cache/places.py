"""Where the file of the cache is."""

from __future__ import annotations

import os
from pathlib import Path

VARIABLE = "BACKBAY_CACHE"
"""Names the variable that may say another file. It switches nothing on: ``cached`` does that."""


def default_file() -> Path:
    """Return the file that is used if nobody names one: the variable's, or one in the person's folder of caches."""
    named = os.environ.get(VARIABLE)
    if named:
        return Path(named).expanduser()
    import platformdirs

    return platformdirs.user_cache_path("backbay") / "answers.db"
