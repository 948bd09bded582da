"""What ``backbay doctor`` says of the environment: variables by name, never by value."""

from __future__ import annotations

import os
import site
import sys
import sysconfig
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

_AT_START = ("sitecustomize", "usercustomize")
_PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable:
    """One environment variable that a plugin reads.

    Attributes:
        name: What it is called.
        purpose: ``"key"``, ``"address"`` or ``"header"``.
        set: Whether it has a value that is not blank.
        backends: The plugins that read it.
        used_by: Those of them that use it: the first of a plugin's variables that is set counts.
        needed_by: Those that cannot work, since they need a key and none of their variables is set.
    """

    name: str
    purpose: str
    set: bool
    backends: tuple[str, ...]
    used_by: tuple[str, ...]
    needed_by: tuple[str, ...]


def variables(facts: Mapping[str, Mapping[str, Any]]) -> Sequence[Variable]:
    """Return the variables that plugins read, by name.

    Args:
        facts: By plugin, the environment fields of its spec.
    """
    found: dict[tuple[str, str], dict[str, list[str]]] = {}
    for plugin, fields in facts.items():
        for purpose, source in (("key", "credential_env"), ("address", "base_url_env")):
            listed = fields.get(source, [])
            used = next((name for name in listed if is_set(name)), None)
            lacking = purpose == "key" and used is None and bool(fields.get("requires_credential"))
            for name in listed:
                _note(found, name, purpose, plugin, used=name == used, needed=lacking)
        for name in fields.get("header_env", []):
            _note(found, name, "header", plugin, used=is_set(name), needed=False)
    return [
        Variable(
            name=name,
            purpose=purpose,
            set=is_set(name),
            backends=tuple(plugins["backends"]),
            used_by=tuple(plugins["used"]),
            needed_by=tuple(plugins["needed"]),
        )
        for (name, purpose), plugins in sorted(found.items())
    ]


def _note(
    found: dict[tuple[str, str], dict[str, list[str]]],
    name: str,
    purpose: str,
    plugin: str,
    *,
    used: bool,
    needed: bool,
) -> None:
    plugins = found.setdefault((name, purpose), {"backends": [], "used": [], "needed": []})
    plugins["backends"].append(plugin)
    if used:
        plugins["used"].append(plugin)
    if needed:
        plugins["needed"].append(plugin)


def is_set(name: str) -> bool:
    """Whether a variable has a value that is not blank; a blank one counts as not set, as it does for ``connect``."""
    return bool(os.environ.get(name, "").strip())


def proxies() -> list[str]:
    """Return the names of the proxy variables that are set. Their values may hold a password."""
    return sorted(name for name in os.environ if name.lower() in _PROXIES and is_set(name))


def startup_files() -> list[str]:
    """Return the files of this installation that run code at every start of Python, without any import of them.

    These are ``.pth`` files with a line of code in them, and modules with one of the two names that Python looks for.
    Source: https://docs.python.org/3/library/site.html
    """
    folders = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib"), *site.getsitepackages()}
    if site.ENABLE_USER_SITE:
        folders.add(site.getusersitepackages())
    paths = (path for folder in folders if folder in sys.path for path in Path(folder).glob("*.pth"))
    found = {str(path) for path in paths if _runs_code(_lines(path))}
    for name in _AT_START:
        spec = find_spec(name)
        if spec is not None and spec.origin is not None:
            found.add(spec.origin)
    return sorted(found)


def _lines(path: Path) -> Iterable[str]:
    try:
        return path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ()


def _runs_code(lines: Iterable[str]) -> bool:
    # What site.addpackage does with such a line is exec() it.
    return any(line.startswith(("import ", "import\t")) for line in lines)
