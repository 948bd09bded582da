"""What can be wrong with the file of a cache, in words."""

from __future__ import annotations

from backbay import BackbayError
from backbay.sqlitefile import FileErrors


class CacheError(BackbayError):
    """The cache's file cannot be used.

    ``code`` says why: ``"locked"``, ``"read_only"``, ``"full"``, ``"unreachable"``, ``"no_cache"``, ``"damaged"``,
    ``"newer"`` or ``"failed"``.
    """


class CacheWarning(UserWarning):
    """The cache cannot be used; calls go on without it."""


ERRORS = FileErrors(
    CacheError,
    "no_cache",
    {
        "locked": ("Somebody else is writing to the cache.", "Try again."),
        "read_only": (
            "The file of the cache may be read and not written.",
            "Look at its permissions, or name another.",
        ),
        "full": ("There is no room for the cache.", "Make room on its disk, or name another file."),
        "unreachable": ("The file of the cache cannot be opened.", "Look at its folder, or name another file."),
        "no_cache": ("The file is no cache of Backbay.", "Name another file. This one was left as it is."),
        "damaged": ("The file of the cache is damaged.", "Remove it; it holds nothing that cannot be asked again."),
        "newer": ("The cache was made by a newer backbay-cache.", "Upgrade backbay-cache, or name another file."),
        "failed": ("The database refused.", None),
    },
)
