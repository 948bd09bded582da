"""The class of a conformance test for a backend that is installed: its plugin's own, or one that is made here."""

from __future__ import annotations

from dataclasses import replace
from importlib.metadata import EntryPoint, entry_points

from backbay import ConfigurationError, resolve
from backbay.spec import BackendSpec

from .subject import Engine
from .suite import BackendConformance

GROUP = "backbay.conformance"
"""Entry-point group in which a plugin may name its class, under the name of its backend; for a wire of its own that is
not its first, under ``name:wire``."""

_PROMPTS = {"one_tool": "What is the weather in Zagreb? Use the tool."}
"""What a model is asked where "Say pong.", to which the suite itself gives the right answer, would not lead there."""


def class_of(
    name: str, model: str | None = None, wire: str | None = None, base_url: str | None = None
) -> type[BackendConformance]:
    """Return a class of a conformance test, ready to be collected.

    Args:
        name: An installed backend's name.
        model: The model to ask, for a backend that answers in this process; it takes the place of the class's own,
            and the prompts stay. Or the model of the server at ``base_url``.
        wire: The wire to try; ``None`` for the backend's first.
        base_url: The address of a server that runs, which answers in place of the suite; ``None`` for the suite.

    Raises:
        RegistryError: The name leads to no usable plugin.
        ConfigurationError: The backend runs in this process, or a server is to answer, and there is no model; or there
            is one where the suite answers; it does not speak ``wire``, or HTTP where there is an address; or what its
            plugin ships is no class of a conformance test for it.
    """
    spec = resolve(name)
    if wire is not None and wire not in spec.wires:
        speaks = f"It speaks {', '.join(spec.wires)}." if spec.wires else "It runs in this process."
        raise ConfigurationError(f"{spec.name} does not speak the wire {wire!r}.", backend=spec.name, hint=speaks)
    other = wire is not None and wire != spec.wires[0]
    shipped = _shipped(f"{spec.name}:{wire}" if other else spec.name, spec.name)
    if wire is not None and other:
        spec = spec.on_wire(wire)
    if base_url is not None:
        return _live(spec, model, base_url, shipped)
    if model is not None and spec.speaks_http:
        raise ConfigurationError(
            f"{spec.name} speaks HTTP, and the suite answers in its place: it needs no model.",
            backend=spec.name,
            hint="To try a server that runs, give --live and --base-url as well.",
        )
    if shipped is None and not spec.speaks_http and model is None:
        raise ConfigurationError(
            f"{spec.name} runs in this process, so the suite must know which model to ask.",
            backend=spec.name,
            hint=f"Give --model NAME, or let the plugin name a class in the entry-point group {GROUP}.",
        )
    settings: dict[str, object] = {"spec": spec, "__module__": "conformance", "__doc__": f"The laws, for {spec.name}."}
    if model is not None:
        own = shipped.engine if shipped is not None else None
        settings["engine"] = replace(own, model=model) if isinstance(own, Engine) else Engine(model=model)
    return type("TestConformance", (shipped or BackendConformance,), settings)


def _live(
    spec: BackendSpec, model: str | None, base_url: str, shipped: type[BackendConformance] | None
) -> type[BackendConformance]:
    """Return the class for a server that runs. What a plugin expects to fail, it says of the suite's answers."""
    if not spec.speaks_http:
        raise ConfigurationError(f"{spec.name} runs in this process: there is no server to try.", backend=spec.name)
    if model is None:
        raise ConfigurationError(
            f"A server of {spec.name} answers, so the suite must know which model to ask.",
            backend=spec.name,
            hint=f"Give --model NAME; `backbay models {spec.name}` lists what the server has.",
        )
    config = {} if shipped is None else shipped.config
    about = {"__module__": "conformance", "__doc__": f"The laws, for a server of {spec.name}."}
    engine = Engine(model=model, base_url=base_url, prompts=_PROMPTS)
    settings = {"spec": spec, "engine": engine, "config": config, **about}
    return type("TestConformance", (BackendConformance,), settings)


def _shipped(entry: str, name: str) -> type[BackendConformance] | None:
    found = tuple(entry_points(group=GROUP, name=entry))
    if not found:
        return None
    if len(found) > 1:
        both = " and ".join(sorted(entry.dist.name if entry.dist else entry.value for entry in found))
        raise ConfigurationError(f"{both} both ship a conformance test for {name}. Uninstall one.", backend=name)
    kind = _load(found[0], name)
    if not (isinstance(kind, type) and issubclass(kind, BackendConformance)):
        raise ConfigurationError(
            f"{found[0].value}, which {name} ships as its conformance test, is no subclass of BackendConformance.",
            backend=name,
        )
    return kind


def _load(entry: EntryPoint, name: str) -> object:
    try:
        return entry.load()
    except Exception as failure:
        raise ConfigurationError(
            f"The conformance test that {name} ships, {entry.value}, fails to import: "
            f"{type(failure).__name__}: {failure}",
            backend=name,
        ) from failure
