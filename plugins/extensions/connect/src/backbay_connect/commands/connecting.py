"""``backbay connect VENDOR`` and ``backbay disconnect VENDOR``."""

from __future__ import annotations

import threading
import webbrowser
from datetime import UTC, datetime
from typing import Annotated

import typer

from backbay_cli.jsonable import print_json
from backbay_cli.options import JsonFlag
from backbay_cli.terminal import say, say_folded

from ..flows import LIMIT, Prompt
from ..signing import SignedIn, sign_in, sign_out
from .shared import FileFlag, ReplaceFlag, document, place_of, warnings_told

Vendor = Annotated[str, typer.Argument(metavar="VENDOR", help="A backend, or a saved provider.", show_default=False)]
_OPENING = 3.0
"""Seconds for a browser to say that it cannot be opened."""


def connect(
    vendor: Vendor,
    *,
    device: Annotated[
        bool, typer.Option("--device", help="Show a code to type on another device, as where there is no browser.")
    ] = False,
    no_browser: Annotated[
        bool,
        typer.Option("--no-browser", help="Show the address, and open nothing. It must be opened on this machine."),
    ] = False,
    file: FileFlag = False,
    replace: ReplaceFlag = False,
    limit_total: Annotated[float, typer.Option(metavar="SECONDS", help="For you to sign in.")] = LIMIT,
    json: JsonFlag = False,
) -> None:
    """Sign in with a vendor in the browser, and keep what that gives."""

    def ask(prompt: Prompt) -> None:
        if prompt.user_code:
            say_folded(f"Go to {prompt.address}, see that it is {prompt.site}, and type the code:")
            say_folded(prompt.user_code, indent="  ")
            return
        if no_browser or not _open(prompt.address):
            say("Open this address in a browser on this machine:")
            say_folded(prompt.address, indent="  ")
        else:
            say_folded(f"Sign in at {prompt.site}, in the browser that opens now.", dimmed=True)

    with warnings_told():
        found = sign_in(vendor, ask, place=place_of(file=file), device=device, replace=replace, limit=limit_total)
    if json:
        about = {"account": found.account or None, "scope": found.scope or None, "expires_at": found.expires_at}
        print_json({"connected": {**document(found.saved), **about, "renews": found.renews}})
    else:
        _tell(found)


def disconnect(
    vendor: Vendor,
    *,
    forget: Annotated[
        bool, typer.Option("--forget", help="Remove it here without asking the vendor to take it back.")
    ] = False,
    json: JsonFlag = False,
) -> None:
    """Give a sign-in back to its vendor, and remove it here."""
    with warnings_told():
        done = sign_out(vendor, forget=forget)
    if json:
        print_json({"disconnected": document(done.saved), "revoked": done.revoked, "keys_page": done.keys_page or None})
        return
    say_folded(f"{vendor} is disconnected" + (", and the vendor took its tokens back." if done.revoked else " here."))
    if done.keys_page:
        say_folded(f"The key is still good: remove it at {done.keys_page}.")
    elif not done.revoked and done.saved.kind == "oauth":
        say_folded("The vendor was not told: its own pages show what you agreed to.")


def _open(address: str) -> bool:
    """Open the browser; return whether that worked. One that runs in the terminal is not waited for."""
    outcome = [True]

    def work() -> None:
        outcome[0] = webbrowser.open(address)

    opening = threading.Thread(target=work, name="backbay-browser", daemon=True)
    opening.start()
    opening.join(_OPENING)
    return outcome[0]


def _tell(found: SignedIn) -> None:
    """Say what a person agreed to, and where it is; nothing of it is secret."""
    name = found.saved.name
    say_folded(f"{name} is connected" + (f" as {found.account}." if found.account else "."))
    if found.scope:
        say_folded(f"It may: {found.scope}.")
    if found.expires_at is not None:
        end = datetime.fromtimestamp(found.expires_at, UTC).strftime("%Y-%m-%d %H:%M UTC")
        say_folded(f"It ends at {end}" + (", and renews itself." if found.renews else ": sign in again then."))
    say_folded(f"Kept in {found.saved.where}, as {found.saved.source}.", dimmed=True)
