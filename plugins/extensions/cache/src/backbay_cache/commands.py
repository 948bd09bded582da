"""``backbay cache``: what is in the cache, and an end to it."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from backbay_cli import exits
from backbay_cli.jsonable import print_json
from backbay_cli.options import JsonFlag
from backbay_cli.tables import as_size, show
from backbay_cli.terminal import put, say_folded

from .database import Database, Stats
from .errors import ERRORS
from .places import default_file

app = typer.Typer(help="Answers that are kept.", no_args_is_help=True, epilog=exits.HELP)

File = Annotated[
    Path | None, typer.Option("--file", metavar="FILE", help="The cache, instead of BACKBAY_CACHE or your own.")
]

_NOTHING = Stats(entries=0, bytes=0, hits=0, oldest=None, by_backend=())


def register_commands(app_: typer.Typer) -> None:
    """Add the commands to the command line's app."""
    app_.add_typer(app, name="cache")


@app.command(epilog=exits.HELP)
def stats(*, file: File = None, json: JsonFlag = False) -> None:
    """Show what is in the cache, and how often it was of use."""
    path = _path(file)
    found = _NOTHING
    if path.exists():
        with _opened(path) as database:
            found = database.stats()
    if json:
        columns = ("backend", "model", "entries", "bytes", "hits")
        listed = [dict(zip(columns, row, strict=True)) for row in found.by_backend]
        whole = {"entries": found.entries, "bytes": found.bytes, "hits": found.hits, "oldest": found.oldest}
        print_json({"file": str(path), **whole, "by_backend": listed})
        return
    if not found.entries:
        say_folded(f"Nothing is kept in {path}.", dimmed=True)
        return
    rows = [
        (who, model, f"{count:,}", as_size(size), f"{hits:,}") for who, model, count, size, hits in found.by_backend
    ]
    show(("backend", "model", "answers", "size", "hits"), rows, right=("answers", "size", "hits"))
    days = (time.time() - (found.oldest or 0.0)) / 86400
    said = f"{found.entries:,} answers, {as_size(found.bytes)}, given {found.hits:,} times"
    say_folded(f"{said}; the oldest is {days:.1f} days old. They are in {path}.", dimmed=True)


@app.command(epilog=exits.HELP)
def clear(*, file: File = None, json: JsonFlag = False) -> None:
    """Remove all that is in the cache. It can all be asked again."""
    path = _path(file)
    gone = 0
    if path.exists():
        with _opened(path) as database:
            gone = database.clear()
    if json:
        print_json({"file": str(path), "removed": gone})
    else:
        say_folded(f"{gone:,} answers are removed from {path}.", dimmed=True)


@app.command(epilog=exits.HELP)
def path(*, file: File = None, json: JsonFlag = False) -> None:
    """Print where the cache is, whether or not it is there."""
    found = _path(file)
    if json:
        print_json({"file": str(found), "exists": found.exists()})
    else:
        put(str(found))


def _path(file: Path | None) -> Path:
    return default_file() if file is None else file.expanduser()


@contextmanager
def _opened(path: Path) -> Iterator[Database]:
    """Open a cache; what is wrong with its file is a ``CacheError``."""
    try:
        database = Database(path, timeout=5.0)
        try:
            yield database
        finally:
            database.close()
    except (sqlite3.Error, OSError) as failure:
        raise ERRORS.translated(failure, path) from None
