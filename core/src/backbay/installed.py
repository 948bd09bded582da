"""One installed distribution and one entry point of it, read from metadata."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module

from ._stdout import diverted
from .errors import IncompatibleBackendError, PluginContractError
from .ranges import unmet
from .selection import normalised

BACKENDS = "backbay.backends"
"""The entry-point group of backends."""

HOOKS = "backbay.hooks"
"""The entry-point group of hooks."""

COMMANDS = "backbay.commands"
"""The entry-point group of what adds commands to the command line, which alone loads it."""

CORE = "backbay"
"""The normalised name of this distribution."""

_VALUE = re.compile(r"([^\W\d]\w*(?:\.[^\W\d]\w*)*)(?::([^\W\d]\w*(?:\.[^\W\d]\w*)*))?")
_REQUIRED = re.compile(r"[A-Za-z0-9._-]+")

Read = Callable[[str], str | None]
"""Reads a file of a distribution's metadata, by name; ``None`` if there is none or it cannot be read."""


class Distribution:
    """An installed distribution. A fact of its metadata is read when first asked for; broken metadata gives ``None``.

    Args:
        path: The metadata folder, or another text that tells this copy from every other.
        folder: What it was found in: a folder on ``sys.path``, a zip file, or what a finder said.
        read: Reads its metadata files.
        shadowed_by: Path of a copy that comes earlier on ``sys.path``, or ``None`` if this is the first.

    Attributes:
        path: As given.
        shadowed_by: As given.
        key: The normalised name.
    """

    def __init__(self, path: str, folder: str, read: Read, *, key: str, shadowed_by: str | None = None) -> None:
        self.path = path
        self.key = key
        self.shadowed_by = shadowed_by
        self._folder = folder
        self._read = read

    def read(self, filename: str) -> str | None:
        """Return one of its metadata files as text; ``None`` if it has none of that name."""
        return self._read(filename)

    @cached_property
    def _headers(self) -> tuple[tuple[str, str], ...]:
        return headers(self._read)

    @cached_property
    def name(self) -> str:
        """The name as its metadata spells it, or else the normalised one."""
        return next((value for header, value in self._headers if header == "name" and value), self.key)

    @cached_property
    def version(self) -> str | None:
        """The version, or ``None`` if neither the metadata nor its folder's name says it."""
        stated = next((value for header, value in self._headers if header == "version" and value), None)
        return stated or version_in(self.path)

    @cached_property
    def location(self) -> str:
        """The project's folder if the installation is editable, else what the distribution was found in.

        Source: https://packaging.python.org/en/latest/specifications/direct-url/ (PEP 610).
        """
        text = self._read("direct_url.json")
        return (text and _editable_project(text)) or self._folder

    @cached_property
    def core_requirements(self) -> tuple[str, ...]:
        """The requirements on Backbay, as written, with their markers."""
        stated = [value for header, value in self._headers if header == "requires-dist"]
        if not stated:
            # Metadata of the egg kind keeps them apart; what comes after the first section is for extras.
            egg = (self._read("requires.txt") or "").partition("[")[0]
            stated = [line.strip() for line in egg.splitlines()]
        heads = ((value, _REQUIRED.match(value)) for value in stated)
        return tuple(value for value, head in heads if head and normalised(head[0]) == CORE)

    def __str__(self) -> str:
        return f"{self.name} {self.version or '(unknown version)'}"


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry point.

    Attributes:
        name: What it is called.
        value: Where it is: ``package.module:attribute``.
        distribution: Who declares it; ``None`` if ``register`` was called for it.
        core: The installed distribution of Backbay; ``None`` if it has no metadata.
        mark: Tells apart what is otherwise equal.
    """

    name: str
    value: str
    distribution: Distribution | None = None
    core: Distribution | None = None
    mark: int = 0

    @property
    def identity(self) -> tuple[object, ...]:
        """What makes this entry point the same one in the next scan."""
        return (self.name, self.value, self.distribution and self.distribution.path, self.mark)

    @property
    def shadowed(self) -> bool:
        """Whether an earlier copy of its distribution hides it."""
        return self.distribution is not None and self.distribution.shadowed_by is not None

    @property
    def built_in(self) -> bool:
        """Whether Backbay itself declares it."""
        return self.distribution is not None and self.distribution.key == CORE

    @property
    def origin(self) -> str:
        """Who declares it and where, for people."""
        if self.distribution is None:
            return "register()"
        return f"{self.distribution} ({self.distribution.location})"

    def allowed(self, allow: frozenset[str] | None) -> bool:
        """Whether an allow-list lets it be used; ``None`` allows everything."""
        if allow is None or self.distribution is None or self.built_in:
            return True
        return self.distribution.key in allow or normalised(self.name) in allow

    def incompatibility(self) -> str | None:
        """Return why the declared requirement keeps it from working with this Backbay, or ``None`` if nothing does."""
        if self.distribution is None or self.core is None or self.core.version is None:
            return None
        required = self.distribution.core_requirements
        return unmet(required, self.core.version) if required else None

    def load(self) -> object:
        """Import it and return what it names. What the import prints goes to standard error.

        Raises:
            IncompatibleBackendError: Its distribution requires another version of Backbay; nothing was imported.
            PluginContractError: Its value is no import path; nothing was imported.
            BaseException: Whatever importing it raises.
        """
        reason = self.incompatibility()
        if reason is not None:
            raise IncompatibleBackendError(
                f"{self.origin} is made for another version of Backbay: {reason}.",
                backend=self.name,
                hint="Upgrade the one that is older: pip install --upgrade backbay "
                f"{self.distribution.name if self.distribution else ''}".rstrip(),
            )
        path = _VALUE.fullmatch(self.value)
        if path is None:
            raise PluginContractError(
                f"The entry point {self.name!r} of {self.origin} is {self.value!r}, "
                "expected 'package.module:attribute'.",
                backend=self.name,
            )
        with diverted():
            found: object = import_module(path[1])
            for attribute in path[2].split(".") if path[2] else ():
                found = getattr(found, attribute)
        return found


def headers(read: Read) -> tuple[tuple[str, str], ...]:
    """Return the headers of a distribution's core metadata, names in lower case; none if there is no metadata."""
    text = read("METADATA") or read("PKG-INFO") or ""
    unfolded = re.sub(r"\n[ \t]+", " ", text.partition("\n\n")[0])
    pairs = (line.partition(":") for line in unfolded.splitlines())
    return tuple((name.strip().lower(), value.strip()) for name, _, value in pairs)


