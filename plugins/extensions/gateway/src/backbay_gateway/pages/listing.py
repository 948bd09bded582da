"""Which models there are: those that can be reached now, and that a key may use."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from backbay.response import JSONObject, ModelInfo

from ..dialects import models as forms
from ..dialects.openai_errors import unknown_model
from ..routing.router import Route
from ..snapshot import Snapshot
from ..upstreams import Upstream

if TYPE_CHECKING:
    from ..keys import Key


async def reachable(snapshot: Snapshot, key: Key) -> Sequence[ModelInfo]:
    """Return the aliases and the models of each upstream, by the names that clients ask for.

    Args:
        snapshot: The configuration in force.
        key: Whose list it is.
    """
    up = [each for each in snapshot.upstreams.values() if is_up(each)]
    lists = await asyncio.gather(*(each.models() for each in up))
    # One that could not list its models may be found unreachable by that.
    aliases = [_alias(route) for route in snapshot.router.aliases.values() if _usable(route, key)]
    listed = [
        replace(model, id=f"{upstream.name}:{model.id}")
        for upstream, models in zip(up, lists, strict=True)
        for model in models
    ]
    return [*aliases, *(model for model in listed if key.may(model.id))]


def is_up(upstream: Upstream) -> bool:
    """Whether an upstream can be reached, as far as is known."""
    return upstream.reachable is not False and upstream.breaker.lets_through


def _usable(route: Route, key: Key) -> bool:
    return any(is_up(each.upstream) and key.may(each.label, alias=route.name) for each in route.targets)


def _alias(route: Route) -> ModelInfo:
    first = route.targets[0]
    known = next((each for each in first.upstream.listed if each.id == first.model), None)
    if known is None:
        return ModelInfo(id=route.name, owned_by=first.upstream.name)
    return replace(known, id=route.name)


def page_of_models(models: Sequence[ModelInfo], query: Mapping[str, str], *, anthropic: bool) -> JSONObject:
    """Return a list of models as the client's library reads it. Raises as ``dialects.models`` says."""
    return forms.anthropic_models(models, query) if anthropic else forms.openai_models(models)


def one_model(models: Sequence[ModelInfo], name: str, *, anthropic: bool) -> JSONObject:
    """Return one model as the client's library reads it.

    Raises:
        ModelNotFoundError: There is none of that name; the message has the nearest ones.
    """
    found = next((each for each in models if each.id == name), None)
    if found is None:
        raise unknown_model(name, (each.id for each in models))
    return forms.anthropic_model(found) if anthropic else forms.openai_model(found)
