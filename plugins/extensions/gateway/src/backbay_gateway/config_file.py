"""Reads ``gateway.toml``, and says where in it something is wrong."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path

from pydantic import ValidationError

from backbay.errors import ConfigurationError

from .config import GatewayConfig

MAX_FILE = 4 * 1024 * 1024
"""Bytes of a configuration file at most."""

_HEADER = re.compile(r"\s*(\[\[|\[)\s*([^\[\]]+?)\s*\]\]?\s*(?:#.*)?$")
_KEY = re.compile(r"""\s*("[^"]*"|'[^']*'|[A-Za-z0-9_-]+)\s*(?:\.[^=]*)?=""")
_LONG_TEXT = re.compile(r'"""|\'\'\'')


def load_config(path: str | Path) -> GatewayConfig:
    """Return what a file says.

    Raises:
        ConfigurationError: The file cannot be read, is no TOML, or says something that cannot be; the message names
            the line, and the key's path.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE + 1)
        text = data.decode()
    except OSError as failure:
        raise ConfigurationError(
            f"{path} cannot be read: {failure.strerror}.", hint="Give the path of a file with --config."
        ) from None
    except UnicodeDecodeError as failure:
        raise ConfigurationError(f"{path} is not UTF-8 text (byte {failure.start}).") from None
    if len(data) > MAX_FILE:
        raise ConfigurationError(f"{path} is larger than {MAX_FILE} bytes.")
    return parse_config(text, str(path))


def parse_config(text: str, source: str = "gateway.toml") -> GatewayConfig:
    """Return what TOML text says. Errors as in ``load_config``.

    Args:
        text: The TOML document.
        source: What it is called in errors.
    """
    try:
        found = tomllib.loads(text)
    except tomllib.TOMLDecodeError as failure:
        raise ConfigurationError(f"{source} is not TOML: {failure}.") from None
    except RecursionError:
        raise ConfigurationError(f"{source} is nested too deeply.") from None
    try:
        return GatewayConfig.model_validate(found)
    except ValidationError as failure:
        problems = [_problem(text, error["loc"], error) for error in failure.errors(include_url=False)]
        problems = list(dict.fromkeys(problems))
        raise ConfigurationError(
            f"{source}: {'; '.join(problems)}.", hint="`backbay gateway schema` prints what the file may say."
        ) from None


def _problem(text: str, location: Sequence[int | str], error: Mapping[str, object]) -> str:
    # A union adds the name of its branch to the path.
    path = [
        part
        for part in location
        if isinstance(part, int) or not re.search(r"[\[(]|^Target$|^(constrained-)?str$", part)
    ]
    line = line_of(text, path)
    where = f"line {line}, " if line else ""
    if error["type"] == "extra_forbidden":
        said = "is no field here" + _near(path)
    elif error["type"] == "missing":
        said = "is missing"
    else:
        said = str(error["msg"]).removeprefix("Value error, ").removesuffix(".")
        said = said[:1].lower() + said[1:]
    return f"{where}{key_path(path)}: {said}" if path else said


def _near(path: Sequence[int | str]) -> str:
    import difflib

    model: object = GatewayConfig
    for part in path[:-1]:
        if isinstance(part, str):
            fields = getattr(model, "model_fields", {})
            model = _table_in(fields[part].annotation) if part in fields else None
    known = list(getattr(model, "model_fields", {}))
    near = difflib.get_close_matches(str(path[-1]), known, n=1)
    return f"; did you mean {near[0]!r}?" if near else f"; there are {', '.join(known)}" if known else ""


def _table_in(annotation: object) -> object:
    """Return the model inside an annotation such as ``tuple[Upstream, ...]``, or ``None``."""
    if hasattr(annotation, "model_fields"):
        return annotation
    return next((found for each in getattr(annotation, "__args__", ()) if (found := _table_in(each))), None)


def key_path(path: Sequence[int | str]) -> str:
    """Return a path as people write it: ``upstreams[1].limits.total``."""
    said = ""
    for part in path:
        said += f"[{part}]" if isinstance(part, int) else f".{part}" if said else part
    return said


def line_of(text: str, path: Sequence[int | str]) -> int | None:
    """Return the line, from 1, of the key at ``path``, or of the innermost table around it that has one."""
    found: int | None = None
    depth = 0
    seen: dict[str, int] = {}
    table: list[int | str] = []
    in_text = False
    for number, line in enumerate(text.splitlines(), start=1):
        was_in_text = in_text
        if len(_LONG_TEXT.findall(line)) % 2:
            in_text = not in_text
        if was_in_text:
            continue
        if header := _HEADER.match(line):
            table = _table_path(header[2], array=header[1] == "[[", seen=seen)
            here = table
        elif key := _KEY.match(line):
            here = [*table, key[1].strip("\"'")]
        else:
            continue
        if len(here) > depth and list(path[: len(here)]) == here:
            found, depth = number, len(here)
    return found


def _table_path(name: str, *, array: bool, seen: dict[str, int]) -> list[int | str]:
    """Return the path of a table's header; the last of each array of tables is meant, as TOML says."""
    path: list[int | str] = []
    parts = [part.strip().strip("\"'") for part in name.split(".")]
    for place, part in enumerate(parts):
        path.append(part)
        key = key_path(path)
        if array and place == len(parts) - 1:
            seen[key] = seen.get(key, -1) + 1
        if key in seen:
            path.append(seen[key])
    return path
