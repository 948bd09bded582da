"""The options that several commands share, and the values that stand behind them."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from backbay import ConfigurationError, InvalidRequestError, MissingCredentialError

if TYPE_CHECKING:
    from backbay import Limits, Secret

_CONNECTION = "Connection"
_LIMITS = "Limits, in seconds"

JsonFlag = Annotated[bool, typer.Option("--json", help="Print JSON on standard output, errors too.")]
BaseUrl = Annotated[
    str | None,
    typer.Option(metavar="URL", help="Where the API is, with its version path.", rich_help_panel=_CONNECTION),
]
ApiKeyEnv = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="The environment variable that has the key, instead of the backend's own.",
        rich_help_panel=_CONNECTION,
    ),
]
Wire = Annotated[
    str | None, typer.Option(metavar="NAME", help="The wire to speak, of those it has.", rich_help_panel=_CONNECTION)
]
Config = Annotated[
    list[str] | None,
    typer.Option(
        metavar="KEY=JSON",
        help="A setting of this backend's own, such as threads=2. Repeatable.",
        rich_help_panel=_CONNECTION,
    ),
]
LimitTotal = Annotated[
    float | None, typer.Option(metavar="SECONDS", help="For the whole call.", rich_help_panel=_LIMITS)
]
LimitFirstEvent = Annotated[
    float | None, typer.Option(metavar="SECONDS", help="Until the answer begins.", rich_help_panel=_LIMITS)
]
LimitIdle = Annotated[
    float | None, typer.Option(metavar="SECONDS", help="Between two pieces of it.", rich_help_panel=_LIMITS)
]

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# Only such a name is repeated in a message: somebody may have given the key itself.
_SHOWABLE = re.compile(r"[A-Z][A-Z0-9_]*")
_OWN = frozenset({"api_key", "base_url", "wire", "limits", "transport", "name"})


def connection(
    *,
    base_url: str | None = None,
    api_key_env: str | None = None,
    wire: str | None = None,
    config: Iterable[str] | None = None,
    limits: Limits | None = None,
) -> dict[str, Any]:
    """Return the keyword arguments of ``connect`` that the options give.

    Raises:
        BackbayError: One of the options is wrong; as ``api_key`` and ``settings`` raise.
    """
    return {
        "base_url": base_url,
        "api_key": api_key(api_key_env),
        "wire": wire,
        "limits": limits,
        **settings(config),
    }


def limits(total: float | None = None, first_event: float | None = None, idle: float | None = None) -> Limits:
    """Return the limits that the options give.

    Raises:
        InvalidRequestError: One is not above 0.
    """
    # Here, since it brings in asyncio, which a command that makes no calls does not need.
    from backbay import Limits

    return Limits(total=total, first_event=first_event, idle=idle)


def api_key(variable: str | None) -> Secret | None:
    """Return the key in the environment variable, or ``None`` where none was named.

    Raises:
        InvalidRequestError: It is no variable's name. The message does not repeat it: it may be the key itself.
        MissingCredentialError: The variable is not set, or is empty.
        InvalidCredentialError: The key could never be sent.
    """
    from backbay import Secret

    if variable is None:
        return None
    if not _VARIABLE.fullmatch(variable):
        raise InvalidRequestError(
            "--api-key-env takes the name of an environment variable, and what was given is none.",
            hint="Keys are never given on the command line, where every process can read them.",
        )
    value = os.environ.get(variable, "")
    if not value:
        named = variable if _SHOWABLE.fullmatch(variable) else "named by --api-key-env"
        raise MissingCredentialError(f"The environment variable {named} is not set.", hint="Set it to the key.")
    return Secret(value, source=f"env:{variable}")


def settings(pairs: Iterable[str] | None) -> dict[str, object]:
    """Return what ``--config`` gives as arguments of ``connect``.

    Raises:
        InvalidRequestError: One is no KEY=JSON.
        ConfigurationError: One has an option of its own here.
    """
    found = key_values(pairs, option="--config")
    for name in sorted(_OWN & found.keys()):
        instead = {
            "api_key": "--api-key-env",
            "limits": "the --limit options",
            "base_url": "--base-url",
            "wire": "--wire",
        }
        raise ConfigurationError(f"--config cannot set {name}.", hint=f"Use {instead.get(name, 'the Python API')}.")
    return found


def key_values(pairs: Iterable[str] | None, *, option: str) -> dict[str, object]:
    """Read ``key=JSON`` pairs; a value that does not look like JSON is a string.

    Raises:
        InvalidRequestError: There is no ``=``, a key comes twice, or a value begins like JSON and is not.
    """
    found: dict[str, object] = {}
    for pair in pairs or ():
        key, equals, value = pair.partition("=")
        if not equals or not key:
            raise InvalidRequestError(
                f"{option} takes KEY=JSON, and {pair!r} is not.", hint=f"As in {option} threads=2"
            )
        if key in found:
            raise InvalidRequestError(f"{option} gives {key!r} twice.")
        found[key] = _value(value, f"{option} {key}")
    return found


def _value(text: str, what: str) -> object:
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as failure:
        if text[:1] in ('"', "{", "["):
            raise InvalidRequestError(f"{what} is not valid JSON: {failure}") from None
        return text


def _refuse_constant(name: str) -> object:
    raise ValueError(f"JSON has no {name}")
