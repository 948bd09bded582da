"""The names that the core exports, and the tree of its errors, say the same wherever they are written down."""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path

import backbay
import backbay.errors


def _error_classes():
    found = vars(backbay.errors).values()
    return {item.__name__: item for item in found if inspect.isclass(item) and issubclass(item, backbay.BackbayError)}


def _drawn():
    """Return the parent of each class that the docstring draws, by the class's name."""
    above, parents = [], {}
    for line in backbay.errors.__doc__.splitlines():
        if found := re.match(r"    (?P<stem>[│├└─ ]*)(?P<name>[A-Z]\w+)(?:\s|$)", line):
            depth = len(found["stem"]) // 4
            parents[found["name"]] = above[depth - 1] if depth else None
            above[depth:] = [found["name"]]
    return parents


def _names_for_type_checkers():
    tree = ast.parse(Path(backbay.__file__).read_text(encoding="utf-8"))
    [block] = [item for item in tree.body if isinstance(item, ast.If) and ast.unparse(item.test) == "TYPE_CHECKING"]
    aliases = {(item.module, alias.name): alias.asname for item in block.body for alias in item.names}
    assert all(asname in {name, None} for (_, name), asname in aliases.items()), "a re-export keeps its name"
    return {name for _, name in aliases if name != "*"} | set(_error_classes())


def test_exported_names_are_sorted_and_there_once():
    assert list(backbay.__all__) == sorted(set(backbay.__all__))


def test_every_exported_name_can_be_imported():
    for name in backbay.__all__:
        assert getattr(backbay, name) is not None


def test_type_checkers_see_the_names_that_programs_see():
    assert _names_for_type_checkers() == set(backbay.__all__)


def test_an_unknown_name_is_an_attribute_error_that_names_it():
    assert not hasattr(backbay, "no_such_name")


def test_every_error_is_drawn_in_the_tree_below_its_base():
    classes = _error_classes()
    bases = {
        name: next((base.__name__ for base in kind.__bases__ if base.__name__ in classes), None)
        for name, kind in classes.items()
    }
    assert _drawn() == bases


def test_the_tree_names_the_builtin_that_an_error_also_is():
    for name, kind in _error_classes().items():
        builtins = [base.__name__ for base in kind.__bases__ if base.__module__ == "builtins" and base is not Exception]
        [line] = [line for line in backbay.errors.__doc__.splitlines() if re.search(rf"(^|[ ─]){name}(\s|$)", line)]
        assert re.findall(r"\(also an? (\w+)\)", line) == builtins


def test_every_error_is_exported():
    assert set(_error_classes()) <= set(backbay.__all__)


def test_every_error_says_what_it_means():
    for kind in _error_classes().values():
        assert kind.__doc__.rstrip().endswith(".")
