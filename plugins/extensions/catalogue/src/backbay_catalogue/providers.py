"""Saved providers and aliases, in the transaction of a connection."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update

from backbay import ConfigurationError, Provider, names
from backbay.connecting import CONFIG
from backbay.http.setup import CONFIG as HTTP_CONFIG
from backbay.known import KNOWN
from backbay.provider import check_name
from backbay.request import check_names
from backbay.settings import refuse_unknown

from .errors import CatalogueError
from .facts import now
from .rows import provider_of, provider_row
from .schema import aliases, models, providers


def check(provider: Provider) -> None:
    """Refuse a provider that could never work. No I/O.

    Raises:
        RegistryError: Its backend is not installed, or not usable.
        ConfigurationError: It has the name of a backend, or settings that its backend has not.
        UnknownOptionError: Its defaults name an option that there is not.
    """
    refuse_backend(provider.name)
    spec = provider.spec
    known = {**CONFIG, **(HTTP_CONFIG if spec.speaks_http else {}), **spec.arguments}
    refuse_unknown(provider.config, known, backend=spec.name)
    check_names(provider.defaults)
    if provider.base_url is not None and not spec.speaks_http:
        raise ConfigurationError(f"{spec.name} runs in this process and has no base_url.", backend=spec.name)


def refuse_backend(name: str) -> None:
    """Raise ``ConfigurationError`` if a backend has the name, so that ``connect`` would never ask for ours."""
    if name in names() or name in KNOWN:
        raise ConfigurationError(
            f"{name!r} is the name of a backend, and connect would take that.", hint=f"Choose another, like my-{name}."
        )


def add(connection: Connection, provider: Provider, *, replacing: bool) -> None:
    """Save a checked provider; errors as ``Catalogue.add`` raises."""
    row = provider_row(provider)
    there = connection.execute(select(providers.c.id).where(providers.c.name == provider.name)).scalar()
    if there is not None and not replacing:
        raise _taken(provider.name, "a provider")
    if connection.execute(select(aliases.c.id).where(aliases.c.name == provider.name)).first():
        raise _taken(provider.name, "an alias")
    if there is None:
        connection.execute(insert(providers).values(**row, created_at=now()))
    else:
        connection.execute(update(providers).where(providers.c.id == there).values(**row))


def row(connection: Connection, name: str) -> Row[Any]:
    """Return a provider's row.

    Raises:
        CatalogueError: There is none of that name.
    """
    found = connection.execute(select(providers).where(providers.c.name == name)).first()
    if found is None:
        raise CatalogueError(
            f"There is no provider {name!r}.", code="unknown_provider", hint="`backbay providers list` shows them."
        )
    return found


def find(connection: Connection, name: str) -> Provider | None:
    """Return the provider of a name, or that of an alias with its model; ``None`` if there is neither."""
    found = connection.execute(select(providers).where(providers.c.name == name)).first()
    if found is not None:
        return provider_of(found)
    alias = connection.execute(select(aliases).where(aliases.c.name == name)).first()
    if alias is None:
        return None
    found = connection.execute(select(providers).where(providers.c.id == alias.provider_id)).one()
    return replace(provider_of(found), model=alias.handle)


def remove(connection: Connection, name: str) -> int:
    """Remove a provider with its models and aliases; return how many models went."""
    owner = row(connection, name).id
    connection.execute(delete(aliases).where(aliases.c.provider_id == owner))
    gone = connection.execute(delete(models).where(models.c.provider_id == owner)).rowcount
    connection.execute(delete(providers).where(providers.c.id == owner))
    return int(gone)


def set_alias(connection: Connection, name: str, provider: str, handle: str) -> None:
    """Let a name mean a model; errors as ``Catalogue.alias`` raises."""
    check_name(name)
    refuse_backend(name)
    owner = row(connection, provider).id
    model_row(connection, owner, provider, handle)
    if connection.execute(select(providers.c.id).where(providers.c.name == name)).first():
        raise _taken(name, "a provider")
    connection.execute(delete(aliases).where(aliases.c.name == name))
    values = {"name": name, "provider_id": owner, "handle": handle, "created_at": now()}
    connection.execute(insert(aliases).values(**values))


def all_aliases(connection: Connection) -> Mapping[str, str]:
    """Return what each alias means, as ``"provider:model"``, by name."""
    found = select(aliases.c.name, aliases.c.handle, providers.c.name.label("owner")).join(providers)
    return {each.name: f"{each.owner}:{each.handle}" for each in connection.execute(found.order_by(aliases.c.name))}


def model_row(connection: Connection, owner: int, provider: str, handle: str) -> Row[Any]:
    """Return a model's row.

    Raises:
        CatalogueError: There is none of that name.
    """
    found = connection.execute(select(models).where(models.c.provider_id == owner, models.c.handle == handle)).first()
    if found is None:
        raise no_model(provider, handle)
    return found


def no_model(provider: str, handle: str) -> CatalogueError:
    """Return the error for a model that is not there."""
    return CatalogueError(
        f"The provider {provider} has no model {handle!r}.", code="unknown_model", hint="Refresh, or search for it."
    )


def _taken(name: str, what: str) -> CatalogueError:
    return CatalogueError(f"{name!r} is {what} already.", code="name_taken", hint="Choose another name.")
