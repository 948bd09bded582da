"""What can be wrong with a log, in words."""

from __future__ import annotations

from backbay import BackbayError
from backbay.sqlitefile import FileErrors


class LogError(BackbayError):
    """The log cannot do what was asked.

    ``code`` says why: ``"locked"``, ``"read_only"``, ``"full"``, ``"unreachable"``, ``"no_log"``, ``"damaged"``,
    ``"newer"``, ``"unknown_record"`` or ``"failed"``.
    """


class LogWarning(UserWarning):
    """Calls are not logged, or not all of them; they go on."""


ERRORS = FileErrors(
    LogError,
    "no_log",
    {
        "locked": ("Somebody else is writing to the log.", "Try again."),
        "read_only": ("The file of the log may be read and not written.", "Look at its permissions, or name another."),
        "full": ("There is no room for the log.", "Make room on its disk, or name another file."),
        "unreachable": ("The file of the log cannot be opened.", "Look at its folder, or name another file."),
        "no_log": ("The file is no log of Backbay.", "Name another file. This one was left as it is."),
        "damaged": ("The file of the log is damaged.", "Move it away; another is begun."),
        "newer": ("The log was made by a newer backbay-logs.", "Upgrade backbay-logs, or name another file."),
        "failed": ("The database refused.", None),
    },
)
