"""``backbay catalogue``: models of saved providers, refreshed, searched, shown, edited and exported."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from backbay import ConfigurationError
from backbay_cli import exits
from backbay_cli.jsonable import print_json
from backbay_cli.options import JsonFlag, key_values
from backbay_cli.tables import show as show_table
from backbay_cli.terminal import say_folded, warn

from ..catalogue import Catalogue
from ..facts import CAPABILITIES
from ..rows import VALUES, Model
from ..search import ORDERS, Query
from ..shown import dollars, number
from .refreshing import Outcome, refresh_all
from .shared import MISSING, Where, model_document, split

app = typer.Typer(
    name="catalogue", help="Know the models of saved providers: windows, capabilities, prices.", no_args_is_help=True
)

Reference = Annotated[str, typer.Argument(metavar="PROVIDER:MODEL", help="The model.")]
_SHOWN = 50


@app.command(epilog=exits.HELP)
def refresh(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[PROVIDER]...", help="Providers. Without any: all.")
    ] = None,
    *,
    prices: Annotated[
        bool, typer.Option("--prices", help="Then take prices and windows from genai-prices, where nobody said them.")
    ] = False,
    limit_total: Annotated[float, typer.Option(metavar="SECONDS", help="For the listing of each provider.")] = 60.0,
    database: Where = None,
    json: JsonFlag = False,
) -> None:
    """Ask providers for their models, and lay what they say over the catalogue.

    What a vendor does not say stays as it is; models that it no longer lists are marked, and none is removed. A vendor
    that fails changes nothing, and stops no other. The exit code is 1 if one failed.
    """
    with Catalogue(database) as catalogue:
        wanted = list(dict.fromkeys(names)) if names else [each.name for each in catalogue.providers()]
        found = refresh_all(catalogue, wanted, seconds=limit_total, quiet=json)
        imported = catalogue.import_prices() if prices else None
    if json:
        print_json({"refreshed": [each.document() for each in found], "prices": imported})
    elif not wanted:
        say_folded("No provider is saved. `backbay providers add NAME --backend BACKEND` saves one.", dimmed=True)
    else:
        _show_refreshed(found)
        if imported is not None:
            say_folded(f"{imported.source} (as of {imported.as_of}) knows {imported.known:,} of the models.")
    raise typer.Exit(max((each.exit_code for each in found), default=exits.OK))


@app.command(epilog=exits.HELP)
def search(
    text: Annotated[list[str] | None, typer.Argument(metavar="[WORD]...", help="Words of the name or maker.")] = None,
    *,
    provider: Annotated[str | None, typer.Option(metavar="NAME", help="Of this provider only.")] = None,
    use: Annotated[str | None, typer.Option(metavar="WORD", help="What it is for: chat, embedding, ...")] = None,
    min_context: Annotated[int | None, typer.Option(metavar="TOKENS", help="A window of at least.")] = None,
    max_input_price: Annotated[
        float | None, typer.Option(metavar="DOLLARS", help="For a million tokens of the prompt, at most.")
    ] = None,
    max_output_price: Annotated[
        float | None, typer.Option(metavar="DOLLARS", help="For a million tokens of the answer, at most.")
    ] = None,
    can: Annotated[
        list[str] | None, typer.Option(metavar="CAPABILITY", help="That it must have, such as tools. Repeatable.")
    ] = None,
    missing: Annotated[bool, typer.Option("--missing", help="Also those that are listed no more.")] = False,
    order: Annotated[str, typer.Option(metavar="ORDER", help=f"One of {', '.join(ORDERS)}.")] = "name",
    limit: Annotated[int, typer.Option(metavar="NUMBER", help="Models at most; 0 for all.")] = _SHOWN,
    database: Where = None,
    json: JsonFlag = False,
) -> None:
    """Search the catalogue. A model of which something is unknown does not meet a condition on that."""
    query = Query(
        text=" ".join(text or ()),
        provider=provider,
        model_use=use,
        min_context=min_context,
        max_input_price=max_input_price,
        max_output_price=max_output_price,
        capabilities=tuple(can or ()),
        missing=missing,
        order=order,
        limit=limit or None,
    )
    with Catalogue(database) as catalogue:
        found = catalogue.search(query)
    if json:
        print_json({"models": [model_document(each) for each in found]})
    elif not found:
        say_folded("No model of the catalogue is like that.", dimmed=True)
    else:
        _show_models(found)
        if len(found) == limit:
            say_folded(f"These are the first {limit:,}; --limit shows more.", dimmed=True)


@app.command(epilog=exits.HELP)
def show(reference: Reference, *, database: Where = None, json: JsonFlag = False) -> None:
    """Show what is known of a model, who said it, and when."""
    provider, handle = split(reference)
    with Catalogue(database) as catalogue:
        model = catalogue.model(provider, handle)
        aliases = catalogue.aliases()
    document = model_document(model, aliases)
    if json:
        print_json({"model": document})
        return
    rows: list[tuple[object, ...]] = [_fact(model, name, getattr(model, name)) for name in VALUES]
    rows += [_fact(model, f"{CAPABILITIES}{name}", support) for name, support in sorted(model.capabilities.items())]
    rows += [("alias", None, None, alias) for alias in document["aliases"]]  # type: ignore[attr-defined]
    if model.missing_since:
        rows.append(("listed no more", "refreshed", model.missing_since[:10], model.missing_since))
    show_table(("about", "said by", "on", "value"), rows)


@app.command(epilog=exits.HELP)
def edit(
    reference: Reference,
    *,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="Such as context_window=8192. Repeatable."),
    ] = None,
    can: Annotated[
        list[str] | None,
        typer.Option(metavar="CAPABILITY=SUPPORT", help="Such as tools=full, or tools=unsupported. Repeatable."),
    ] = None,
    clear: Annotated[list[str] | None, typer.Option(metavar="NAME", help="Make a value unknown. Repeatable.")] = None,
    pin: Annotated[bool, typer.Option("--pin", help="Keep these values, whatever the vendor says later.")] = False,
    alias: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Another name for the model, for connect. Repeatable.")
    ] = None,
    unalias: Annotated[list[str] | None, typer.Option(metavar="NAME", help="Take a name away. Repeatable.")] = None,
    create: Annotated[bool, typer.Option("--create", help="Add the model if it is not there.")] = False,
    database: Where = None,
    json: JsonFlag = False,
) -> None:
    """Write down what you know of a model. A refresh changes it only where the vendor itself says otherwise."""
    provider, handle = split(reference)
    values: dict[str, object] = dict(key_values(set_, option="--set"))
    values |= {f"{CAPABILITIES}{name}": value for name, value in key_values(can, option="--can").items()}
    values |= dict.fromkeys(clear or ())
    if not values and not alias and not unalias and not create:
        raise typer.BadParameter("There is nothing to write: give --set, --can, --clear, --alias or --unalias.")
    with Catalogue(database) as catalogue:
        model = catalogue.edit(provider, handle, values, pinned=pin, create=create)
        for name in alias or ():
            catalogue.alias(name, provider, handle)
        for name in unalias or ():
            if not catalogue.remove_alias(name):
                warn(f"there is no alias {name}")
        aliases = catalogue.aliases()
    if json:
        print_json({"model": model_document(model, aliases)})
    else:
        say_folded(f"{reference} is written.", dimmed=True)


@app.command(epilog=exits.HELP)
def export(
    *,
    html: Annotated[Path | None, typer.Option(metavar="FILE", help="Write one page that needs nothing else.")] = None,
    missing: Annotated[bool, typer.Option("--missing", help="Also those that are listed no more.")] = False,
    database: Where = None,
    json: JsonFlag = False,
) -> None:
    """Write the whole catalogue: as JSON on standard output, or as a page that is searched and sorted in a browser."""
    if html is None and not json:
        raise typer.BadParameter("Say what to write: --html FILE, or --json.")
    with Catalogue(database) as catalogue:
        found = catalogue.search(Query(limit=None, missing=missing))
        aliases = catalogue.aliases()
    if html is not None:
        from ..page import page

        try:
            html.write_text(page(found, aliases), encoding="utf-8")
        except OSError as failure:
            raise ConfigurationError(f"{html} cannot be written: {failure.strerror}.") from None
        say_folded(f"{len(found):,} models are in {html}.", dimmed=True)
    if json:
        print_json({"models": [model_document(each, aliases) for each in found]})


def _show_models(found: Sequence[Model]) -> None:
    rows = [
        (
            each.provider,
            each.handle,
            number(each.context_window),
            dollars(each.input_price),
            dollars(each.output_price),
            each.model_use,
            MISSING if each.missing_since else each.display_name,
        )
        for each in found
    ]
    headings = ("provider", "model", "context", "$/M in", "$/M out", "use", "name")
    show_table(headings, rows, right=("context", "$/M in", "$/M out"))


def _fact(model: Model, name: str, value: object) -> tuple[object, ...]:
    provenance = model.provenance.get(name)
    source = model.said_by(name) if value is not None else None
    who = None if source is None else f"{source}, pinned" if provenance and provenance.pinned else str(source)
    if provenance is not None and provenance.detail:
        who = f"{who} ({provenance.detail})"
    shown = dollars(value) if name.endswith("_price") and isinstance(value, float) else value
    shown = number(shown) if isinstance(shown, int) else shown
    about = name.removeprefix(CAPABILITIES).replace("_", " ")
    return about, who, None if provenance is None or value is None else provenance.at[:10], shown


def _show_refreshed(found: list[Outcome]) -> None:
    rows = []
    for each in found:
        done = each.refreshed
        counts = (done.listed, done.added, done.changed, done.missing) if done is not None else (None,) * 4
        rows.append((each.name, *(number(count) for count in counts), each.words()))
    headings = ("provider", "listed", "new", "changed", "gone", "outcome")
    show_table(headings, rows, right=("listed", "new", "changed", "gone"))
