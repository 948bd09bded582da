"""The catalogue: saved providers, and their models. Every method opens a transaction of its own, and blocks."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Self

from sqlalchemy import delete, func, select

from backbay import InferenceModelSpec, ModelInfo, Provider
from backbay.bridge import check_thread, run
from backbay.limits import LimitsInput

from . import editing, listing, providers, schema, search
from .database import TIMEOUT, Database, address
from .facts import Source, now
from .listing import Progress, Refreshed
from .prices import Imported, import_prices
from .rows import Model, provider_of
from .search import Query


class Catalogue:
    """Saved providers and their models, in one database.

    May be used from several threads and processes at once. Use it in a ``with`` statement, or close it.

    Args:
        where: The path of a SQLite file, or the URL of a PostgreSQL or SQLite database; ``None`` for what the variable
            ``BACKBAY_CATALOGUE`` says, or else a file in the person's own folder for data.
        timeout: Seconds to wait for others who write.

    Raises:
        ConfigurationError: ``where`` cannot be one. Nothing is opened before the first call; every call raises
            ``CatalogueError`` where the database is locked, read-only, full, of a newer schema, or not there.
    """

    def __init__(self, where: str | None = None, *, timeout: float = TIMEOUT) -> None:
        self._database = Database(address(where), timeout=timeout)

    @property
    def where(self) -> str:
        """The database's URL, without its password."""
        return self._database.where

    @property
    def exists(self) -> bool:
        """Whether a file is there; a server's database counts as there."""
        return self._database.exists()

    # Providers.

    def add(self, provider: Provider, *, replacing: bool = False) -> None:
        """Save a provider.

        Args:
            provider: The provider. Its credential names where the key is.
            replacing: Take the place of one of that name; its models stay.

        Raises:
            RegistryError: Its backend is not installed, or not usable.
            ConfigurationError: It could never work, or has a key itself, or the name of a backend.
            CatalogueError: The name is taken.
        """
        providers.check(provider)
        with self._database.write() as connection:
            providers.add(connection, provider, replacing=replacing)

    def providers(self) -> Sequence[Provider]:
        """Return every saved provider, by name."""
        with self._database.read() as connection:
            return [provider_of(row) for row in connection.execute(select(schema.providers).order_by("name"))]

    def provider(self, name: str) -> Provider:
        """Return a saved provider.

        Raises:
            CatalogueError: There is none of that name.
        """
        with self._database.read() as connection:
            return provider_of(providers.row(connection, name))

    def listed_at(self, name: str) -> str | None:
        """Return when the last list of a provider's models was begun; ``None`` if there was none yet."""
        with self._database.read() as connection:
            found: str | None = providers.row(connection, name).listed_at
            return found

    def find(self, name: str) -> Provider | None:
        """Return the provider of a name, or that of an alias with its model; ``None`` if there is neither."""
        if not self.exists:
            return None
        with self._database.read() as connection:
            return providers.find(connection, name)

    def remove(self, name: str) -> int:
        """Remove a provider, its models and their aliases; return how many models went.

        Raises:
            CatalogueError: There is none of that name.
        """
        with self._database.write() as connection:
            return providers.remove(connection, name)

    # Aliases.

    def alias(self, name: str, provider: str, handle: str) -> None:
        """Let ``connect(name)`` mean a model. An alias of that name moves.

        Raises:
            ConfigurationError: Nothing can have that name, or a backend has it.
            CatalogueError: There is no such model, or a provider has the name.
        """
        with self._database.write() as connection:
            providers.set_alias(connection, name, provider, handle)

    def remove_alias(self, name: str) -> bool:
        """Remove an alias; return whether it was there."""
        with self._database.write() as connection:
            return bool(connection.execute(delete(schema.aliases).where(schema.aliases.c.name == name)).rowcount)

    def aliases(self) -> Mapping[str, str]:
        """Return what each alias means, as ``"provider:model"``, by name."""
        with self._database.read() as connection:
            return providers.all_aliases(connection)

    # Models.

    def refresh(self, name: str, *, limits: LimitsInput = None, progress: Progress | None = None) -> Refreshed:
        """Ask a provider for its models, and lay the list over the catalogue.

        An asynchronous program awaits ``list_of``, and calls ``write`` in a thread.

        Args:
            name: The provider's name.
            limits: Limits on the listing; seconds.
            progress: Called with how many models were written.

        Raises:
            LoopError: This is the thread of a running event loop.
            UnsupportedError: The backend has no model list.
            BackbayError: The list could not be had; nothing was written.
            CatalogueError: The catalogue could not be written; nothing was.
        """
        check_thread()
        provider = self.provider(name)
        begun = now()
        # Held by nobody else, so that it can be taken apart.
        return self._write(name, list(run(self.list_of(provider, limits=limits))), begun, progress)

    @staticmethod
    async def list_of(provider: Provider, *, limits: LimitsInput = None) -> Sequence[ModelInfo]:
        """Return what a provider lists now; nothing for one that has no backend yet. Errors as ``refresh`` raises."""
        if provider.backend_name == "manual":
            return ()
        # In a thread, since a credential may take its time to be renewed.
        async with await asyncio.to_thread(provider.backend) as backend:
            return await backend.list_models(limits=limits)

    def write(
        self,
        name: str,
        found: Iterable[ModelInfo | InferenceModelSpec],
        *,
        begun: str | None = None,
        progress: Progress | None = None,
    ) -> Refreshed:
        """Lay a whole list over a provider's models, in one transaction.

        Args:
            name: The provider's name.
            found: What the vendor lists: all of it.
            begun: When listing began, as ``facts.now`` says it; ``None``: now. An older list does not undo a newer one.
            progress: Called with how many models were written.

        Raises:
            CatalogueError: There is no such provider, or the catalogue could not be written; nothing was.
            TooLargeError: The list is too long; nothing was written.
        """
        return self._write(name, list(found), begun or now(), progress)

    def _write(
        self, name: str, found: list[ModelInfo | InferenceModelSpec], begun: str, progress: Progress | None
    ) -> Refreshed:
        """Write a list, which is empty afterwards."""
        listing.check(found)
        broker = self.provider(name).broker
        with self._database.write() as connection:
            return listing.write(connection, name, found, begun=begun, broker=broker, progress=progress)

    def edit(
        self,
        provider: str,
        handle: str,
        values: Mapping[str, object],
        *,
        source: Source = Source.PERSON,
        pinned: bool = False,
        create: bool = False,
    ) -> Model:
        """Write values of a model; return it as it is then.

        Args:
            provider: The provider's name.
            handle: The model's name.
            values: Values by name, as in ``Model``; a capability as ``"capabilities.tools"``. ``None``: unknown.
            source: Who says so.
            pinned: Keep them, whatever the vendor says later.
            create: Add the model if it is not there.

        Raises:
            InvalidRequestError: There is no such value, or it cannot be this; nothing was written.
            CatalogueError: There is no such model.
        """
        new = editing.check(handle, values)
        with self._database.write() as connection:
            return editing.edit(connection, provider, handle, new, source=source, pinned=pinned, create=create)

    def model(self, provider: str, handle: str) -> Model:
        """Return one model.

        Raises:
            CatalogueError: There is none of that name.
        """
        with self._database.read() as connection:
            found = search.one(connection, provider, handle)
            if found is None:
                providers.row(connection, provider)
                raise providers.no_model(provider, handle)
            return found

    def search(self, query: Query | None = None) -> Sequence[Model]:
        """Return the models that meet a query."""
        return list(self.iterate(query))

    def iterate(self, query: Query | None = None) -> Iterator[Model]:
        """Yield the models that meet a query, without holding them all. Read to the end, or close it."""
        with self._database.read() as connection:
            yield from search.search(connection, query or Query(limit=None))

    def count(self, provider: str) -> tuple[int, int]:
        """Return how many models of a provider there are, and how many of them its vendor does not list any more."""
        table = schema.models
        with self._database.read() as connection:
            owner = providers.row(connection, provider).id
            found = select(func.count(), func.count(table.c.missing_since)).where(table.c.provider_id == owner)
            total, missing = connection.execute(found).one()
            return total, missing

    def import_prices(self, provider: str | None = None) -> Imported:
        """Lay prices and windows of genai-prices over the catalogue; errors as ``prices.import_prices`` raises."""
        with self._database.write() as connection:
            if provider is not None:
                providers.row(connection, provider)
            return import_prices(connection, provider)

    def close(self) -> None:
        """Let go of the database. May be called again."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()
