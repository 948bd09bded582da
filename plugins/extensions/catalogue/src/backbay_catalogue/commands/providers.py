"""``backbay providers``: saved providers, added, shown, tried and removed."""

from __future__ import annotations

import asyncio
import os
from typing import Annotated

import typer

from backbay import BackbayError, Capability, Health, Provider
from backbay_cli import exits
from backbay_cli.jsonable import print_json
from backbay_cli.options import JsonFlag, key_values
from backbay_cli.tables import show as show_table
from backbay_cli.terminal import say, say_folded

from ..catalogue import Catalogue
from ..shown import number
from .shared import Where, provider_document

app = typer.Typer(
    name="providers", help="Save configured uses of backends, and use them by name.", no_args_is_help=True
)

Name = Annotated[str, typer.Argument(metavar="NAME", help="The provider's name.")]
_TEST_LIMIT = 15.0


@app.command(epilog=exits.HELP)
def add(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What to call it, as in my-provider:model.")],
    *,
    backend: Annotated[str, typer.Option(metavar="NAME", help="The backend, as `backbay backends` lists it.")],
    base_url: Annotated[str | None, typer.Option(metavar="URL", help="Where the API is.")] = None,
    vendor: Annotated[str, typer.Option(metavar="NAME", help="Who serves it, if not the backend's vendor.")] = "",
    wire: Annotated[str | None, typer.Option(metavar="NAME", help="The wire to speak.")] = None,
    model: Annotated[str | None, typer.Option(metavar="NAME", help="The model that NAME alone means.")] = None,
    key_env: Annotated[
        str | None, typer.Option(metavar="VARIABLE", help="The environment variable that has its key.")
    ] = None,
    credential: Annotated[
        str | None, typer.Option(metavar="KIND:NAME", help="Where its key is, if not in the environment.")
    ] = None,
    config: Annotated[
        list[str] | None, typer.Option(metavar="KEY=JSON", help="A setting of this backend's own. Repeatable.")
    ] = None,
    default: Annotated[
        list[str] | None, typer.Option(metavar="KEY=JSON", help="An option that every call has. Repeatable.")
    ] = None,
    broker: Annotated[str, typer.Option(metavar="NAME", help="Also list every model as NAME/model.")] = "",
    replace: Annotated[bool, typer.Option("--replace", help="Change a provider that is there.")] = False,
    database: Where = None,
    json: JsonFlag = False,
) -> None:
    """Save a provider. Nothing is sent, and no key is stored: only where it is."""
    if key_env is not None and credential is not None:
        raise typer.BadParameter("--key-env and --credential both say where the key is; give one.")
    provider = Provider(
        name=name,
        backend_name=backend,
        base_url=base_url,
        vendor=vendor,
        wire=wire,
        model=model,
        credential=f"env:{key_env}" if key_env is not None else credential,
        config=key_values(config, option="--config"),
        defaults=key_values(default, option="--default"),
        broker=broker,
    )
    with Catalogue(database) as catalogue:
        catalogue.add(provider, replacing=replace)
    if json:
        print_json({"provider": provider_document(provider)})
    else:
        say_folded(f"{name} is saved. `backbay providers test {name}` tries it.", dimmed=True)


@app.command("list", epilog=exits.HELP)
def list_(*, database: Where = None, json: JsonFlag = False) -> None:
    """List the saved providers."""
    with Catalogue(database) as catalogue:
        found = catalogue.providers()
        counts = {each.name: catalogue.count(each.name) for each in found}
    if json:
        print_json({"providers": [{**provider_document(each), "models": counts[each.name][0]} for each in found]})
        return
    if not found:
        say_folded("No provider is saved. `backbay providers add NAME --backend BACKEND` saves one.", dimmed=True)
        return
    rows = [
        (each.name, each.backend_name, number(counts[each.name][0]), _key(each), each.base_url or "the backend's own")
        for each in found
    ]
    show_table(("provider", "backend", "models", "key", "base URL"), rows, right=("models",))


