"""The hook by which core finds what is saved here.

It is loaded with the hooks of every program, so it imports next to nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from backbay.hooks import hookimpl

if TYPE_CHECKING:
    from backbay.secrets import SecretHolder

KINDS = frozenset({"saved", "keyring", "keyfile", "oauth"})
"""The kinds of sources that are opened here."""


@hookimpl()
def open_credential(source: str) -> SecretHolder | None:
    """Return the credential that a source of ours names; ``None`` for another's, and if nothing is saved there."""
    kind, _, name = source.partition(":")
    if kind not in KINDS:
        return None
    from .places import anything_saved

    if not anything_saved():
        return None
    from .opening import open_saved

    return open_saved(kind, name)
