"""What ``mkdocs.yml`` cannot say by itself: pages of the site that are no files of ``docs``. mkdocs loads it as hooks.

- The README of each distribution is a page, under ``packages``, and so are SECURITY.md and the like. Links between them
  and the pages of ``docs`` are those of the repository, and are turned into those of the site.
- Each extension has a page of its API, made from docstrings, and the command line one, made from itself.
- Each example program has a page that shows it.

No name of a plugin stands here: whatever is there is found.
"""

from __future__ import annotations

import importlib
import json
import posixpath
import re
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from workspace import ROOT, Distribution, distributions

_LINK = re.compile(r"(?<=\]\()(?P<path>[^)\s#:]+)(?P<rest>#[^)\s]*)?(?=\))")
_FENCE = re.compile(r"^( *)(`{3,}).*?^\1\2 *$", re.DOTALL | re.MULTILINE)
_OTHERS = {
    "SECURITY.md": "security.md",
    "CONTRIBUTING.md": "contributing.md",
    "README.md": "index.md",
    "benchmarks/README.md": "benchmarks/index.md",
    "benchmarks/reliability/README.md": "benchmarks/reliability.md",
    "benchmarks/gateway/README.md": "benchmarks/gateway.md",
}
_TABLES = {"verdicts.html": "verdicts-table.html"}
"""Pages in HTML that would come to lie where a page of the site is."""

_CLI = "reference/cli.md"
_COMMANDS_ARE = (
    "Every command of `backbay`, made from the program itself. "
    "[The package's page](../packages/extensions/cli.md) says what is printed where, and what the exit codes mean."
)
_API = """# {name}

{description} [The package's own page](../packages/extensions/{folder}.md) says how it is used. These are the names of
`{package}`.
"""


@cache
def outside() -> Mapping[str, str]:
    """Return the pages that are no files of ``docs``: the path in the repository, and that in the site's sources."""
    found = {path: uri for path, uri in _OTHERS.items() if (ROOT / path).exists()}
    for member in distributions():
        kind = f"{member.kind}/" if member.kind in {"backends", "extensions"} else ""
        if (member.folder / "README.md").exists():
            found[f"{member.path}/README.md"] = f"packages/{kind}{member.folder.name}.md"
        for path in sorted(member.folder.glob("src/*/**/README.md")):
            name = f"{member.folder.name}-{path.parent.name}"
            found[path.relative_to(ROOT).as_posix()] = f"packages/{kind}{name}.md"
    return found


def on_config(config: Any) -> Any:
    """Add the generated pages to the navigation, in the sections that ``mkdocs.yml`` names for them."""
    for section in config["nav"]:
        for title, listed in section.items():
            if title == "Reference":
                listed.append({"Extensions": [f"reference/{member.package}.md" for member in _extensions()]})
            elif title == "Packages":
                listed.extend(_package_entries())
            elif title == "Tutorials":
                listed.append({"Examples": ["examples/index.md", *(_page_of(path) for path in _programs())]})
    return config


def _extensions() -> list[Distribution]:
    """Return the extensions that are installed, and that a program imports; the command line is none of them."""
    found = [member for member in distributions() if member.kind == "extensions" and member.folder.name != "cli"]
    return [member for member in found if find_spec(member.package) and _names(member)]


def _names(member: Distribution) -> list[str]:
    return sorted(getattr(importlib.import_module(member.package), "__all__", []))


def _api(member: Distribution) -> str:
    """Return the page of an extension's API: each name that its package exports."""
    described = str(member.project.get("description", "")).rstrip(".") + "."
    head = _API.format(name=member.name, description=described, folder=member.folder.name, package=member.package)
    shown = [f"::: {member.package}.{name}\n    options:\n      heading_level: 2" for name in _names(member)]
    return "\n\n".join([head, *shown]) + "\n"


def _package_entries() -> list[Any]:
    pages = sorted(uri for uri in outside().values() if uri.startswith("packages/"))
    kinds = {"Backends": "packages/backends/", "Extensions": "packages/extensions/"}
    plain = [uri for uri in pages if not uri.startswith(tuple(kinds.values()))]
    return [*plain, *({title: [uri for uri in pages if uri.startswith(start)]} for title, start in kinds.items())]


def on_files(files: Any, config: Any) -> Any:
    """Add the generated pages to the site's sources."""
    file = importlib.import_module("mkdocs.structure.files").File
    for path, uri in outside().items():
        if uri != "index.md":
            files.append(file.generated(config, uri, content=(ROOT / path).read_text(encoding="utf-8")))
    for member in _extensions():
        files.append(file.generated(config, f"reference/{member.package}.md", content=_api(member)))
    files.append(file.generated(config, _CLI, content=commands_page()))
    for program in _programs():
        files.append(file.generated(config, _page_of(program), content=_program(program)))
    for name, uri in _TABLES.items():
        files.append(file.generated(config, uri, content=_table(name)))
    return files


