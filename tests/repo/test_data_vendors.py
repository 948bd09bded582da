"""A vendor that is data stays data: its package is a spec, without a function, a class, or code that runs."""

from __future__ import annotations

import ast
import importlib

_CODE = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)
_ALLOWED = (ast.Import, ast.ImportFrom, ast.Assign, ast.AnnAssign)
"""Statements of such a module, besides strings that explain it."""


def _is_data(backend):
    source = backend.folder / "src" / backend.package
    return [file.name for file in source.rglob("*.py")] == ["__init__.py"]


def _tree(backend):
    return ast.parse((backend.folder / "src" / backend.package / "__init__.py").read_text(encoding="utf-8"))


def _is_text(node):
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def test_there_are_vendors_that_are_data(plugins):
    """Or else the tests below look at nothing."""
    assert sum(_is_data(plugin) for plugin in plugins if plugin.kind == "backends") >= 20


def test_a_vendor_that_is_data_has_no_function_and_no_class(backend):
    if _is_data(backend):
        found = [node.lineno for node in ast.walk(_tree(backend)) if isinstance(node, _CODE)]
        assert found == [], f"code in {backend.path}, at these lines; it belongs into a module of its own"


def test_a_vendor_that_is_data_runs_nothing_when_it_is_imported(backend):
    if _is_data(backend):
        found = [node.lineno for node in _tree(backend).body if not isinstance(node, _ALLOWED) and not _is_text(node)]
        assert found == [], f"{backend.path} does something at these lines, besides naming values"


def test_a_vendor_that_is_data_says_where_its_facts_are_from(backend):
    if _is_data(backend):
        spec = importlib.import_module(backend.package).spec
        assert spec.sources or "Source of the facts:" in (importlib.import_module(backend.package).__doc__ or "")


def test_a_vendor_that_is_data_is_tried_by_the_suite(backend):
    if _is_data(backend):
        text = (backend.folder / "tests" / "test_conformance.py").read_text(encoding="utf-8")
        assert "from backbay_conformance" in text
        assert f"{backend.package}.spec" in text
