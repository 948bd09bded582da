"""One installed distribution and one entry point of it, read from metadata."""

from __future__ import annotations

from importlib import import_module

from .errors import IncompatibleBackendError, PluginContractError
from .selection import normalised

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from functools import cached_property
    from typing import Any

    Read = Callable[[str], str | None]
    """Reads a file of a distribution's metadata, by name; ``None`` if there is none or it cannot be read."""
else:

    class cached_property:  # noqa: N801 (functools' own, without the time that it takes to import it)
        """A property that is made when it is first asked for, and kept in the object."""

        def __init__(self, make: Callable[[Any], object]) -> None:
            self._make = make

        def __get__(self, instance: object, owner: type) -> object:
            value = instance.__dict__[self._make.__name__] = self._make(instance)
            return value


BACKENDS = "backbay.backends"
"""The entry-point group of backends."""

HOOKS = "backbay.hooks"
"""The entry-point group of hooks."""

COMMANDS = "backbay.commands"
"""The entry-point group of what adds commands to the command line, which alone loads it."""

_GROUPS = frozenset((BACKENDS, HOOKS, COMMANDS))

CORE = "backbay"
"""The normalised name of this distribution."""


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
        return tuple(value for value in stated if CORE in value.lower() and _required(value) == CORE)

    def __str__(self) -> str:
        return f"{self.name} {self.version or '(unknown version)'}"


class Entry:
    """An entry point. It is not changed once it is made; two are equal if all that they say is.

    Attributes:
        name: What it is called.
        value: Where it is: ``package.module:attribute``.
        distribution: Who declares it; ``None`` if ``register`` was called for it.
        core: The installed distribution of Backbay; ``None`` if it has no metadata.
        mark: Tells apart what is otherwise equal.
    """

    __slots__ = ("core", "distribution", "mark", "name", "value")

    def __init__(
        self,
        name: str,
        value: str,
        distribution: Distribution | None = None,
        core: Distribution | None = None,
        mark: int = 0,
    ) -> None:
        self.name = name
        self.value = value
        self.distribution = distribution
        self.core = core
        self.mark = mark

    def _said(self) -> tuple[object, ...]:
        return (self.name, self.value, self.distribution, self.core, self.mark)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Entry) and self._said() == other._said()

    def __hash__(self) -> int:
        return hash(self._said())

    def __repr__(self) -> str:
        return f"Entry({self.name!r}, {self.value!r}, {self.origin!r})"

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
        if not required:
            return None
        from .ranges import unmet

        return unmet(required, self.core.version)

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
        from ._stdout import diverted

        path = _path(self.value)
        if path is None:
            raise PluginContractError(
                f"The entry point {self.name!r} of {self.origin} is {self.value!r}, "
                "expected 'package.module:attribute'.",
                backend=self.name,
            )
        with diverted():
            found: object = import_module(path[0])
            for attribute in path[1]:
                found = getattr(found, attribute)
        return found


def headers(read: Read) -> tuple[tuple[str, str], ...]:
    """Return the headers of a distribution's core metadata, names in lower case; none if there is no metadata."""
    text = (read("METADATA") or read("PKG-INFO") or "").partition("\n\n")[0]
    unfolded = text
    if "\n " in text or "\n\t" in text:
        import re

        unfolded = re.sub(r"\n[ \t]+", " ", text)
    pairs = (line.partition(":") for line in unfolded.splitlines())
    return tuple((name.strip().lower(), value.strip()) for name, _, value in pairs)


def _required(requirement: str) -> str:
    """Return the normalised name of the distribution that a requirement is about."""
    import re

    head = re.match(r"[A-Za-z0-9._-]+", requirement)
    return normalised(head[0]) if head else ""


def _path(value: str) -> tuple[str, list[str]] | None:
    """Return the module of an entry point's value, and the attributes to follow; ``None`` if it is no such path."""
    module, colon, attribute = value.partition(":")
    attributes = attribute.split(".") if colon else []
    return (module, attributes) if all(map(str.isidentifier, [*module.split("."), *attributes])) else None


def declared(text: str) -> Iterator[tuple[str, str, str]]:
    """Yield (group, name, value) of our groups in an ``entry_points.txt``. A line without ``=`` has an empty value.

    Source: https://packaging.python.org/en/latest/specifications/entry-points/.
    """
    group, ours = "", False
    for line in map(str.strip, text.splitlines()):
        if not line:
            continue
        if line[0] == "[" and line[-1] == "]":
            group = line[1:-1].strip()
            ours = group in _GROUPS
        elif ours and line[0] not in "#;":
            name, _, value = line.partition("=")
            yield group, name.strip(), (value.partition("[")[0] if "[" in value else value).strip()


def version_in(path: str) -> str | None:
    """Return the version in a metadata folder's name, ``backbay_acme-1.0.dist-info``, or ``None``."""
    import re

    folder = re.split(r"[/\\]", path)[-1]
    found = re.fullmatch(r"[^-]+-(.+?)(?:-py[\d.]+)?\.(?:dist|egg)-info", folder)
    return found[1] if found else None


def _editable_project(direct_url: str) -> str | None:
    import json
    import re
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
