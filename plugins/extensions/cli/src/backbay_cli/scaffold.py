"""The files of a new distribution: templates of this package, with what is asked for put into their blanks."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from importlib.resources import files
from importlib.resources.abc import Traversable

COMMON = "common"
_SUFFIX = ".tmpl"
_PACKAGE = "package"
_BLANK = re.compile(r"\{\{(\w+)\}\}")


def render(kind: str, blanks: Mapping[str, str], *, licence: str = "") -> Mapping[str, str]:
    """Return the text of each file of a distribution, by its path with ``/``.

    Args:
        kind: The folder of templates that is laid over the common one.
        blanks: What stands for each ``{{name}}``; ``module`` names the package.
        licence: The folder of its text below ``licences``; ``""`` for none.
    """
    found = {}
    templates = files(__package__) / "templates"
    folders = [templates / COMMON, templates / kind]
    if licence:
        folders.append(templates / "licences" / licence)
    for folder in folders:
        for path, text in _walk(folder):
            steps = [blanks["module"] if step == _PACKAGE else step for step in path.removesuffix(_SUFFIX).split("/")]
            found["/".join(steps)] = _BLANK.sub(lambda blank: blanks[blank[1]], text)
    return found


def _walk(folder: Traversable, prefix: str = "") -> Iterator[tuple[str, str]]:
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        path = prefix + entry.name
        if entry.is_dir():
            yield from _walk(entry, f"{path}/")
        elif entry.name.endswith(_SUFFIX):
            yield path, entry.read_text(encoding="utf-8")