def declared(text: str) -> Iterator[tuple[str, str, str]]:
    """Yield (group, name, value) of our groups in an ``entry_points.txt``. A line without ``=`` has an empty value.

    Source: https://packaging.python.org/en/latest/specifications/entry-points/.
    """
    group = ""
    for line in map(str.strip, text.splitlines()):
        if line.startswith("[") and line.endswith("]"):
            group = line[1:-1].strip()
        elif group in (BACKENDS, HOOKS, COMMANDS) and line and line[0] not in "#;":
            name, _, value = line.partition("=")
            yield group, name.strip(), value.partition("[")[0].strip()


def version_in(path: str) -> str | None:
    """Return the version in a metadata folder's name, ``backbay_acme-1.0.dist-info``, or ``None``."""
    folder = re.split(r"[/\\]", path)[-1]
    found = re.fullmatch(r"[^-]+-(.+?)(?:-py[\d.]+)?\.(?:dist|egg)-info", folder)
    return found[1] if found else None


def _editable_project(direct_url: str) -> str | None:
    import json
    from urllib.parse import unquote, urlsplit

    try:
        stated = json.loads(direct_url)
        url = urlsplit(stated["url"])
        editable = stated["dir_info"]["editable"]
    except (ValueError, TypeError, KeyError, AttributeError):
        return None
    if not editable or url.scheme != "file":
        return None
    path = unquote(url.path)
    return path[1:] if re.match(r"/[A-Za-z]:", path) else path  # file:///C:/project
