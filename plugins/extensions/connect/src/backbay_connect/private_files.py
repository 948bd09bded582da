"""Files that only their owner can read: refused where somebody else could have read or put them, replaced whole."""

from __future__ import annotations

import os
import secrets
import stat
import warnings
from contextlib import suppress
from pathlib import Path

from backbay.errors import ConfigurationError

from .places import KeyFileWarning

MAX_SIZE = 2**20
"""Bytes of a file of ours; a larger one is not ours."""

_READ = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NONBLOCK", 0)
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
_POSIX = os.name == "posix"


def read(path: Path) -> bytes | None:
    """Return the content of a private file; ``None`` if there is none.

    Raises:
        ConfigurationError: It is a link, or no file, or another's, or others can read it, or it cannot be read
            (``code`` is ``"key_file_unsafe"`` or ``"key_file_unreadable"``).
    """
    if path.is_symlink():
        raise _unsafe(path, "is a symbolic link", "Put the file itself there, or remove the link.")
    try:
        descriptor = os.open(path, _READ)
    except FileNotFoundError:
        return None
    except OSError as failure:
        raise unreadable(path, failure.strerror or type(failure).__name__) from None
    try:
        _check(path, os.fstat(descriptor))
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            return file.read(MAX_SIZE + 1)
    except OSError as failure:
        raise unreadable(path, failure.strerror or type(failure).__name__) from None
    finally:
        os.close(descriptor)


def write(path: Path, content: bytes) -> None:
    """Replace a private file as a whole: at any moment the old content is there, or the new. Its folder is made.

    Raises:
        ConfigurationError: As ``read`` raises, of the file that is there or of its folder; or the disk refused it, and
            the old content is still there (``code`` is ``"key_file_unwritable"``).
    """
    read(path)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        make_folder(path.parent)
        descriptor = os.open(temporary, _CREATE, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        except BaseException:
            with suppress(OSError):
                temporary.unlink()
            raise
        _settle(path.parent)
    except OSError as failure:
        raise ConfigurationError(
            f"{path} could not be written: {failure.strerror or type(failure).__name__}.",
            code="key_file_unwritable",
            hint="What was there is still there. Make room, or set BACKBAY_KEYS to a folder of yours.",
        ) from None


def make_folder(path: Path) -> None:
    """Make a folder of one's own, or check the one that is there.

    Raises:
        ConfigurationError: It is another's, or others may write into it, and so replace files in it.
        OSError: It cannot be made.
    """
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not _POSIX:
        return
    found = path.stat()
    if found.st_uid != os.geteuid():
        raise _unsafe(path, "belongs to another user", "Set BACKBAY_KEYS to a folder of yours.")
    if found.st_mode & 0o022:
        raise _unsafe(path, "can be written by others", f"chmod 700 {path}")


def warn_of_git(path: Path) -> None:
    """Warn if a file is inside a git work tree, from where it is easily committed."""
    for above in path.absolute().parents:
        if (above / ".git").exists():
            warnings.warn(
                f"{path} is inside the git work tree {above}, and could be committed with its keys. "
                "Set BACKBAY_KEYS to a folder outside of it.",
                KeyFileWarning,
                stacklevel=2,
            )
            return


def unreadable(path: Path, reason: str) -> ConfigurationError:
    """Return the error for a file that cannot be read."""
    return ConfigurationError(
        f"{path} cannot be read: {reason}.",
        code="key_file_unreadable",
        hint="Put back a copy of it, or remove it and save the keys again.",
    )


def _check(path: Path, found: os.stat_result) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise _unsafe(path, "is no plain file", "Remove it.")
    if found.st_size > MAX_SIZE:
        raise unreadable(path, f"it is larger than {MAX_SIZE} bytes")
    if not _POSIX:
        return
    if found.st_uid != os.geteuid():
        raise _unsafe(path, "belongs to another user", "Set BACKBAY_KEYS to a folder of yours.")
    if found.st_mode & 0o077:
        mode = stat.S_IMODE(found.st_mode)
        hint = f"Others may have read it: renew its keys, then chmod 600 {path}"
        raise _unsafe(path, f"is open to others (mode {mode:04o})", hint)


def _unsafe(path: Path, why: str, hint: str) -> ConfigurationError:
    return ConfigurationError(f"{path} {why}, so no key is read or kept there.", code="key_file_unsafe", hint=hint)


def _settle(path: Path) -> None:
    """Let the new name of a file outlast a power cut, where folders can be synced."""
    if not _POSIX:
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
