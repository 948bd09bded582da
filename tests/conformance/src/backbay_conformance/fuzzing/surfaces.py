"""The surfaces of core that belong to no wire: frames, heads, tool arguments, ``Retry-After``, configuration."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from backbay.connecting import build, connect
from backbay.errors import BackbayError
from backbay.events import Grammar
from backbay.folding import fold
from backbay.http.ndjson import NDJSONDecoder
from backbay.http.retryafter import LONGEST, retry_after
from backbay.http.sse import SSEDecoder
from backbay.installed import declared, headers
from backbay.ranges import unmet
from backbay.selection import allow_list, pins, split, split_distribution
from backbay.spec import BackendSpec
from backbay.wires.tool_deltas import ToolDeltas

from .heads import head_surfaces
from .laws import BrokenLawError, check_call, check_frames
from .mutation import Mutator, Seed
from .surface import Surface, surface

_NOW = 1_700_000_000.0


def own_surfaces() -> list[Surface]:
    """Return all of them."""
    return [
        _surface("sse", _SSE, lambda data: check_frames(data, SSEDecoder)),
        _surface("ndjson", _NDJSON, lambda data: check_frames(data, NDJSONDecoder)),
        _surface("tool_arguments", [_lines(deltas) for deltas in _DELTAS], check_tool_arguments),
        _surface("retry_after", [[value] for value in _WAITS], check_retry_after),
        _surface("configuration", [_lines([settings]) for settings in _SETTINGS], check_configuration),
        _surface("registry", [[text] for text in _REGISTRY], check_registry),
        *head_surfaces(),
    ]


def _surface(name: str, seeds: Sequence[Seed], check: Callable[[bytes], object]) -> Surface:
    return surface(name, Mutator(seeds), check, seeds)


def _lines(values: Sequence[object]) -> Seed:
    return [json.dumps(value).encode() + b"\n" for value in values]


_SSE: Sequence[Seed] = (
    [b'data: {"a": 1}\n\n', b'data: {"b": 2}\n\n', b"data: [DONE]\n\n"],
    [b'event: delta\ndata: {"a": 1}\n\n', b": ping\n\n", b'event: delta\ndata: {"b":\ndata: 2}\n\n'],
    [b"\xef\xbb\xbfid: 1\r\ndata: x\r\n\r\n", b"retry: 100\r\ndata:y\r\n\r\n", b"data\r\n\r\n", b"id\r\ndata: z\r\r"],
    [b"data: \xc4\x8d\xf0\x9f\x8c\x8d\n\n", b"event:e\nid:\x00\ndata: cut"],
)
_NDJSON: Sequence[Seed] = (
    [b'{"a": 1}\n', b'{"b": "\xc4\x8d"}\n', b'{"done": true}\n'],
    [b'{"a": 1}\r\n', b"\r\n", b"  \t\n", b'{"done": true}'],
)


def _delta(index: int | None, fragment: object, **more: object) -> dict[str, object]:
    """Return a delta: ``id`` and ``index`` beside the function, ``name`` in it."""
    function = {"arguments": fragment, **({"name": more.pop("name")} if "name" in more else {})}
    return {"index": index, "function": function, **more}


_DELTAS: Sequence[Sequence[object]] = (
    [_delta(0, "", id="a", name="f"), _delta(0, '{"x"'), _delta(0, ": 1}"), _delta(1, "{}", id="b", name="g")],
    [_delta(None, "{}", name="f"), _delta(None, '{"y": 2}', name="f"), _delta(None, None, name="g")],
    [_delta(0, "{}", id="a", name="f"), _delta(0, "{}", id="b", name="f"), _delta(0, {"z": 3}, id="a", name="f")],
    [
        _delta(0, '{"q": "', id="a"),
        _delta(0, "1", name="ge"),
        _delta(0, '"}', name="t"),
        _delta(2, "", id="a_2", name="h"),
    ],
    [
        {
            "id": "c",
            "function": {"name": "f", "arguments": "{}"},
            "extra_content": {"google": {"thought_signature": "s"}},
        }
    ],
)


def check_tool_arguments(data: bytes) -> None:
    """Check what becomes of deltas of tool calls, one a line: the grammar, an id for each call, nothing lost."""
    deltas, grammar = ToolDeltas("example"), Grammar()
    deltas.name_answer("answer")
    found = []
    for line in data.split(b"\n"):
        try:
            delta = json.loads(line)
        except (ValueError, RecursionError):
            continue
        found += list(deltas.add(delta)) if isinstance(delta, dict) else []
    found += list(deltas.end())
    for event in found:
        try:
            grammar.check(event)
        except ValueError as failure:
            raise BrokenLawError(f"the grammar: {failure}") from None
    for call in fold(found).tool_calls:
        if (call.arguments is None) == (call.error is None):
            raise BrokenLawError(f"{call!r} has arguments and an error, or neither")


_WAITS = (
    b"20",
    b"0",
    b"-10",
    b"1.5",
    b"1e3",
    b"99999999999999999999",
    b"Fri, 29 Sep 2023 16:26:57 GMT",
    b"Friday, 29-Sep-23 16:26:57 GMT",
    b"Fri Sep 29 16:26:57 2023",
    b"Tue, 29 Feb 2028 23:59:60 GMT",
    b"inf",
    b"nan",
    b"20, 30",
    b" 7 ",
)


def check_retry_after(data: bytes) -> None:
    """Check what becomes of a header: seconds above 0 and finite, or ``None``."""
    value = data.decode("latin-1")
    for name in ("retry-after", "retry-after-ms"):
        for now in (_NOW, 0.0):
            found = retry_after({name: value}, now)
            if found is not None and not (math.isfinite(found) and 0 < found <= LONGEST):
                raise BrokenLawError(f"{name}: {value!r} gives {found!r}")


_SPECS: Mapping[str, BackendSpec] = {
    wire: BackendSpec(
        name="example",
        wires=(wire,),
        default_base_url="https://{region}.example.com/v1",
        url_parts={},
        base_path="/v1",
        credential_env=("EXAMPLE_API_KEY",),
        base_url_env=("EXAMPLE_BASE_URL",),
        host_env=("EXAMPLE_HOST",),
        header_env={"x-project": "EXAMPLE_PROJECT"},
        config={"cache_marks": "a quirk of the chat wire", "region": "a part of the address"},
    )
    for wire in ("openai_chat", "openai_responses", "anthropic_messages")
}
_SETTINGS: Sequence[Mapping[str, Any]] = (
    {"wire": "openai_chat", "api_key": "sk-0123456789", "base_url": "https://example.com/v1", "model": "m"},
    {"base_url": "http://127.0.0.1:8080", "limits": {"total": 30, "idle": 2.5}, "retries": 3},
    {"base_url": "http://user:password@[::1]:80/a?b#c", "headers": {"x-a": "b"}, "allow_insecure_http": True},
    {"defaults": {"temperature": 0.5, "max_tokens": 10, "stop": ["x"]}, "capabilities": {"tools": "unsupported"}},
    {
        "env": {
            "EXAMPLE_API_KEY": "k",
            "EXAMPLE_BASE_URL": "https://h/v1",
            "EXAMPLE_HOST": ":8080",
            "EXAMPLE_PROJECT": "p",
        }
    },
    {"env": {"EXAMPLE_HOST": "0.0.0.0:1", "BACKBAY_PLUGINS": "a,b", "BACKBAY_PIN": "a=b"}, "reference": "manual:m"},
    {"cache_marks": None, "region": "eu", "transport": "aiohttp", "reference": "example@backbay-example:m:n"},
)


def check_configuration(data: bytes) -> None:
    """Check what ``connect`` makes of arguments and variables, an object of both a line: a backend, or our error."""
    for line in data.split(b"\n"):
        try:
            given = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(given, dict):
            _connect({str(name): value for name, value in given.items()})


def _connect(given: dict[str, Any]) -> None:
    environment, reference, model = given.pop("env", {}), given.pop("reference", None), given.pop("model", None)
    wire = given.get("wire")
    spec = _SPECS.get(wire if isinstance(wire, str) else "", _SPECS["openai_chat"])
    model = model if isinstance(model, str) else None
    with _environment(environment):
        calls: tuple[Callable[[], Any], ...] = (
            lambda: connect(reference or "manual", **given),
            lambda: build(spec, model, **given),
        )
        for call in calls:
            try:
                backend = call()
                repr(backend)
                backend.with_options(model="m").stream("Hello.")
                backend.capabilities()
            except BackbayError as error:
                str(error)
            except TypeError as failure:
                # A Python function that is called with an argument twice, or without a name for it.
                if "multiple values" not in str(failure):
                    raise


@contextmanager
def _environment(values: object) -> Iterator[None]:
    """Set variables, so far as a system lets anybody set such values."""
    named = values if isinstance(values, dict) else {}
    usable = {}
    for name, value in named.items():
        try:
            os.fsencode(f"{name}{value}")
        except UnicodeEncodeError:
            continue
        if name and isinstance(value, str) and "=" not in name and "\0" not in f"{name}{value}":
            usable[name] = value
    with patch.dict(os.environ, usable):
        yield


_REGISTRY = (
    b"[backbay.backends]\nacme = backbay_acme:spec\nother = a.b.c:d [extra]\n\n[console_scripts]\nx = y:z\n",
    b"Metadata-Version: 2.4\nName: backbay-acme\nVersion: 1.0\nRequires-Dist: backbay>=0.1,<0.2\n folded\n\nText\n",
    b"backbay>=0.1,<0.2; python_version >= '3.11'",
    b"backbay (>=0.1)",
    b"acme=backbay-acme,other=backbay_other",
    b"acme@backbay-acme:model:latest",
    b'{"url": "file:///home/project", "dir_info": {"editable": true}}',
)


def check_registry(data: bytes) -> None:
    """Check what is made of metadata of distributions, of settings about plugins, and of names."""
    text = data.decode("utf-8", "replace")
    list(declared(text))
    for name, value in headers(lambda _: text):
        if name == "requires-dist":
            unmet([value], "0.1.0")
    unmet([text], "0.1.0")
    with _environment({"BACKBAY_PLUGINS": text.replace("\0", ""), "BACKBAY_PIN": text.replace("\0", "")}):
        check_call(allow_list)
        check_call(pins)
    check_call(lambda: split_distribution(split(text)[0]))
    check_call(lambda: connect(text))
