"""What finding a plugin loads of the standard library, in an interpreter that has loaded nothing else (A5)."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import backbay
from backbay import discovery

SOURCE = Path(backbay.__file__).parents[1]
SLOW = ("typing", "re", "dataclasses", "inspect", "pathlib", "json", "hashlib", "enum", "contextlib", "functools")
SLOWER = (
    "asyncio",
    "email",
    "importlib.metadata",
    "importlib_metadata",
    "packaging",
    "pydantic",
    "ssl",
    "urllib.parse",
)


@pytest.fixture
def loaded(site):
    """Run a program that sees ``site``, Backbay and the standard library alone; return what it loaded of a list."""
    site.install("backbay", {"manual": "backbay.manual:spec"}, version="0.1.0")

    def run(work, watched):
        program = f"""
            import os, sys
            sys.path[:0] = [{str(site.folder)!r}, {str(SOURCE)!r}]
            before = set(sys.modules)
            {work}
            print(*[name for name in {watched!r} if name in sys.modules and name not in before])
        """
        command = [sys.executable, "-I", "-S", "-c", textwrap.dedent(program)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout.split()

    return run


def test_importing_backbay_loads_nothing_of_it(loaded):
    assert loaded("import backbay", (*SLOW, *SLOWER)) == []


def test_listing_the_names_loads_nothing_of_it(loaded, site):
    site.backend("acme", requires=["backbay>=0.1"])
    assert loaded("import backbay; assert {'acme', 'manual'} <= set(backbay.names())", (*SLOW, *SLOWER)) == []


def test_resolving_loads_what_the_plugins_spec_needs_and_no_more(loaded, site):
    site.backend("acme", requires=["backbay>=0.1"])
    work = "import backbay.spec; before = set(sys.modules); assert backbay.resolve('acme').name == 'acme'"
    assert loaded(work, (*SLOW, *SLOWER)) == []


def test_one_name_is_found_as_it_is_among_all_of_them(site, other_site):
    site.install("backbay-acme", {"acme": "acme_a:spec", "acme-two": "acme_a:two"})
    site.install("acme-other", {"acme": "acme_b:spec"})
    other_site.install("backbay-acme", {"acme": "acme_c:spec"})
    for name in ("acme", "acme-two", "acme-three", "manual"):
        discovery.refresh()
        alone, listed = discovery.entries_named(name), discovery.entries()
        again = discovery.entries_named(name)
        facts = [(entry.identity, entry.shadowed) for entry in listed if entry.name == name]
        assert [(entry.identity, entry.shadowed) for entry in alone] == facts
        assert [(entry.identity, entry.shadowed) for entry in again] == facts


def test_a_distribution_that_two_finders_give_counts_once(site, monkeypatch):
    site.install("backbay-acme", {"acme": "acme_a:spec"})
    monkeypatch.setattr(sys, "path", [str(site.folder), *sys.path])
    assert len(discovery.entries_named("acme")) == 1
