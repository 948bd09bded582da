"""Where the files of this package are, and whether there are any."""

from __future__ import annotations

import os
from pathlib import Path

VARIABLE = "BACKBAY_KEYS"
"""Names the variable that may say another folder for what is saved."""

CLIENTS_VARIABLE = "BACKBAY_OAUTH_CLIENTS"
"""Names the variable that may say another file of OAuth clients."""

KEY_FILE = "keys.json"
"""The file that holds keys, where somebody asked for one."""

INDEX_FILE = "index.json"
"""The names of what is in the keyring, since most keyrings cannot list. It holds no secret."""


class KeyFileWarning(UserWarning):
    """A key is where others may come by it, or could not be stored again."""


def folder() -> Path:
    """Return the folder of what is saved; it need not be there."""
    named = os.environ.get(VARIABLE)
    if named:
        return Path(named)
    import platformdirs

    return platformdirs.user_data_path("backbay") / "keys"


def clients_file() -> Path:
    """Return the file of OAuth clients; it need not be there."""
    named = os.environ.get(CLIENTS_VARIABLE)
    if named:
        return Path(named)
    import platformdirs

    return platformdirs.user_config_path("backbay") / "oauth-clients.toml"


def anything_saved() -> bool:
    """Whether anything was ever saved. Costs two looks at the disk, and no import of what reads it."""
    here = folder()
    return os.path.lexists(here / INDEX_FILE) or os.path.lexists(here / KEY_FILE)
