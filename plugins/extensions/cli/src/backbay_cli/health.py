"""``backbay health``: whether backends can be reached, several at once."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from . import exits, options
from .errors import exit_code
from .jsonable import print_json
from .options import ApiKeyEnv, BaseUrl, JsonFlag, LimitTotal
from .terminal import say, say_folded


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """What one probe found.

    Attributes:
        name: What was asked for, as given.
        id: The backend's id; ``None`` if it could not be set up.
        reachable: Whether it answered.
        latency_ms: Milliseconds of the probe; ``None`` if it did not answer.
        status: HTTP status, or ``None`` if there was none.
        error: What went wrong, or ``None``.
        exit_code: The exit code for this one.
    """

    name: str
    id: str | None = None
    reachable: bool = False
    latency_ms: float | None = None
    status: int | None = None
    error: str | None = None
    exit_code: int = exits.OK


def health(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="[NAME]...", help="Backends. Without any: all that have a key or need none."),
    ] = None,
    *,
    base_url: BaseUrl = None,
    api_key_env: ApiKeyEnv = None,
    limit_total: LimitTotal = None,
    json: JsonFlag = False,
) -> None:
    """Say which backends can be reached, and how fast.

    All are probed at once, each for 5 seconds at most, or as --limit-total says.

    The exit code is 1 if one cannot be reached, and 2 if one could not even be set up.
    """
    connection = options.connection(base_url=base_url, api_key_env=api_key_env)
    bounds = {"total": options.limits(limit_total).total}
    skipped: dict[str, str] = {}
    wanted = list(dict.fromkeys(names)) if names else _usable(skipped)
    found = asyncio.run(_probe_all(wanted, connection, bounds))
    if json:
        print_json({"backends": found, "skipped": skipped})
    else:
        _show(found, skipped)
    raise typer.Exit(max((probe.exit_code for probe in found), default=exits.OK))


def _usable(skipped: dict[str, str]) -> list[str]:
    """Return the installed backends that can be probed; note the others, each with its reason, in ``skipped``."""
    from backbay import BackbayError, Capability, names, resolve
    from backbay.connecting import find_credential

    usable = []
    for name in names():
        try:
            spec = resolve(name)
            if not spec.capabilities.allows(Capability.HEALTH):
                skipped[name] = "it has no health probe"
            elif spec.requires_credential and find_credential(spec) is None:
                skipped[name] = f"no key: {' or '.join(spec.credential_env) or 'none'} is not set"
            else:
                usable.append(name)
        except BackbayError as error:
            skipped[name] = error.message
    return usable


async def _probe_all(
    names: Iterable[str], connection: Mapping[str, Any], bounds: Mapping[str, float | None]
) -> Sequence[Probe]:
    return await asyncio.gather(*(_probe(name, connection, bounds) for name in names))


async def _probe(name: str, connection: Mapping[str, Any], bounds: Mapping[str, float | None]) -> Probe:
    from backbay import BackbayError, connect

    try:
        backend = connect(name, **connection)
    except BackbayError as error:
        reason = f"{error.message} {error.hint or ''}".strip()
        return Probe(name=name, error=reason, exit_code=exit_code(error))
    async with backend:
        found = await backend.health(limits=bounds)
    return Probe(
        name=name,
        id=backend.id,
        reachable=found.reachable,
        latency_ms=found.latency_ms,
        status=found.status,
        error=found.last_error,
        exit_code=exits.OK if found.reachable else exits.FAILED,
    )


def _show(found: Sequence[Probe], skipped: Mapping[str, str]) -> None:
    from .tables import show

    for name, reason in skipped.items():
        say_folded(f"{name} was left out: {reason}", dimmed=True)
    if not found:
        say("There is nothing to probe.")
        return

    def latency(probe: Probe) -> str | None:
        return None if probe.latency_ms is None else f"{probe.latency_ms:.0f} ms"

    rows = [
        (probe.name, "yes" if probe.reachable else "no", latency(probe), probe.status, probe.error or probe.id)
        for probe in found
    ]
    show(("backend", "reachable", "latency", "status", "error or address"), rows, right=("latency", "status"))
