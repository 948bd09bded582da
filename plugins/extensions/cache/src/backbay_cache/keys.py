"""What decides an answer, as one key: equal where what is sent is equal, and different where it is not.

The key is a SHA-256 and nothing else of it is kept, neither a prompt nor an API key; the latter is not even hashed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from backbay import BackbayError, Backend, Request
from backbay.check import OPTION_NEEDS, apply_capabilities
from backbay.composite import Composite
from backbay.composite_calls import CompositeCall
from backbay.limits import NO_LIMITS
from backbay.messages import MessagesInput
from backbay.request import build_request

EDITION = 1
"""Goes into every key: with another form of entries, or of keys, no old entry is found."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a call asks for.

    Attributes:
        key: Of it all.
        model: The model's name, or ``None`` if the backend has one of its own.
        dropped: What is left out of the request by the caller's leave; ``None`` if only the answer tells.
        deterministic: Whether it wants to be answered the same each time: temperature 0, or a seed.
    """

    key: bytes
    model: str | None
    dropped: tuple[str, ...] | None
    deterministic: bool


def of_answer(backend: Backend, call: CompositeCall) -> Asked | None:
    """Return what a call asks ``backend`` for, with the backend's own defaults; ``None`` if it cannot be told.

    Then the backend is asked, and says itself what is wrong.
    """
    try:
        request = _request(backend, call.messages, call.options)
        dropped: tuple[str, ...] | None = None
        document: dict[str, object] = {"on_unsupported": request.on_unsupported}
        if not isinstance(backend, Composite):
            request, dropped = apply_capabilities(request, backend.capabilities(request.model), backend=backend.id)
            document = {}
        document |= {"kind": "answer", "backend": _identity(backend), "request": _document(request)}
        deterministic = request.temperature == 0 or request.seed is not None
        return Asked(_hashed(document), request.model, dropped, deterministic)
    except (BackbayError, TypeError, ValueError, RecursionError):
        return None


def of_vectors(backend: Backend, model: str | None, inputs: Sequence[str], extra: Mapping[str, object]) -> Asked | None:
    """Return what ``embed`` asks for; ``None`` if it cannot be told."""
    try:
        document: dict[str, object] = {"kind": "vectors", "backend": _identity(backend), "model": model}
        document |= {"inputs": list(inputs), "extra": dict(sorted(extra.items()))}
        return Asked(_hashed(document), model, (), deterministic=True)
    except (BackbayError, TypeError, ValueError, RecursionError):
        return None


def _request(backend: Backend, messages: MessagesInput, options: Mapping[str, Any]) -> Request:
    """Return the request that ``backend`` makes of a call, before hooks see it.

    No public method says what ``with_options`` set, or says it without running the hooks that change requests; and
    those run once for each request that is sent.
    """
    given = {**backend._defaults, **options}  # noqa: SLF001 (as said)
    known = backend.capabilities(given.get("model") or backend.model)
    lacked = {option for option, capability in OPTION_NEEDS.items() if not known.allows(capability)}
    given = {**{name: value for name, value in backend.spec.defaults.items() if name not in lacked}, **given}
    return build_request(messages, given, limits=NO_LIMITS, model=backend.model)


def _document(request: Request) -> dict[str, object]:
    """Return all of a request that is sent.

    Objects keep the order of their keys: a vendor that answers by a schema does so in the order of its properties. At
    the top of ``extra`` there is no such order.
    """
    found = request.model_dump(exclude={"limits", "on_unsupported"})
    found["extra"] = dict(sorted(found["extra"].items()))
    return found


def _identity(backend: Backend) -> dict[str, object]:
    settings, spec = backend.settings, backend.spec
    found: dict[str, object] = {"id": backend.id, "wires": list(spec.wires), "wire": settings.wire}
    # What an authorizer gets may be secret, and decides who pays, not what is answered.
    own = {name: value for name, value in settings.config.items() if name not in spec.authorizer_config}
    found["config"] = _plain(dict(sorted(own.items())))
    if isinstance(backend, Composite):
        found["backends"] = [{**_identity(each), "start": _start(each)} for each in backend.backends]
        found["names"] = [str(name) for name in getattr(backend, "_named", ())]  # what a route goes by
    return found


def _start(backend: Backend) -> dict[str, object]:
    """Return what every call of a backend inside another starts from."""
    return _document(_request(backend, "-", {}))


def _plain(value: object) -> object:
    """Return a value of ``connect`` as JSON has it; of an object, which may hold a secret, only its class."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Mapping):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item) for item in value]
    return f"{type(value).__module__}.{type(value).__qualname__}"


def _hashed(document: Mapping[str, object]) -> bytes:
    # Escaped, since a text may have half of a surrogate pair, which no bytes of UTF-8 stand for.
    text = json.dumps({"edition": EDITION, **document}, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("ascii")).digest()
