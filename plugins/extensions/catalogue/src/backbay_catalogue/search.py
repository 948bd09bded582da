"""Searching the catalogue. What is unknown meets no condition: a model without a price is not a cheap one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, func, or_, select

from backbay import BackbayError, BackendSpec, Capability, InvalidRequestError, Provider, Support

from . import schema
from .rows import Model, model_of, provider_of

ORDERS = ("name", "context", "input-price", "output-price")
_FETCHED = 2000
_LONGEST_TEXT = 200

_CAN = (str(Support.FULL), str(Support.VERSIONED))
"""What counts as having a capability."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """What to look for; every condition that is given must hold.

    Attributes:
        text: Words that must all be in the name, the display name or the maker; case does not matter.
        provider: The provider's name.
        model_use: What the model is for, such as ``"embedding"``.
        min_context: Tokens that the context window must have at least.
        max_input_price: US dollars that a million tokens of a prompt may cost at most.
        max_output_price: US dollars that a million tokens of an answer may cost at most.
        capabilities: Names of capabilities that the model must have, fully or in some versions.
        status: A status that it must have.
        missing: Whether models count that the vendor does not list any more.
        order: ``"name"``, ``"context"`` (largest first), ``"input-price"`` or ``"output-price"`` (cheapest first).
        limit: Models at most; ``None`` for all.
    """

    text: str = ""
    provider: str | None = None
    model_use: str | None = None
    min_context: int | None = None
    max_input_price: float | None = None
    max_output_price: float | None = None
    capabilities: tuple[str, ...] = ()
    status: str | None = None
    missing: bool = False
    order: str = "name"
    limit: int | None = 50

    def __post_init__(self) -> None:
        if self.order not in ORDERS:
            raise InvalidRequestError(f"There is no order {self.order!r}.", hint=f"There are {', '.join(ORDERS)}.")
        unknown = sorted(set(self.capabilities) - set(Capability))
        if unknown:
            raise InvalidRequestError(
                f"There is no capability {', '.join(map(repr, unknown))}.", hint=f"There are {', '.join(Capability)}."
            )
        if len(self.text) > _LONGEST_TEXT:
            raise InvalidRequestError(f"The text to look for is longer than {_LONGEST_TEXT} characters.")
        if self.limit is not None and self.limit < 1:
            raise InvalidRequestError(f"limit is {self.limit}; it must be 1 or more.")


def search(connection: Connection, query: Query) -> Iterator[Model]:
    """Yield the models that meet a query, in its order; the database's rows come in portions."""
    owners = {row.id: provider_of(row) for row in connection.execute(select(schema.providers))}
    declarations = _Declarations()
    left = query.limit
    with connection.execution_options(yield_per=_FETCHED).execute(_statement(query)) as rows:
        for row in rows:
            found = _model(row, owners[row.provider_id], declarations)
            if all(found.capabilities.get(name) in _CAN for name in query.capabilities):
                yield found
                left = None if left is None else left - 1
                if left == 0:
                    return


def one(connection: Connection, provider: str, handle: str) -> Model | None:
    """Return one model, or ``None`` if there is none of that name."""
    models, owners = schema.models, schema.providers
    found = select(models, owners.c.name.label("owner")).join(owners, owners.c.id == models.c.provider_id)
    row = connection.execute(found.where(owners.c.name == provider, models.c.handle == handle)).first()
    if row is None:
        return None
    owner = connection.execute(select(owners).where(owners.c.id == row.provider_id)).one()
    return _model(row, provider_of(owner), _Declarations())


def _model(row: Row[Any], provider: Provider, declarations: _Declarations) -> Model:
    return model_of(row, provider.name, declarations.of(provider, row.handle))


def _statement(query: Query) -> Select[Any]:
    models, owners = schema.models, schema.providers
    found = select(models).join(owners, owners.c.id == models.c.provider_id)
    for condition in _conditions(query):
        found = found.where(condition)
    orders: dict[str, tuple[ColumnElement[Any], ...]] = {
        "context": (models.c.context_window.is_(None), models.c.context_window.desc()),
        "input-price": (models.c.input_price.is_(None), models.c.input_price),
        "output-price": (models.c.output_price.is_(None), models.c.output_price),
    }
    found = found.order_by(*orders.get(query.order, ()), owners.c.name, models.c.handle)
    # Capabilities are looked at in Python, since packages declare most of them.
    return found if query.limit is None or query.capabilities else found.limit(query.limit)


def _conditions(query: Query) -> Iterator[ColumnElement[bool]]:
    models, owners = schema.models, schema.providers
    for word in query.text.replace("\0", " ").encode("utf-8", "ignore").decode().lower().split():
        looked = (models.c.handle, models.c.display_name, models.c.owned_by)
        yield or_(*(func.lower(column).contains(word, autoescape=True) for column in looked))
    if query.provider is not None:
        yield owners.c.name == query.provider
    if query.model_use is not None:
        yield models.c.model_use == query.model_use
    if query.status is not None:
        yield models.c.status == query.status
    if query.min_context is not None:
        yield models.c.context_window >= query.min_context
    if query.max_input_price is not None:
        yield models.c.input_price <= query.max_input_price
    if query.max_output_price is not None:
        yield models.c.output_price <= query.max_output_price
    if not query.missing:
        yield models.c.missing_since.is_(None)


class _Declarations:
    """What the packages of backends declare of models; nothing where a backend is not installed."""

    def __init__(self) -> None:
        self._specs: dict[str, BackendSpec | None] = {}
        self._plain: dict[str, Mapping[str, str]] = {}

    def of(self, provider: Provider, handle: str) -> Mapping[str, str]:
        if provider.name not in self._specs:
            self._specs[provider.name] = _spec(provider)
        spec = self._specs[provider.name]
        if spec is None:
            return {}
        if not spec.models:
            return self._plain.setdefault(provider.name, _listed(spec, None))
        return _listed(spec, provider.native_model(handle))


def _spec(provider: Provider) -> BackendSpec | None:
    try:
        return provider.spec
    except BackbayError:
        return None


def _listed(spec: BackendSpec, handle: str | None) -> Mapping[str, str]:
    return {str(name): str(support) for name, support in spec.capabilities_of(handle).listed.items()}
