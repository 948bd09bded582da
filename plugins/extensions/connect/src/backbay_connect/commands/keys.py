"""``backbay keys``: save, list and remove keys. None is ever taken as an argument, and none is ever shown."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from typing import Annotated

import typer

from backbay import BackbayError, InvalidCredentialError, Secret, names
from backbay.credentials import find_credential
from backbay.registry import resolve
from backbay_cli import exits
from backbay_cli.jsonable import print_json
from backbay_cli.options import JsonFlag
from backbay_cli.tables import shorten
from backbay_cli.tables import show as show_table
from backbay_cli.terminal import is_terminal, say_folded, warn

from ..keystore import KeyStore
from ..ledger import Saved, check_name
from .shared import FileFlag, ReplaceFlag, document, place_of, warnings_told

app = typer.Typer(name="keys", help="Save keys, and see where each comes from.", no_args_is_help=True)

Name = Annotated[
    str,
    typer.Argument(
        metavar="NAME", help="The backend's name, or another that a provider's credential names.", show_default=False
    ),
]
_LONGEST = 2**16


@app.command("set", epilog=exits.HELP)
def set_(name: Name, *, file: FileFlag = False, replace: ReplaceFlag = False, json: JsonFlag = False) -> None:
    """Save a key. It is asked for without showing it, or read from standard input."""
    check_name(name)
    with warnings_told():
        saved = KeyStore().save(name, _read_key(name), place=place_of(file=file), replace=replace)
    if json:
        print_json({"saved": document(saved)})
    else:
        say_folded(f"The key is kept in {shorten(saved.where)}, as {saved.source}.")


@app.command("list", epilog=exits.HELP)
def list_(*, json: JsonFlag = False) -> None:
    """List what keys there are, and where each comes from; of several for a backend the first is used."""
    with warnings_told():
        found = [*_listed(KeyStore().entries())]
    if json:
        print_json({"keys": found})
        return
    if not found:
        say_folded("There is no key. `backbay keys set NAME` saves one.", dimmed=True)
        return
    rows = [
        (each["name"], each["kind"], each["source"], "yes" if each["used"] else "no", shorten(str(each["where"] or "")))
        for each in found
    ]
    show_table(("name", "kind", "source", "used", "kept in"), rows)


@app.command(epilog=exits.HELP)
def remove(
    name: Name,
    *,
    file: Annotated[
        bool, typer.Option("--file", help="Remove the one in the file, where both places have one.")
    ] = False,
    json: JsonFlag = False,
) -> None:
    """Remove a saved key. The vendor is not told."""
    store = KeyStore()
    saved = store.find(check_name(name), "keyfile" if file else None)
    if saved is None:
        raise typer.BadParameter(f"Nothing is saved as {name}. `backbay keys list` shows what there is.")
    if saved.kind == "oauth":
        raise typer.BadParameter(f"{name} is a sign-in: `backbay disconnect {name}` gives it back to the vendor.")
    store.remove(saved)
    if json:
        print_json({"removed": document(saved)})
    else:
        say_folded(f"{saved.source} is removed. The key itself is still good at the vendor.")


def _read_key(name: str) -> Secret:
    """Return the key that a person types, or that is piped in. What was pasted with white space around it is told."""
    text = ""
    try:
        if is_terminal(sys.stdin):
            text = typer.prompt(f"Key for {name}", hide_input=True, err=True)
        else:
            text = sys.stdin.read(_LONGEST)
        if len(text) >= _LONGEST:
            raise InvalidCredentialError("What came on standard input is too long for a key.")
        if text.strip() != text.removesuffix("\n").removesuffix("\r"):
            warn("White space around the key was taken off.")
        return Secret(text.strip(), source="standard input")
    finally:
        del text


def _listed(saved: Sequence[Saved]) -> Iterator[dict[str, object]]:
    """Yield what is saved, and what the environment has for installed backends, by name."""
    taken: set[str] = set()
    found: list[dict[str, object]] = []
    for each in saved:
        found.append({**document(each), "used": each.name not in taken})
        taken.add(each.name)
    for name in names():
        source = _from_environment(name)
        if source is not None:
            about = {"name": name, "kind": "key", "place": "env", "where": None, "saved_at": None, "source": source}
            found.append({**about, "used": name not in taken})
    yield from sorted(found, key=lambda each: str(each["name"]))


def _from_environment(name: str) -> str | None:
    """Return the source of the key that the environment has for a backend."""
    try:
        key = find_credential(resolve(name))
    except InvalidCredentialError:
        return "env (of no use)"
    except BackbayError:
        return None
    return None if key is None else key.source
