"""Finds local engines that are running, by asking them who they are: ``await backbay.detect()``.

A port says where to ask and not who answers, since engines share ports. So each address gets every question that an
installed plugin has (``BackendSpec.identity``), all of them at once, and the answers decide. No key is sent.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from .bridge import run
from .errors import BackbayError, InvalidRequestError, RegistryError
from .http import setup, urls
from .http.asking import Answer, ask, closeness, fits
from .registry import names, resolve
from .settings import Settings
from .spec import BackendSpec
from .wires.lists import read_models

UNKNOWN = "openai-compatible"
"""The backend for an engine that lists models as OpenAI does, and is none that an installed plugin knows."""

_HERE = "127.0.0.1"
_VERSION = re.compile(r"/v\d+$")
_HOST = re.compile(r"[A-Za-z0-9_.:-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """An engine that is running. ``backbay.connect(found.reference, **found.arguments)`` uses it.

    Attributes:
        backend: The name of its backend, ``"openai-compatible"`` for an engine that no installed plugin knows.
        label: The engine's name for people.
        base_url: Where its API is, with the version path.
        shown_by: What showed that it is this engine: the address that was asked, and what the answer had.
        models: Ids of the models that it lists; ``None`` if the list did not come in time, or wants a key.
        wants_key: Whether it refused to list its models without a key.
        others: Backends that the answers fit as well as this one, so that only the port, or the alphabet, decided.
        reference: What ``connect`` is given; its model is the first that is listed and does not look like one for
            embeddings, or ``MODEL`` where none is known.
        arguments: What ``connect`` needs beside that, in this environment.
    """

    backend: str
    label: str
    base_url: str
    shown_by: str
    models: tuple[str, ...] | None
    wants_key: bool = False
    others: tuple[str, ...] = ()
    reference: str
    arguments: Mapping[str, str | bool] = field(default_factory=dict)

    @property
    def line(self) -> str:
        """The line of Python that uses it."""
        given = "".join(f", {name}={value!r}" for name, value in self.arguments.items())
        return f"backbay.connect({self.reference!r}{given})"


async def detect(
    *, hosts: Sequence[str] | None = None, ports: Sequence[int] | None = None, limit: float = 1.0
) -> Sequence[Found]:
    """Return the local engines that are running, of those that installed plugins know, and what speaks their wire.

    Every URL is asked once, without a key; redirects are not followed. What is not there, or does not answer in time,
    is left out.

    Args:
        hosts: Names or addresses of machines, without a port; ``None`` for this one, and, if ``ports`` is ``None``
            too, the addresses that the environment has for an engine (``OLLAMA_HOST`` and the like).
        ports: Ports to ask; ``None`` for the usual ones of every engine.
        limit: Seconds for everything; above 0.

    Raises:
        InvalidRequestError: A host, a port or the limit is none.
        ConfigurationError: ``BACKBAY_PIN`` cannot be read.
    """
    _check(hosts, ports, limit)
    engines = _engines()
    addresses = _addresses(engines, hosts, ports)
    questions = {url for root in addresses for url in _questions(root, engines)}
    answers = await ask(questions, limit)
    judged = (_judge(root, expected, engines, answers) for root, expected in addresses.items())
    return [found for found in judged if found is not None]


def detect_sync(
    *, hosts: Sequence[str] | None = None, ports: Sequence[int] | None = None, limit: float = 1.0
) -> Sequence[Found]:
    """As ``detect``, blocking.

    Raises:
        LoopError: This is the thread of a running event loop.
    """
    return run(detect(hosts=hosts, ports=ports, limit=limit))


def usual_ports() -> Mapping[str, Sequence[int]]:
    """Return the engines that ``detect`` knows, and the ports on which it looks for each. No I/O."""
    return {spec.name: sorted(_ports(spec)) for spec in _engines()}


def _check(hosts: Sequence[str] | None, ports: Sequence[int] | None, limit: float) -> None:
    if isinstance(hosts, str):
        raise InvalidRequestError(f"hosts is a list of hosts, not a string; give [{hosts!r}].")
    for host in hosts or ():
        if not isinstance(host, str) or not _HOST.fullmatch(host) or host.count(":") == 1:
            raise InvalidRequestError(
                f"{host!r} is no host.", hint="Give a name or an address, without http:// and without a port."
            )
    for port in ports or ():
        if not isinstance(port, int) or not 0 < port < 2**16:
            raise InvalidRequestError(f"{port!r} is no port; ports are numbers from 1 to 65535.")
    if not 0 < limit < float("inf"):
        raise InvalidRequestError(f"limit is {limit!r}; it takes seconds above 0.")


def _engines() -> list[BackendSpec]:
    """Return the specs that say how their engine shows who it is. A plugin that is broken knows none."""
    found = []
    for name in names():
        with suppress(RegistryError):
            spec = resolve(name)
            if spec.identity and spec.speaks_http:
                found.append(spec)
    return found


def _ports(spec: BackendSpec) -> set[int]:
    usual = urlsplit(spec.default_base_url or "").port
    return {port for identity in spec.identity for port in identity.ports} | ({usual} if usual else set())


def _version_path(spec: BackendSpec) -> str:
    return urlsplit(spec.default_base_url or "").path.rstrip("/") or spec.base_path


def _from_environment(spec: BackendSpec) -> Iterator[str]:
    """Yield the base URLs that the environment has for a backend, the one that ``connect`` takes first."""
    for variable in (*spec.base_url_env, *spec.host_env):
        value = os.environ.get(variable, "").strip()
        if value:
            url = value if variable in spec.base_url_env else urls.from_host(value, spec.default_base_url)
            with suppress(BackbayError):
                url = urls.with_path(url, spec.base_path)
                yield urls.check_base_url(url, backend=spec.name, allow_insecure_http=True)


def _addresses(
    engines: Sequence[BackendSpec], hosts: Sequence[str] | None, ports: Sequence[int] | None
) -> dict[str, set[str]]:
    """Return what to ask: by the address above every version path, the names of the backends expected there."""
    found: dict[str, set[str]] = {}
    spelled: dict[str, str] = {}

    def add(root: str, name: str | None) -> None:
        # Or else the same engine would be found twice.
        root = spelled.setdefault(re.sub(r"^http://localhost(?=[:/]|$)", f"http://{_HERE}", root), root)
        found.setdefault(root, set()).update([name] if name else [])

    for spec in engines if hosts is None and ports is None else ():
        for url in _from_environment(spec):
            # An address for another of its wires may have a version where the first wire's has none.
            add(_VERSION.sub("", url.removesuffix(_version_path(spec))), spec.name)
    usual = {port for spec in engines for port in _ports(spec)}
    for host in dict.fromkeys([_HERE] if hosts is None else hosts):
        shown = f"[{host}]" if ":" in host else host
        for port in sorted(usual if ports is None else set(ports)):
            add(f"http://{shown}:{port}", None)
            for spec in engines:
                if port in _ports(spec):
                    add(f"http://{shown}:{port}", spec.name)
    return found


def _questions(root: str, engines: Iterable[BackendSpec]) -> Iterator[str]:
    yield _models_url(root, None)
    for spec in engines:
        yield _models_url(root, spec)
        yield from (root + identity.path for identity in spec.identity)


def _models_url(root: str, spec: BackendSpec | None) -> str:
    if spec is None or spec.models_path is None:
        return f"{root}/v1/models"
    return urls.join(root + _version_path(spec), spec.models_path)


def _judge(
    root: str, expected: set[str], engines: Iterable[BackendSpec], answers: Mapping[str, Answer]
) -> Found | None:
    """Return who answers at an address, or ``None``.

    Where the answers fit several engines, the one that they fit most closely wins: named values before mere keys, more
    marks before fewer; then one that is usually found there.
    """
    fitting = [
        (closeness(identity), spec.name in expected, spec, identity)
        for spec in engines
        for identity in spec.identity
        if (answer := answers.get(root + identity.path)) and fits(identity, answer)
    ]
    if not fitting:
        return _unknown(root, engines, answers)
    # Of equals the first, and engines come by name.
    fit, _, spec, identity = max(fitting, key=lambda item: item[:2])
    answer = answers.get(_models_url(root, spec))
    return _found(
        spec,
        root + _version_path(spec),
        shown_by=f"{root}{identity.path} has {', '.join(identity.shows)}",
        models=_models(spec, answer),
        wants_key=answer is not None and answer.status in (401, 403),
        others=tuple(sorted({other.name for how, _, other, _ in fitting if how == fit} - {spec.name})),
    )


def _unknown(root: str, engines: Iterable[BackendSpec], answers: Mapping[str, Answer]) -> Found | None:
    """Return what lists models as OpenAI does, below any version path that is usual for it."""
    usual = [_version_path(spec) for spec in engines if spec.wires[0] == "openai_chat"]
    for path in dict.fromkeys(["/v1", *usual]):
        url = f"{root}{path}/models"
        answer = answers.get(url)
        if answer and isinstance(answer.found, dict) and isinstance(answer.found.get("data"), list):
            spec = BackendSpec(name=UNKNOWN, label="OpenAI-compatible server", wires=("openai_chat",))
            models = _models(None, answer)
            if models is not None:
                return _found(spec, root + path, shown_by=f"{url} is a model list", models=models)
    return None


def _models(spec: BackendSpec | None, answer: Answer | None) -> tuple[str, ...] | None:
    if answer is None or answer.body is None:
        return None
    try:
        if spec is None:
            listed = read_models(answer.body, native=True)
        else:
            listed = setup.codec(spec, Settings(), at_home=False).decode_models(answer.body)
    except BackbayError:
        return None
    return tuple(model.id for model in listed)


def _found(
    spec: BackendSpec,
    base_url: str,
    *,
    shown_by: str,
    models: tuple[str, ...] | None,
    wants_key: bool = False,
    others: tuple[str, ...] = (),
) -> Found:
    arguments: dict[str, str | bool] = {}
    if base_url != next(_from_environment(spec), (spec.default_base_url or "").rstrip("/")):
        arguments["base_url"] = base_url
    parts = urlsplit(base_url)
    if parts.scheme == "http" and not urls.is_loopback(parts.hostname or ""):
        arguments["allow_insecure_http"] = True
    chosen = next((model for model in models or () if "embed" not in model.lower()), (models or ("MODEL",))[0])
    return Found(
        backend=spec.name,
        label=spec.label or spec.name,
        base_url=base_url,
        shown_by=shown_by,
        models=models,
        wants_key=wants_key,
        others=others,
        reference=f"{spec.name}:{chosen}",
        arguments=arguments,
    )
