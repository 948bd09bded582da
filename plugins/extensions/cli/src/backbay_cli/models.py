"""``backbay models``: the models that a backend offers now."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from . import options
from .jsonable import print_json
from .options import ApiKeyEnv, BaseUrl, Config, JsonFlag, LimitTotal
from .terminal import say_folded

if TYPE_CHECKING:
    from backbay import ModelInfo


def models(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The backend; a :MODEL after it makes no difference.")],
    *,
    base_url: BaseUrl = None,
    api_key_env: ApiKeyEnv = None,
    config: Config = None,
    limit_total: LimitTotal = None,
    json: JsonFlag = False,
) -> None:
    """List the models that a backend offers now.

    Their ids, context windows in tokens, and owners.
    """
    connection = options.connection(
        base_url=base_url, api_key_env=api_key_env, config=config, limits=options.limits(limit_total)
    )
    backend, found = asyncio.run(_list(name, connection))
    if json:
        print_json({"backend": backend, "models": found})
    elif not found:
        say_folded(f"{backend} offers no models.", dimmed=True)
    else:
        _show(found)


async def _list(name: str, connection: Mapping[str, Any]) -> tuple[str, Sequence[ModelInfo]]:
    from backbay import connect

    async with connect(name, **connection) as backend:
        return backend.id, sorted(await backend.list_models(), key=lambda model: model.id)


def _show(found: Sequence[ModelInfo]) -> None:
    from .tables import show

    def window(model: ModelInfo) -> str | None:
        return None if model.context_window is None else f"{model.context_window:,}"

    rows = [(model.id, window(model), model.owned_by) for model in found]
    show(("model", "context", "owner"), rows, right=("context",))
