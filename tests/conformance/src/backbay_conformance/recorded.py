"""The files of a folder of recorded exchanges, read and checked. ``exchanges.py`` says what stands in them."""

from __future__ import annotations

import difflib
import functools
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from .forms import conversations
from .holes import JSON, holes, is_repeatable
from .problems import SetUpError
from .scenarios import SCENARIOS

WIRE, PLAIN = "wire", "plain"
"""Names of the two files that there must be."""

OPTIONS = ("temperature", "top_p", "max_tokens", "stop", "seed")
"""Options that stand at a place of their own in a request."""

_Check = tuple[Callable[[Any], bool], str]


def _is_pointer(value: object) -> bool:
    return isinstance(value, str) and value.startswith("/")


_TEXT: _Check = (lambda value: isinstance(value, str) and bool(value), "text")
_BOOL: _Check = (lambda value: isinstance(value, bool), "true or false")
_POINTER: _Check = (_is_pointer, 'a JSON pointer, such as "/model"')
_SPOKEN: _Check = (lambda value: "message" in holes(value), "a body, or text, in which {{message}} stands")
_EVENTS: _Check = (lambda value: isinstance(value, list) and bool(value), "a list of events")
_OBJECT: _Check = (lambda value: isinstance(value, dict), "an object")
_ANY: _Check = (lambda value: value is not None, "a body: a JSON value, or text")

_WIRE: Mapping[str, _Check] = {
    "path": _TEXT,
    "stream_path": _TEXT,
    "model": _POINTER,
    "stream": _POINTER,
    "options": (
        lambda value: isinstance(value, dict) and set(value) <= set(OPTIONS) and all(map(_is_pointer, value.values())),
        f"an object with a JSON pointer for each of {', '.join(OPTIONS)} that the wire has",
    ),
    "not_compared": (
        lambda value: isinstance(value, list) and all(map(_is_pointer, value)),
        "a list of JSON pointers",
    ),
    "stream_type": _TEXT,
    "events_that_finish": (lambda value: type(value) is int and value >= 1, "a number, 1 or more"),
    "refuses_in_a_field": _BOOL,
    "image_urls": _BOOL,
    "system_turns": (lambda value: value in ("anywhere", "first", "joined"), '"anywhere", "first" or "joined"'),
    "extra": (
        lambda value: isinstance(value, list) and len(value) == 2 and isinstance(value[0], str),
        "a list of a field's name and a value for it",
    ),
    "owned": _TEXT,
    "error": _SPOKEN,
    "error_event": _SPOKEN,
    "models": (lambda value: is_repeatable(value, "id"), "a body with a list whose one item has {{id}} in it"),
    "embeddings": (
        lambda value: is_repeatable(value, "vector"),
        "a body with a list whose one item has {{vector}} in it",
    ),
}
_SCENARIO: Mapping[str, _Check] = {"whole": _ANY, "stream": _EVENTS, "request": _OBJECT}
_CONVERSATION: Mapping[str, _Check] = {
    "messages": (lambda value: isinstance(value, str | list) and bool(value), "what is asked: text, or messages"),
    "options": _OBJECT,
    "request": _OBJECT,
}
_FORM = "backbay_conformance.exchanges describes them"


def read_folder(folder: Path, where: str) -> Mapping[str, dict[str, JSON]]:
    """Return the checked files of a folder, by name without ``.json``.

    Raises:
        SetUpError: The folder or a file is missing, or one is not as it must be.
    """
    if not folder.is_dir():
        raise SetUpError(f"{where}: there is no folder {folder}. Make it, and record exchanges there; {_FORM}.")
    files = tuple(sorted(folder.glob("*.json")))
    if not files:
        raise SetUpError(f"{where}: {folder} has no .json file. Record exchanges there; {_FORM}.")
    return _read(files, tuple((file.stat().st_mtime_ns, file.stat().st_size) for file in files))


@functools.lru_cache(maxsize=16)
def _read(files: tuple[Path, ...], _stamps: object) -> Mapping[str, dict[str, JSON]]:
    found = {file.stem: _parsed(file) for file in files}
    folder = files[0].parent
    for name in (WIRE, PLAIN):
        if name not in found:
            raise SetUpError(f"{folder / name}.json is missing. Write it; {_FORM}.")
    for name, content in found.items():
        _check_fields(folder / f"{name}.json", name, content)
    _check_wire(folder / f"{WIRE}.json", found[WIRE])
    _check_plain(folder / f"{PLAIN}.json", found[PLAIN], found[WIRE])
    return found


