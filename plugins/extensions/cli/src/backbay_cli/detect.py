"""``backbay detect``: the local engines that are running, and how to use each."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from . import exits
from .jsonable import as_json, print_json
from .options import JsonFlag
from .terminal import say_folded

if TYPE_CHECKING:
    from backbay.detecting import Found

_HERE = "127.0.0.1"
_SHOWN = 3

Hosts = Annotated[
    list[str] | None, typer.Option("--host", metavar="HOST", help=f"A machine to ask instead of {_HERE}. Repeatable.")
]
Ports = Annotated[
    list[int] | None,
    typer.Option("--port", metavar="PORT", help="A port to ask instead of the usual ones. Repeatable."),
]
Limit = Annotated[float, typer.Option("--limit", metavar="SECONDS", help="Seconds for everything.", show_default=True)]


def detect(*, host: Hosts = None, port: Ports = None, limit: Limit = 1.0, json: JsonFlag = False) -> None:
    """Find the local engines that are running, by asking them who they are.

    Every engine that an installed plugin knows is looked for on its usual ports, and at the address that the
    environment has for it (such as OLLAMA_HOST), unless --host or --port says where. What speaks OpenAI's wire and is
    none of them is shown as openai-compatible. No key is sent.

    The exit code is 1 if nothing was found.
    """
    from backbay.detecting import detect_sync, usual_ports

    found = detect_sync(hosts=host or None, ports=port or None, limit=limit)
    engines = {name: sorted(set(port)) if port else usual for name, usual in usual_ports().items()}
    if json:
        print_json({"found": [_document(engine) for engine in found], "looked_for": engines, "hosts": host or [_HERE]})
    elif found:
        _show(found)
    else:
        _say_nothing(engines, host or [_HERE], sorted(set(port or ())), limit)
    raise typer.Exit(exits.OK if found else exits.FAILED)


def command(engine: Found) -> str:
    """Return the command that talks to an engine, as a shell takes it."""
    words = ["backbay", "chat", engine.reference]
    if "base_url" in engine.arguments:
        words += ["--base-url", str(engine.arguments["base_url"])]
    if engine.arguments.get("allow_insecure_http"):
        words += ["--config", "allow_insecure_http=true"]
    return shlex.join(words)


def _document(engine: Found) -> dict[str, object]:
    fields = as_json(engine)
    assert isinstance(fields, dict)
    return {**fields, "command": command(engine), "python": engine.line}


def _show(found: Sequence[Found]) -> None:
    from .tables import show

    rows = [(engine.backend, engine.base_url, _models(engine), command(engine), engine.line) for engine in found]
    show(("backend", "base URL", "models", "command", "Python"), rows)
    for engine in found:
        for note in _notes(engine):
            say_folded(f"{engine.base_url}: {note}", dimmed=True)


def _models(engine: Found) -> str | None:
    if engine.models is None:
        return "wants a key" if engine.wants_key else None
    more = [f"and {len(engine.models) - _SHOWN} more"] if len(engine.models) > _SHOWN else []
    return ", ".join([*engine.models[:_SHOWN], *more]) or "none"


def _notes(engine: Found) -> Iterable[str]:
    from backbay import BackbayError, resolve

    try:
        variables = resolve(engine.backend).credential_env
    except BackbayError as error:
        # Only the backend for what no plugin knows can be missing.
        yield f"{error.message} {error.hint or ''}".strip()
        return
    if engine.wants_key:
        yield f"it wants a key; set {' or '.join(variables) or 'one with api_key='}."
    if engine.others:
        yield f"it may as well be {' or '.join(engine.others)}."


def _say_nothing(
    engines: Mapping[str, Sequence[int]], hosts: Sequence[str], ports: Sequence[int], limit: float
) -> None:
    if not engines and not ports:
        say_folded(
            "No installed plugin knows a local engine; `backbay backends --available` lists those that there are."
        )
        return
    where = f", port {', '.join(map(str, ports))}," if ports else ""
    say_folded(f"No engine answered on {', '.join(hosts)}{where} within {limit:g} s. Looked for were:")
    for name, usual in engines.items():
        said = "" if ports else f": port {', '.join(map(str, usual)) or 'not known'}"
        say_folded(f"{name}{said}", indent="  ")
    say_folded("anything else that lists models as OpenAI does", indent="  ")
    say_folded("--host and --port look elsewhere. A plugin for another engine: `backbay backends --available`.")
