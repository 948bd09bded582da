"""No file says where it was written, or where packages come from; and none grows until nobody reads it."""

from __future__ import annotations

import re
from pathlib import Path

_LONGEST = 320
"""Lines of a file; a longer one does two things."""

_INDEX_HOSTS = [".".join(parts) for parts in (("pypi", "org"), ("python" + "hosted", "org"), ("pypi", "python"))]
_NOT_READ = {".gguf", ".png", ".jpg", ".ico", ".woff2"}
"""Endings of files that hold no text."""


def _holding(files, words, root):
    found = []
    for file in files:
        if file.suffix not in _NOT_READ:
            content = file.read_bytes()
            found += [(str(file.relative_to(root)), word) for word in words if word.encode() in content]
    return found


def test_no_file_holds_a_path_of_the_machine_it_was_written_on(files, root):
    paths = {str(root), str(root.parent / "shared"), str(Path.home() / "")}
    if len(root.parts) > 3:  # a parent like /tmp or /home means nothing by itself
        paths.add(str(root.parent))
    assert _holding(files, {path for path in paths if len(path) > len("/root")}, root) == []


def test_no_file_names_a_package_index(files, root):
    assert _holding(files, _INDEX_HOSTS, root) == []


def test_no_source_file_is_too_long_to_be_read_at_one_sitting(files, root):
    found = {}
    for file in files:
        parts = file.relative_to(root).parts
        if file.suffix in {".py", ".toml", ".ini", ".yml", ".yaml"} and not {"tests", "model", "data"} & set(parts):
            found["/".join(parts)] = file.read_text(encoding="utf-8").count("\n")
    assert {name: length for name, length in found.items() if length > _LONGEST} == {}


def test_every_text_file_ends_with_a_line_end(files):
    texts = [file for file in files if file.suffix in {".py", ".md", ".toml", ".ini", ".yml", ".txt"}]
    assert [file.name for file in texts if (content := file.read_bytes()) and not content.endswith(b"\n")] == []


def test_settings_of_the_whole_repository_name_no_plugin(root, plugins):
    named = "|".join(sorted(re.escape(plugin.folder.name) for plugin in plugins))
    naming = re.compile(rf"backbay[-_]({named})\b|(backends|extensions)/({named})\b")
    for name in (
        "tox.ini",
        "pyproject.toml",
        "conftest.py",
        "scripts/imports.py",
        ".ci/run",
        ".github/workflows/ci.yml",
    ):
        assert not naming.search((root / name).read_text(encoding="utf-8")), name
