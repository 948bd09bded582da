"""``backbay new``: a distribution for a new backend, which installs, type-checks and keeps the contract."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from backbay import InvalidRequestError

from . import licences
from .jsonable import print_json
from .options import JsonFlag
from .terminal import is_terminal, put

if TYPE_CHECKING:
    from .asked import Asked, Kind

_WIRES = ("openai_chat", "own")


def new(
    name: Annotated[str | None, typer.Argument(help="The backend's name: lower-case letters, digits, hyphens.")] = None,
    *,
    wire: Annotated[
        str | None, typer.Option(metavar="WIRE", help="'openai_chat', or 'own' for a wire of the vendor's own.")
    ] = None,
    in_process: Annotated[
        bool, typer.Option("--in-process", help="An engine in this process, instead of a vendor that speaks HTTP.")
    ] = False,
    directory: Annotated[
        Path | None, typer.Option(metavar="DIR", help="The folder to write; backbay-NAME if it is not given.")
    ] = None,
    base_url: Annotated[
        str | None, typer.Option(metavar="URL", help="Where the API is, with its version path.")
    ] = None,
    key_env: Annotated[
        str | None, typer.Option(metavar="NAME", help="The environment variable of the key; '' if it wants none.")
    ] = None,
    label: Annotated[str | None, typer.Option(metavar="TEXT", help="The vendor's name for people.")] = None,
    licence: Annotated[
        str, typer.Option(metavar="ID", help="An SPDX identifier, as in apache-2.0; 'none' for no licence.")
    ] = licences.DEFAULT,
    json: JsonFlag = False,
) -> None:
    """Write a distribution for a new backend: its spec, its code, and a test of every law.

    On a terminal it asks for what is not given. All is checked before anything is written.
    """
    asks = is_terminal(sys.stdin) and not json
    chosen = licences.check(licence)
    asked = _asked(name, _kind(wire, in_process=in_process), base_url, key_env, label, asks=asks)
    asked = replace(asked, licence=chosen)
    folder = directory or Path(asked.distribution)
    written = _write(asked, folder)
    if json:
        print_json({"name": asked.name, "kind": asked.kind, "directory": folder, "files": written})
        return
    for path in written:
        put(str(folder / path))
    put(f"\nNext, in {folder}:\n    pip install -e '.[test]'\n    backbay backends\n    pytest\n    mypy")


def _kind(wire: str | None, *, in_process: bool) -> Kind | None:
    from .asked import Kind

    if in_process and wire is not None:
        raise InvalidRequestError("Give --wire or --in-process: a backend in this process has no wire.")
    if wire is not None and wire not in _WIRES:
        raise InvalidRequestError(f"--wire {wire!r} is none of {', '.join(_WIRES)}.")
    if in_process:
        return Kind.IN_PROCESS
    return Kind(wire) if wire is not None else None


def _asked(
    name: str | None, kind: Kind | None, base_url: str | None, key_env: str | None, label: str | None, *, asks: bool
) -> Asked:
    """Return what is to be written; asks for what is missing, or takes the defaults."""
    from . import asked

    if name is None and not asks:
        raise InvalidRequestError("Which backend?", hint="As in: backbay new acme")
    name = asked.check_name(name if name is not None else _prompt("Name", ""))
    if kind is None:
        kinds = ", ".join(asked.Kind)
        answer = _prompt(f"Kind ({kinds})", asked.Kind.OPENAI_CHAT) if asks else asked.Kind.OPENAI_CHAT
        if answer not in list(asked.Kind):
            raise InvalidRequestError(f"{answer!r} is none of {kinds}.")
        kind = asked.Kind(answer)

    def given(value: str | None, question: str, default: str) -> str:
        if value is not None:
            return value
        return _prompt(question, default) if asks else default

    label = asked.check_label(given(label, "Name for people", name.replace("-", " ").title()))
    if kind is asked.Kind.IN_PROCESS:
        if base_url is not None or key_env is not None:
            raise InvalidRequestError("A backend in this process has no --base-url and no --key-env.")
        return asked.Asked(name=name, kind=kind, label=label)
    base_url = asked.check_base_url(given(base_url, "Base URL", f"https://api.{name}.example/v1"), name)
    key_env = given(key_env, "Variable of the key ('' if none)", f"{name.replace('-', '_').upper()}_API_KEY")
    key_env = "" if key_env in ("''", '""') else key_env
    return asked.Asked(name=name, kind=kind, label=label, base_url=base_url, key_env=asked.check_key_env(key_env))


def _prompt(question: str, default: str) -> str:
    answer = typer.prompt(question, default=str(default) if default else None, err=True)
    return str(answer)


def _write(asked: Asked, folder: Path) -> list[str]:
    """Write the files; return their paths below ``folder``."""
    from .scaffold import render

    try:
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise InvalidRequestError(
                f"{folder} exists already, and is not empty.", hint="Give another one with --directory, or remove it."
            )
        text = asked.licence if asked.licence in licences.TEXTS else ""
        texts = render(asked.kind.replace("-", "_"), asked.blanks(), licence=text)
        for path, content in texts.items():
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(content, encoding="utf-8", newline="\n")
    except OSError as failure:
        raise InvalidRequestError(f"{folder} cannot be written: {failure.strerror or failure}.") from None
    return list(texts)