@app.command(epilog=exits.HELP)
def show(name: Name, *, database: Where = None, json: JsonFlag = False) -> None:
    """Show a saved provider, and what its backend makes of it."""
    with Catalogue(database) as catalogue:
        provider = catalogue.provider(name)
        total, missing = catalogue.count(name)
        listed_at = catalogue.listed_at(name)
        aliases = sorted(alias for alias, to in catalogue.aliases().items() if to.startswith(f"{name}:"))
    found = {**provider_document(provider), "models": total, "missing": missing, "listed_at": listed_at}
    found |= {"aliases": aliases, **_of_backend(provider)}
    if json:
        print_json({"provider": found})
        return
    rows = [(key.replace("_", " "), _plain(value)) for key, value in found.items() if value not in (None, "", {}, [])]
    show_table(("about", "value"), rows)


@app.command("test", epilog=exits.HELP)
def try_(
    name: Name,
    *,
    limit_total: Annotated[float, typer.Option(metavar="SECONDS", help="For the whole trial.")] = _TEST_LIMIT,
    database: Where = None,
    json: JsonFlag = False,
) -> None:
    """Try whether a saved provider can be reached, and takes its key. Nothing is generated.

    Its model list is asked for where it has one, since that needs the key; else its health probe is.
    """
    with Catalogue(database) as catalogue:
        provider = catalogue.provider(name)
    health, models = asyncio.run(_try(provider, limit_total))
    if json:
        print_json({"provider": name, "health": health, "models": models})
    elif health.reachable:
        took = "" if health.latency_ms is None else f" in {health.latency_ms:.0f} ms"
        say_folded(f"{name} answers{took}" + (f", and lists {models:,} models." if models is not None else "."))
    else:
        say_folded(f"{name} cannot be used: {health.last_error}")
    raise typer.Exit(exits.OK if health.reachable else exits.FAILED)


@app.command(epilog=exits.HELP)
def remove(
    name: Name,
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    database: Where = None,
    json: JsonFlag = False,
) -> None:
    """Remove a saved provider, with its models and what was written about them."""
    with Catalogue(database) as catalogue:
        total, _ = catalogue.count(name)
        if not yes and not typer.confirm(f"Remove {name} and its {total:,} models?", err=True):
            raise typer.Exit(exits.USAGE)
        gone = catalogue.remove(name)
    if json:
        print_json({"removed": name, "models": gone})
    else:
        say(f"{name} is removed, and its {gone:,} models.")


async def _try(provider: Provider, seconds: float) -> tuple[Health, int | None]:
    limits = {"total": seconds}
    async with provider.backend() as backend:
        lists = backend.capabilities().allows(Capability.LIST_MODELS)
        health = await backend.health(limits=limits) if backend.capabilities().allows(Capability.HEALTH) else None
        if not lists or (health is not None and not health.reachable):
            return health or Health(reachable=True), None
        try:
            count = len(await backend.list_models(limits=limits))
        except BackbayError as error:
            return Health(reachable=False, last_error=str(error), status=error.status), None
        return health or Health(reachable=True), count


def _key(provider: Provider) -> str:
    """Return where the key is, and whether it is there as far as one can see."""
    if isinstance(provider.credential, str):
        kind, _, variable = provider.credential.partition(":")
        unset = kind == "env" and not os.environ.get(variable)
        return f"{provider.credential} (not set)" if unset else provider.credential
    try:
        found = next((variable for variable in provider.api_key_env if os.environ.get(variable)), None)
        needed = "missing" if provider.requires_credential else "none needed"
    except BackbayError:
        return "unknown"
    return needed if found is None else f"env:{found}"


def _of_backend(provider: Provider) -> dict[str, object]:
    """Return what the backend's package says; its error where it is not usable."""
    try:
        return {
            "key": _key(provider),
            "requires_credential": provider.requires_credential,
            "api_key_env": list(provider.api_key_env),
            "default_base_url": provider.default_base_url,
            "effective_defaults": provider.effective_defaults(),
        }
    except BackbayError as error:
        return {"problem": str(error)}


def _plain(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(map(str, value))
    if isinstance(value, dict):
        return ", ".join(f"{key}={item}" for key, item in value.items())
    return number(value) or "" if isinstance(value, int) else str(value)
