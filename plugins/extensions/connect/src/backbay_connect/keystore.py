"""What is saved: in the system's keyring, or, where somebody asks for it, in a file that only its owner can read."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from backbay.errors import ConfigurationError, MissingCredentialError
from backbay.http.sealing import unshown
from backbay.secrets import Secret, SecretHolder, as_secret

from . import places, private_files
from .ledger import Kind, Ledger, Place, Saved, check_name, saved_of
from .system_keyring import SystemKeyring

PLACES: tuple[Place, ...] = ("keyring", "keyfile")
"""The places, the one that comes first for a name that is in both."""


class KeyStore:
    """Keys, and what sign-ins gave, by name. One object may be used by any number of threads.

    Args:
        folder: Where the files are; ``None`` for ``BACKBAY_KEYS``, or else the person's own folder for data.
        keyring: The system's keyring; ``None`` for one with the usual limit.
    """

    def __init__(self, folder: Path | None = None, *, keyring: SystemKeyring | None = None) -> None:
        self.folder = folder or places.folder()
        self._keyring = keyring or SystemKeyring()
        self._index = Ledger(self.folder / places.INDEX_FILE)
        self._file = Ledger(self.folder / places.KEY_FILE)

    def product(self) -> str:
        """Return the name of the system's keyring.

        Raises:
            ConfigurationError: There is none that is used, or it does not answer.
        """
        return self._keyring.product()

    def entries(self) -> Sequence[Saved]:
        """Return what is saved, by name; of two of one name the one that counts comes first. The keyring is not asked.

        Raises:
            ConfigurationError: One of the files is unsafe or cannot be read.
        """
        index, file = self._index.records(), self._file.records()
        found = [saved_of(name, record, "keyring", record.get("keyring", "")) for name, record in index.items()]
        found += [saved_of(name, record, "keyfile", str(self._file.path)) for name, record in file.items()]
        return sorted(found, key=lambda each: (each.name, PLACES.index(each.place)))

    def find(self, name: str, place: Place | None = None) -> Saved | None:
        """Return what is saved under a name, in one place or in the first that has it, or ``None``.

        Raises:
            ConfigurationError: As ``entries`` raises.
        """
        for each in self.entries():
            if each.name == name and place in (None, each.place):
                return each
        return None

    @unshown
    def read(self, saved: Saved) -> Secret:
        """Return what is saved: a key, or the record of a sign-in.

        Raises:
            MissingCredentialError: It is not there any more.
            ConfigurationError: The keyring cannot be used; or as ``entries`` raises.
        """
        if saved.place == "keyring":
            found = self._keyring.read(saved.name)
        else:
            found = self._file.records().get(saved.name, {}).get("secret")
        if found is None:
            raise MissingCredentialError(
                f"{saved.source} is listed, and {saved.where} does not have it.",
                hint=f"Save it again: `backbay keys set {saved.name} --replace`.",
            )
        try:
            return Secret(found, source=saved.source)
        finally:
            del found

    @unshown
    def save(
        self,
        name: str,
        secret: str | SecretHolder,
        *,
        kind: Kind = "key",
        place: Place = "keyring",
        replace: bool = False,
    ) -> Saved:
        """Save something under a name; return what is known of it.

        Args:
            name: The backend's name, or another for providers to name.
            secret: The key, or the record of a sign-in.
            kind: Which of both.
            place: Where to keep it. Nothing falls back to a file by itself.
            replace: Whether it may take the place of what is there.

        Raises:
            ConfigurationError: The name is none, or is taken (``code`` is ``"name_taken"``); the place cannot be used.
            InvalidCredentialError: The key could never be sent.
        """
        try:
            kept = as_secret(secret)
        finally:
            del secret
        check_name(name)
        there = self.find(name, place)
        if there is not None and not replace:
            undo = f"backbay disconnect {name}" if there.kind == "oauth" else f"backbay keys remove {name}"
            raise ConfigurationError(
                f"Something is saved as {there.source} already.",
                code="name_taken",
                hint=f"Give --replace to overwrite it, or `{undo}` first.",
            )
        if place == "keyring":
            product = self._keyring.write(name, kept.reveal)
            self._index.put(name, {"kind": kind, "keyring": product})
        else:
            private_files.warn_of_git(self._file.path)
            self._file.put(name, {"kind": kind, "secret": kept.reveal()})
        found = self.find(name, place)
        if found is None:
            raise ConfigurationError(f"{name} was saved, and is gone again: another process removed it.")
        return found

    def remove(self, saved: Saved) -> None:
        """Remove what is saved. It is no error if it is gone already.

        Raises:
            ConfigurationError: As ``read`` raises; then it is still there.
        """
        if saved.place == "keyring":
            self._keyring.remove(saved.name)
            self._index.drop(saved.name)
        else:
            self._file.drop(saved.name)
