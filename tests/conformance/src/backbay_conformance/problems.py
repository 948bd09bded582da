"""What may be wrong with a conformance test itself, apart from the backend that it tries."""

from __future__ import annotations


class SetUpError(Exception):
    """The suite cannot run as it was set up. The message says which file to change, and how."""


class EmulatorError(Exception):
    """The emulator of a vendor did not do its part. The message says which method of which class, and in what file."""
