"""Finds the entry points of installed distributions. It reads metadata and imports nothing.

Folders on ``sys.path`` are read directly, which is many times faster than making an object for every distribution in
them. What is no plain folder (a zip file, an egg, another finder's distributions) is read with ``importlib_metadata``.
Nothing is written to disk: a scan is kept in this process until a folder on ``sys.path`` changes.

What finds an entry point loads neither ``typing`` nor ``re`` nor ``dataclasses``: they take longer than a scan.
"""

# Path objects would take a quarter of the time of a scan.
# ruff: noqa: PTH100, PTH116, PTH118, PTH123, PTH208

from __future__ import annotations

import os
import sys
import time

from .installed import BACKENDS, COMMANDS, CORE, HOOKS, Distribution, Entry, declared, headers
from .selection import allow_list, normalised

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any, Protocol

    from .installed import Read

    class _Found(Protocol):
        """What a finder gives; ``importlib_metadata.Distribution`` and its like in the standard library."""

        def read_text(self, filename: str) -> str | None: ...
        def locate_file(self, path: str) -> object: ...

    class _Finder(Protocol):
        def find_distributions(self, context: object) -> Iterable[_Found]: ...

    _Seen = tuple[str, str, str, Read | None, str | None]
    """Where it was found, its path, its normalised name, how to read it (``None``: it is a folder), and its
    entry points if any may be ours."""


_MARK = b"backbay."
_SETTLED = 2_000_000_000
"""Nanoseconds after which another change of a folder surely changes its time (FAT counts in steps of two seconds)."""

_CHUNK = 1 << 12
_KINDS = (".dist-info", ".egg-info")
_FILE = f"{os.sep}entry_points.txt"
_READ = os.O_RDONLY | getattr(os, "O_BINARY", 0)
_ABSENT = -1
_STANDARD_FINDERS = ("_frozen_importlib_external", "importlib_metadata")

Place = tuple[str, int, int, int]
"""An entry of ``sys.path``: its text, the time of its last change (-1: not there), its device and its inode."""


class _Scan:
    """What was found, and under which circumstances. What it says is made into objects when somebody asks for it."""

    def __init__(self, key: tuple[object, ...], found: list[_Seen], shadows: dict[str, str]) -> None:
        self.key = key
        self._found = found
        self._shadows = shadows
        self._distributions: dict[str, Distribution] = {}
        self._entries: dict[str, tuple[Entry, ...]] | None = None
        self.core = next((self._distribution(seen) for seen in found if seen[2] == CORE), None)

    def entries(self, group: str) -> tuple[Entry, ...]:
        """Return the entry points of a group."""
        if self._entries is None:
            made: dict[str, list[Entry]] = {BACKENDS: [], HOOKS: [], COMMANDS: []}
            for seen in self._found:
                for one, entry in self._in(seen):
                    made[one].append(entry)
            self._entries = {one: tuple(listed) for one, listed in made.items()}
        return self._entries[group]

    def named(self, group: str, name: str) -> tuple[Entry, ...]:
        """Return the entry points of a group that have a name; what has it nowhere in its metadata is not parsed."""
        if self._entries is not None:
            return tuple(entry for entry in self._entries[group] if entry.name == name)
        with_it = [seen for seen in self._found if name in (seen[4] or "")]
        return tuple(entry for seen in with_it for one, entry in self._in(seen) if one == group and entry.name == name)

    def _in(self, seen: _Seen) -> Iterator[tuple[str, Entry]]:
        distribution, before = self._distribution(seen), set()
        for group, name, value in declared(seen[4] or ""):
            if (group, name) not in before:
                before.add((group, name))
                yield group, Entry(name, value, distribution, self.core)

    def _distribution(self, seen: _Seen) -> Distribution:
        place, path, key, read, _ = seen
        made = self._distributions.get(path)
        if made is None:
            shadow = self._shadows[key]
            made = Distribution(
                path, place, read or _reader(path), key=key, shadowed_by=shadow if shadow != path else None
            )
            self._distributions[path] = made
        return made


class _Cache:
    """The last scan, or ``None`` if there is none that still holds."""

    scan: _Scan | None = None


def entries(group: str = BACKENDS) -> tuple[Entry, ...]:
    """Return the entry points of a group, in the order of ``sys.path``, and by name within one folder of it.

    A distribution that is there twice counts once: the later copy's ``distribution.shadowed_by`` is set.
    """
    return _scan().entries(group)


def entries_named(name: str, group: str = BACKENDS) -> tuple[Entry, ...]:
    """Return those of ``entries`` that have a name."""
    return _scan().named(group, name)


def hook_entry_points() -> tuple[Entry, ...]:
    """Return the entry points of installed hooks that ``BACKBAY_PLUGINS`` allows, each with ``name`` and ``load()``."""
    allow = allow_list()
    found = entries(HOOKS)
    return tuple(entry for entry in found if not entry.shadowed and entry.allowed(allow))


def command_entry_points() -> tuple[Entry, ...]:
    """Return the entry points of installed commands that ``BACKBAY_PLUGINS`` allows."""
    allow = allow_list()
    return tuple(entry for entry in entries(COMMANDS) if not entry.shadowed and entry.allowed(allow))


