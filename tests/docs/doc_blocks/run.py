"""Runs all Python blocks of one page, in order, in one namespace: ``python -m doc_blocks.run PAGE FOLDER``.

A block may await at its top level. One whose first line is a comment with the path of a file (``# src/.../x.py``) is a
file of a project: all files of a page are written before anything runs, and then imported in their order. Whatever a
block raises ends the run, with the line of the page in the traceback.
"""

from __future__ import annotations

import ast
import asyncio
import importlib
import inspect
import linecache
import re
import sys
import types
from collections.abc import Sequence
from pathlib import Path

import backbay
from backbay.testing import ScriptedServer

from . import prelude
from .gateway import served
from .pages import Block, blocks
from .vendors import Vendors, lead_to

_CONNECTS = re.compile(r"""connect(?:_sync)?\(\s*["']([a-z0-9-]+:[^"']+)["']""")
_FILE = re.compile(r"# ((?:src|tests)/[\w/]+\.py)\n")


def main() -> None:
    """Read the command line, and run a page."""
    page, folder = sys.argv[1], Path(sys.argv[2])
    wanted = [block for block in blocks(page) if block.language == "python" and block.not_run is None]
    vendor = _own_backend(page)
    with ScriptedServer(Vendors(vendor or "")) as server:
        lead_to(server)
        space = _namespace(page, wanted, vendor, folder)
        _write_files(wanted, folder)
        with served(wanted) as ready, asyncio.Runner() as runner:
            for block in ready:
                _run(block, space, runner)
            for backend in _backends(space):
                runner.run(backend.aclose())


def _own_backend(page: str) -> str | None:
    """Return the name of the backend whose page it is."""
    parts = page.split("/")
    return parts[2] if parts[:2] == ["plugins", "backends"] else None


def _namespace(page: str, wanted: Sequence[Block], vendor: str | None, folder: Path) -> dict[str, object]:
    module = types.ModuleType("__main__")
    module.__dict__.update({name: getattr(prelude, name) for name in prelude.__all__})
    module.__dict__["__file__"] = page
    sys.modules["__main__"] = module  # where pickle, pydantic and typing look names up
    (folder / "src" / "backbay_acme").mkdir(parents=True, exist_ok=True)
    (folder / "src" / "backbay_acme" / "__init__.py").write_text(prelude.acme_init, encoding="utf-8")
    sys.path[:0] = [str(folder / "src"), str(folder)]
    module.__dict__["backbay_acme"] = importlib.import_module("backbay_acme")
    if _wants_backend(wanted):
        named = _CONNECTS.search("\n".join(block.code for block in wanted))
        name = named[1] if named else f"{vendor}:some-model" if vendor else "local:tiny"
        module.__dict__["backend"] = backbay.connect(name)
    return module.__dict__


def _wants_backend(wanted: Sequence[Block]) -> bool:
    """Return whether a block uses ``backend`` at its top level, and none before it made one."""
    for block in wanted:
        names = [node for node in ast.walk(_flat(ast.parse(block.code))) if isinstance(node, ast.Name)]
        named = [node for node in names if node.id == "backend"]
        if named:
            return not any(isinstance(node.ctx, ast.Store) for node in named)
    return False


def _flat(tree: ast.Module) -> ast.Module:
    """Return a module without its functions and classes."""
    inner = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
    return ast.Module([node for node in tree.body if not isinstance(node, inner)], [])


def _write_files(wanted: Sequence[Block], folder: Path) -> None:
    for block in wanted:
        if match := _FILE.match(block.code):
            path = folder / match[1]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.code, encoding="utf-8")


def _run(block: Block, space: dict[str, object], runner: asyncio.Runner) -> None:
    if match := _FILE.match(block.code):
        name = match[1].removeprefix("src/").removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        importlib.import_module(name)
        return
    # An empty line for each line of the page before the block, so that tracebacks have the page's own numbers.
    source = "\n" * (block.line - 1) + block.code
    name = f"{block.page}#{block.line}"
    linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
    code = compile(source, name, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
    if code.co_flags & inspect.CO_COROUTINE:
        runner.run(_awaited(code, space))
    else:
        exec(code, space)


async def _awaited(code: types.CodeType, space: dict[str, object]) -> None:
    await eval(code, space)


def _backends(space: dict[str, object]) -> list[backbay.Backend]:
    return [
        value for value in {id(value): value for value in space.values()}.values() if isinstance(value, backbay.Backend)
    ]


if __name__ == "__main__":
    main()
