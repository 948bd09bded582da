"""``backbay logs list``, ``show``, ``search``, ``export`` and ``clear``."""

from __future__ import annotations

import enum
import sys
from typing import Annotated

import typer

from backbay_cli import exits
from backbay_cli.jsonable import print_json
from backbay_cli.options import JsonFlag
from backbay_cli.safe_text import safe
from backbay_cli.tables import show as show_table
from backbay_cli.terminal import put, say_folded

from ..exporting import as_jsonl, as_markdown, shown, when
from ..log import Found, Query
from ..records import Record
from .shared import File, moment, opened

_EXCERPT = 60
"""Characters of a prompt that a list shows."""

Number = Annotated[int, typer.Option("-n", "--number", min=1, metavar="N", help="Records at most, the newest.")]
Model = Annotated[str | None, typer.Option(metavar="TEXT", help="Only models with this in their name.")]
BackendName = Annotated[str | None, typer.Option("--backend", metavar="NAME", help="Only backends that begin so.")]
Since = Annotated[str | None, typer.Option(metavar="TIME", help="As in 2h, 3d, 2026-01-31 or 2026-01-31T12:00.")]
Errors = Annotated[bool, typer.Option("--errors", help="Only calls that ended with an error.")]


class Format(enum.StrEnum):
    """What ``export`` writes."""

    JSONL = "jsonl"
    MARKDOWN = "markdown"


def add(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("list", epilog=exits.HELP)(list_)
    app.command(epilog=exits.HELP)(show)
    app.command(epilog=exits.HELP)(search)
    app.command(epilog=exits.HELP)(export)
    app.command(epilog=exits.HELP)(clear)


def list_(
    *,
    number: Number = 20,
    model: Model = None,
    backend: BackendName = None,
    since: Since = None,
    errors: Errors = False,
    file: File = None,
    json: JsonFlag = False,
) -> None:
    """List calls, the newest last."""
    query = Query(model=model, backend=backend, since=_since(since), errors=errors, limit=number)
    _print(opened(file).find(query), json=json)


def search(
    words: Annotated[list[str], typer.Argument(help='Words; "a phrase"; AND, OR, NOT; beginning*.')],
    *,
    number: Number = 20,
    model: Model = None,
    backend: BackendName = None,
    since: Since = None,
    errors: Errors = False,
    file: File = None,
    json: JsonFlag = False,
) -> None:
    """Search prompts and answers, the newest last."""
    query = Query(words=" ".join(words), model=model, backend=backend, since=_since(since), errors=errors, limit=number)
    _print(opened(file).find(query), json=json)


def show(
    number: Annotated[int, typer.Argument(metavar="ID", help="The record's number.")],
    *,
    file: File = None,
    json: JsonFlag = False,
) -> None:
    """Show one call whole."""
    record = opened(file).get(number)
    if json:
        print_json(record.document())
    else:
        put(safe(shown(record)).rstrip("\n"))


def export(
    *,
    format_: Annotated[Format, typer.Option("--format", help="JSON Lines, or Markdown.")] = Format.JSONL,
    file: File = None,
    json: Annotated[bool, typer.Option("--json", hidden=True)] = False,
) -> None:
    """Write the whole log to standard output, the oldest first."""
    records = opened(file).records()
    jsonl = json or format_ is Format.JSONL
    for text in as_jsonl(records) if jsonl else as_markdown(records):
        sys.stdout.write(text if jsonl else safe(text))
    sys.stdout.flush()


def clear(
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    file: File = None,
    json: JsonFlag = False,
) -> None:
    """Remove all that is logged."""
    log = opened(file)
    if not yes and not typer.confirm(f"Remove {log.count()[0]:,} records from {log.file}?", err=True):
        raise typer.Exit(exits.USAGE)
    gone = log.clear()
    if json:
        print_json({"file": str(log.file), "removed": gone})
    else:
        say_folded(f"{gone:,} records are removed.", dimmed=True)


def _since(text: str | None) -> float | None:
    return None if text is None else moment(text)


def _print(found: list[Found], *, json: bool) -> None:
    if json:
        print_json({"records": [{**each.record.document(), "excerpt": each.excerpt} for each in found]})
        return
    if not found:
        say_folded("No such call is logged.", dimmed=True)
        return
    rows = [
        (
            each.record.id,
            when(each.record.time),
            each.record.backend,
            each.record.model,
            f"{each.record.duration:.2f}",
            _outcome(each.record),
            _excerpt(each),
        )
        for each in found
    ]
    show_table(("id", "time", "backend", "model", "seconds", "end", "prompt"), rows, right=("id", "seconds"))


def _outcome(record: Record) -> str:
    if record.error is not None:
        return str(record.error.get("type", "error"))
    return "left" if record.closed else record.finish or "-"


def _excerpt(found: Found) -> str:
    if found.excerpt:
        return " ".join(found.excerpt.split())
    text = found.record.messages[-1] if found.record.messages else {}
    content = text.get("content")
    said = " ".join((content if isinstance(content, str) else found.record.prompt).split())
    return said if len(said) <= _EXCERPT else said[: _EXCERPT - 1] + "\u2026"
