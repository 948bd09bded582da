"""Engines of backbay-batch, where that is installed: a composer then asks through one of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from backbay import Backend
from backbay.errors import ConfigurationError, InvalidRequestError

if TYPE_CHECKING:
    from backbay_batch import Caller, Engine, Rules


def caller(backend: Backend, name: str | None, engine: str | Engine | None, rules: Rules | None) -> Caller | None:
    """Return what makes a composer's calls through an engine.

    Args:
        backend: Whom to ask.
        name: The name that it was connected by, or ``None``.
        engine: The engine, or its name; ``None`` for none.
        rules: What bounds the calls; ``None`` for the defaults, but for ``stop_after``: prompts fail each by itself.

    Returns:
        ``None`` if there is to be no engine.

    Raises:
        InvalidRequestError: There are rules, and no engine.
        ConfigurationError: backbay-batch is not installed, or the engine is not.
    """
    if engine is None:
        if rules is not None:
            raise InvalidRequestError("rules go with an engine; give engine='local' too.")
        return None
    try:
        from backbay_batch import Caller, Rules
    except ModuleNotFoundError as failure:
        if failure.name != "backbay_batch":
            raise
        raise ConfigurationError(
            f"engine={engine!r} is not there: engines are those of backbay-batch, which is not installed.",
            hint="pip install backbay-batch, and backbay-ray for the engine ray; or leave engine out.",
        ) from None
    return Caller(backend, name=name, engine=engine, rules=rules or Rules(stop_after=0))