def core() -> Distribution | None:
    """Return the installed distribution of Backbay itself, or ``None`` if it has no metadata (a bare source folder)."""
    return _scan().core


def refresh() -> None:
    """Forget the last scan, as after a change that leaves no trace in the times of the folders on ``sys.path``."""
    _Cache.scan = None


def _scan() -> _Scan:
    places, finders = _places(), _foreign_finders()
    key = (places, tuple(map(id, finders)))
    last = _Cache.scan
    if last is not None and last.key == key:
        return last
    started = time.time_ns()
    scan = _gather(key, places, finders)
    _Cache.scan = scan if all(changed < started - _SETTLED for _, changed, _, _ in places) else None
    return scan


def _places() -> tuple[Place, ...]:
    """Return what is on ``sys.path``, each folder once, however many names it has (``lib64`` is often ``lib``)."""
    found: list[Place] = []
    seen: set[tuple[int, int]] = set()
    entries: list[Any] = sys.path
    for entry in entries:
        if not isinstance(entry, str):  # Some programs put a Path there; the import system passes over it as well.
            continue
        try:
            stat = os.stat(entry or ".")
        except (OSError, ValueError):
            found.append((entry, _ABSENT, 0, 0))
            continue
        if stat.st_ino and (stat.st_dev, stat.st_ino) in seen:
            continue
        seen.add((stat.st_dev, stat.st_ino))
        found.append((entry, stat.st_mtime_ns, stat.st_dev, stat.st_ino))
    return tuple(found)


def _gather(key: tuple[object, ...], places: Iterable[Place], finders: Iterable[_Finder]) -> _Scan:
    first: dict[str, str] = {}
    found: dict[str, _Seen] = {}
    for seen in _everything(places, finders):
        first.setdefault(seen[2], seen[1])
        if seen[4] is not None or seen[2] == CORE:
            found.setdefault(seen[1], seen)
    return _Scan(key, list(found.values()), first)


def _everything(places: Iterable[Place], finders: Iterable[_Finder]) -> Iterator[_Seen]:
    for place, changed, _, _ in places:
        folder = place or os.curdir
        if changed == _ABSENT:
            continue
        try:
            listed = None if folder.endswith(".egg") else os.listdir(folder)
        except NotADirectoryError:
            listed = None
        except OSError:
            continue
        yield from _in_folder(folder, listed) if listed is not None else _in_archive(folder)
    for finder in finders:
        yield from _from_finder(finder, None)


def _in_folder(folder: str, listed: Iterable[str]) -> Iterator[_Seen]:
    where = os.path.abspath(folder)
    for name in sorted([name for name in listed if name.endswith(_KINDS)]):
        # pip renames what it is about to delete to a name with a tilde.
        if name[0] not in "~.-":
            path = f"{where}{os.sep}{name}"
            yield where, path, normalised(name[:-10].partition("-")[0]), None, _entry_points(path)


def _reader(path: str) -> Read:
    def read(filename: str) -> str | None:
        try:
            with open(os.path.join(path, filename), encoding="utf-8", errors="replace") as file:
                return file.read()
        except OSError:
            return None

    return read


def _entry_points(path: str) -> str | None:
    # Without a file object, which would double the time that this takes.
    try:
        file = os.open(path + _FILE, _READ)
    except OSError:
        return None
    try:
        raw = os.read(file, _CHUNK)
        while raw and len(raw) % _CHUNK == 0 and (more := os.read(file, _CHUNK)):
            raw += more
    except OSError:
        return None
    finally:
        os.close(file)
    return raw.decode("utf-8", "replace") if _MARK in raw else None


def _foreign_finders() -> tuple[_Finder, ...]:
    """Return the finders of distributions that are not the standard ones for ``sys.path``."""
    finders: list[Any] = sys.meta_path
    return tuple(
        finder
        for finder in finders
        if hasattr(finder, "find_distributions") and getattr(finder, "__module__", "") not in _STANDARD_FINDERS
    )


def _in_archive(path: str) -> Iterator[_Seen]:
    from importlib_metadata import MetadataPathFinder

    finder: Any = MetadataPathFinder
    return _from_finder(finder, path)


def _from_finder(finder: _Finder, path: str | None) -> Iterator[_Seen]:
    from importlib_metadata import DistributionFinder

    context = DistributionFinder.Context(**({} if path is None else {"path": [path]}))  # type: ignore[no-untyped-call]
    try:
        found = list(finder.find_distributions(context))
    except Exception:  # noqa: BLE001 - a finder is foreign code, and the other plugins must stay to be found
        return
    for number, distribution in enumerate(found):
        read = _foreign_reader(distribution)
        name = next((value for header, value in headers(read) if header == "name" and value), None)
        where = path or _whereabouts(distribution)
        if name is not None:
            yield where, f"{where}{os.sep}{name}#{number}", normalised(name), read, read("entry_points.txt")


def _foreign_reader(distribution: _Found) -> Read:
    def read(filename: str) -> str | None:
        try:
            return distribution.read_text(filename)
        except Exception:  # noqa: BLE001 - as above
            return None

    return read


def _whereabouts(distribution: _Found) -> str:
    try:
        return str(distribution.locate_file(""))
    except Exception:  # noqa: BLE001 - as above
        return type(distribution).__name__
