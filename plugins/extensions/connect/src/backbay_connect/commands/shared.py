"""What the commands share."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Annotated

import typer

from backbay_cli.terminal import warn

from ..ledger import Place, Saved
from ..places import KeyFileWarning

FileFlag = Annotated[
    bool, typer.Option("--file", help="Keep it in a file that only you can read, where there is no keyring.")
]
ReplaceFlag = Annotated[bool, typer.Option("--replace", help="Overwrite the key that is saved under this name.")]


def place_of(*, file: bool) -> Place:
    """Return the place that the option means."""
    return "keyfile" if file else "keyring"


def document(saved: Saved) -> dict[str, object]:
    """Return what is saved as JSON has it."""
    return {**asdict(saved), "source": saved.source}


@contextmanager
def warnings_told() -> Iterator[None]:
    """Say our warnings as the command line says them, and once."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", KeyFileWarning)
        yield
    for text in dict.fromkeys(str(each.message) for each in caught):
        warn(text)