def _parsed(file: Path) -> dict[str, JSON]:
    try:
        found = json.loads(file.read_bytes().decode())
    except UnicodeDecodeError as failure:
        raise SetUpError(f"{file}: byte {failure.start} is no UTF-8. Save the file as UTF-8.") from None
    except json.JSONDecodeError as failure:
        raise SetUpError(
            f"{file}: line {failure.lineno}, column {failure.colno}: this is no JSON: {failure.msg}. Correct it there."
        ) from None
    except (OSError, RecursionError) as failure:
        raise SetUpError(f"{file} cannot be read: {failure}.") from None
    if not isinstance(found, dict):
        raise SetUpError(f"{file} has a {type(found).__name__}; write one JSON object.")
    return found


def _check_fields(file: Path, name: str, content: Mapping[str, JSON]) -> None:
    if name == WIRE:
        fields = _WIRE
    elif name in SCENARIOS:
        fields = _SCENARIO
    elif name in (known := conversations(system_turns="anywhere", image_urls=True)):
        fields = {"request": _OBJECT}
    elif "messages" in content:
        fields = _CONVERSATION
    else:
        raise SetUpError(
            f"{file}: {name!r} is no scenario{_near(name, {**SCENARIOS, **known})} "
            'Rename the file, or give it "messages" if it is a conversation of your own.'
        )
    for field, value in content.items():
        if field not in fields:
            raise SetUpError(
                f"{file}: there is no field {field!r}{_near(field, fields)} It may have {', '.join(fields)}."
            )
        holds, what = fields[field]
        if not holds(value):
            raise SetUpError(f"{file}: {field} must be {what}.")
    if fields is _CONVERSATION and "request" not in content:
        raise SetUpError(f'{file} has no "request". Write the body that asks these messages.')
    if fields is _SCENARIO and ("whole" in content) is not ("stream" in content):
        lacking = "stream" if "whole" in content else "whole"
        raise SetUpError(f'{file} has no "{lacking}". Write the answer in both forms, whole and streamed.')


def _check_wire(file: Path, wire: Mapping[str, JSON]) -> None:
    for field in ("path", "error", "error_event"):
        if field not in wire:
            raise SetUpError(f'{file} has no "{field}". Write it: it must be {_WIRE[field][1]}.')
    if "stream" not in wire and "stream_path" not in wire:
        raise SetUpError(f'{file} has neither "stream", where a request says that it wants one, nor "stream_path".')
    if "model" not in wire and "model" not in holes(wire["path"]):
        raise SetUpError(f'{file} has no "model". Write the pointer to it, or {{{{model}}}} into the path.')


def _check_plain(file: Path, plain: Mapping[str, JSON], wire: Mapping[str, JSON]) -> None:
    for field in ("whole", "stream", "request"):
        if field not in plain:
            raise SetUpError(f'{file} has no "{field}". Write it: it must be {_SCENARIO[field][1]}.')
    events = plain["stream"]
    assert isinstance(events, list)
    spoken = [number for number, event in enumerate(events) if "text" in holes(event)]
    if len(spoken) != 1:
        raise SetUpError(
            f"{file}: {{{{text}}}} stands in {len(spoken)} events of stream. Write it in one, which is repeated for "
            "each piece of an answer."
        )
    if "text" not in holes(plain["whole"]):
        raise SetUpError(f"{file}: write {{{{text}}}} where the text of whole stands: the suite asks for others too.")
    last = wire.get("events_that_finish", 1)
    assert isinstance(last, int)
    if spoken[0] >= len(events) - last:
        raise SetUpError(
            f"{file}: with {last} events that finish an answer, stream has no text before its end. Add the events, or "
            f"correct events_that_finish in {WIRE}.json."
        )


def _near(name: str, names: Mapping[str, object]) -> str:
    near = difflib.get_close_matches(name, names, 1)
    return f". Did you mean {near[0]}?" if near else "."
