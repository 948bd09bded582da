"""Each distribution keeps the conventions that CONTRIBUTING.md lists, so that nobody has to look."""

from __future__ import annotations

import importlib
from importlib.metadata import entry_points

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet


def _entry_points(distribution, group):
    return distribution.project.get("entry-points", {}).get(group, {})


def test_the_folder_names_the_distribution(plugin):
    assert plugin.name == f"backbay-{plugin.folder.name}"


def test_the_distribution_names_the_package(distribution):
    source = distribution.folder / "src"
    assert [item.name for item in source.iterdir() if (item / "__init__.py").exists()] == [distribution.package]


def test_the_package_says_that_it_is_typed(distribution):
    assert (distribution.folder / "src" / distribution.package / "py.typed").exists()
    assert "Typing :: Typed" in distribution.project["classifiers"]


def test_the_licence_is_the_repositorys(distribution, root):
    assert (distribution.folder / "LICENSE").read_bytes() == (root / "LICENSE").read_bytes()
    # What is added, such as a model that is shipped, is named beside it and brings its own text.
    licences = distribution.project["license"].split(" AND ")
    assert licences[0] == "Apache-2.0"
    assert distribution.project["license-files"][0] == "LICENSE"
    assert len(distribution.project["license-files"]) == len(licences)


def test_there_is_a_readme_that_names_the_distribution(distribution):
    assert distribution.project["readme"] == "README.md"
    text = (distribution.folder / "README.md").read_text(encoding="utf-8")
    assert distribution.name in text.lower()


def test_there_is_a_changelog_that_towncrier_can_add_to(distribution):
    text = (distribution.folder / "CHANGELOG.md").read_text(encoding="utf-8")
    assert "<!-- towncrier release notes start -->\n" in text


def test_it_is_built_by_hatchling_with_a_version_of_its_own(distribution):
    assert distribution.settings["build-system"]["build-backend"] == "hatchling.build"
    assert "dynamic" not in distribution.project
    assert distribution.project["version"].count(".") == 2


def test_it_runs_on_python_3_11_and_declares_what_is_tested(distribution):
    assert SpecifierSet(distribution.project["requires-python"]).contains("3.11.0")
    for minor in (11, 12, 13):
        assert f"Programming Language :: Python :: 3.{minor}" in distribution.project["classifiers"]


def test_a_plugin_bounds_the_versions_of_backbay_on_both_sides(plugin):
    wanted = [Requirement(line) for line in plugin.project["dependencies"]]
    bounds = [part.operator for item in wanted if item.name == "backbay" for part in item.specifier]
    assert sorted(bounds) == ["<", ">="]


def test_every_requirement_has_a_lower_bound(distribution):
    for line in distribution.requirements():
        assert any(part.operator in {">=", "~=", "=="} for part in Requirement(line).specifier), line


def test_a_backend_registers_a_spec_under_the_name_of_its_folder(backend):
    """It may register another beside it, where two vendors share a wire that nobody else speaks."""
    name = backend.folder.name
    registered = _entry_points(backend, "backbay.backends")
    assert registered[name] == f"{backend.package}:spec"
    for other, value in registered.items():
        [installed] = entry_points(group="backbay.backends", name=other)
        assert installed.value == value
        assert getattr(importlib.import_module(backend.package), value.partition(":")[2]).name == other


def test_an_extension_registers_no_backend(plugin):
    if plugin.kind == "extensions":
        assert not _entry_points(plugin, "backbay.backends")


def test_a_distribution_has_tests(distribution):
    assert list((distribution.folder / "tests").rglob("test_*.py"))


def test_every_declared_requirement_is_pinned_with_a_hash(distribution):
    wanted = [Requirement(line) for line in distribution.requirements()]
    if not wanted:
        assert not distribution.pins.exists(), "it needs nothing, so remove the file"
        return
    text = distribution.pins.read_text(encoding="utf-8")
    pinned = dict(line.split(" ")[0].split("==") for line in text.splitlines() if "==" in line)
    for item in wanted:
        assert item.name in pinned, f"run `tox run -e pins`: {distribution.path} has no pin for {item}"
        assert item.specifier.contains(pinned[item.name]), f"run `tox run -e pins`: {item} is pinned otherwise"
    assert text.count("--hash=sha256:") >= len(pinned)