def _table(name: str) -> str:
    """Return a page in HTML with the links that hold in the site."""
    text = (ROOT / "docs" / name).read_text(encoding="utf-8")
    pages = {f"../{path}": uri for path, uri in outside().items()}
    links = re.compile(r'(?<=href=")[^"#:]+(?=["#])')
    return links.sub(lambda match: re.sub(r"\.md$", ".html", pages.get(match[0], match[0])), text)


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Turn links that hold in the repository into links that hold in the site."""
    source = _source_of(page.file.src_uri)
    pieces, end = [], 0
    for match in _FENCE.finditer(markdown):
        pieces += [_with_links(markdown[end : match.start()], source, page.file.src_uri), match[0]]
        end = match.end()
    return "".join([*pieces, _with_links(markdown[end:], source, page.file.src_uri)])


def _source_of(uri: str) -> str:
    """Return a page's path in the repository."""
    for path, listed in outside().items():
        if listed == uri and uri != "index.md":
            return path
    return f"docs/{uri}"


def _with_links(text: str, source: str, uri: str) -> str:
    def turned(match: re.Match[str]) -> str:
        path = posixpath.normpath(posixpath.join(posixpath.dirname(source), match["path"]))
        if path.endswith("docs") and (ROOT / path / "index.md").exists():
            path += "/index.md"
        target = outside().get(path) or (path.removeprefix("docs/") if path.startswith("docs/") else None)
        if target is None:
            return match[0]  # mkdocs says that there is no such page
        target = _TABLES.get(target, target)
        if uri == "examples/index.md" and ROOT / "docs" / target in _programs():
            target = _page_of(ROOT / "docs" / target)
        return posixpath.relpath(target, posixpath.dirname(uri) or ".") + (match["rest"] or "")

    return _LINK.sub(turned, text)


def _programs() -> list[Path]:
    """Return the example programs, and the notebook."""
    return sorted(path for path in (ROOT / "docs" / "examples").iterdir() if path.suffix in {".py", ".ipynb"})


def _page_of(program: Path) -> str:
    return f"examples/{program.stem}.md"


def _program(path: Path) -> str:
    """Return the page that shows a program."""
    text = path.read_text(encoding="utf-8")
    get = f"[{path.name}]({path.name}), as a file.\n\n"
    if path.suffix == ".py":
        return f"# {path.name}\n\n{get}```python\n{text}```\n"
    cells = [(cell["cell_type"], "".join(cell["source"])) for cell in json.loads(text)["cells"]]
    shown = [source if kind == "markdown" else f"```python\n{source}\n```" for kind, source in cells]
    return "\n\n".join([shown[0], get, *shown[1:]]) + "\n"


def commands_page() -> str:
    """Return the page of the command line: every command that the installed distributions have, with its options."""
    build = importlib.import_module("backbay_cli.app").build
    command = importlib.import_module("typer.main").get_command(build(["--help"]))
    context = command.make_context("backbay", ["version"])
    lines = [
        "# The command line",
        "",
        _COMMANDS_ARE,
        "",
    ]
    for name, inner in _commands(command, context, "backbay"):
        lines += _command_lines(name, inner)
    return "\n".join(lines) + "\n"


def _commands(group: Any, context: Any, name: str) -> Iterator[tuple[str, Any]]:
    for word in group.list_commands(context):
        inner = group.get_command(context, word)
        if inner.hidden:
            continue
        if hasattr(inner, "list_commands"):
            yield from _commands(inner, context, f"{name} {word}")
        else:
            yield f"{name} {word}", inner


def _command_lines(name: str, command: Any) -> list[str]:
    arguments = [item for item in command.params if item.param_type_name == "argument"]
    options = [item for item in command.params if item.param_type_name == "option" and not item.hidden]
    usage = " ".join([name, *(_argument(item) for item in arguments), *(["[OPTIONS]"] if options else [])])
    lines = [f"## {name}", "", f"    {usage}", "", _plain(command.help or ""), ""]
    rows = [(_argument(item), getattr(item, "help", None) or "") for item in arguments]
    rows += [(_option(item), item.help or "") for item in options]
    if rows:
        lines += [
            "| argument or option | means |",
            "|---|---|",
            *(f"| `{_cell(name)}` | {_cell(_plain(text))} |" for name, text in rows),
            "",
        ]
    return lines


def _argument(item: Any) -> str:
    name = str(item.metavar or item.name.upper()).strip("[].")
    name += "..." if item.nargs == -1 else ""
    return name if item.required else f"[{name}]"


def _option(item: Any) -> str:
    value = "" if item.is_flag else f" {item.metavar or str(item.display_type).upper()}"
    return ", ".join(item.opts) + value


def _plain(text: str) -> str:
    return " ".join(text.replace("\b", "").split())


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;") if "`" not in text else text.replace("|", "\\|")
