"""A backend's declaration: pure data, which can be read without any I/O."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from types import MappingProxyType
from typing import TypeVar

from .capabilities import Capabilities, Capability, Support

T = TypeVar("T")

PROTOCOL = 1
"""The edition of the plugin protocol that this core speaks. A spec says which edition it was written for."""

_NAME = re.compile(r"[a-z0-9][a-z0-9-]*")
_CODE_PATH = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")


def _empty() -> Mapping[str, object]:
    return MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRule:
    """What is different about some models: those whose name is ``prefix``, or begins with it and a separator.

    The longest prefix wins. Separators are ``-``, ``.``, ``:``, ``/``, ``_`` and ``@``; case does not matter.
    """

    prefix: str
    capabilities: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class URLPart:
    """A part of a base URL that is different for each account, such as a region.

    Attributes:
        about: One line of explanation; the part is also an argument of ``connect``.
        env: Environment variables that may say it, the vendor's own first.
        default: What it is if nobody says; ``None`` if somebody must.
    """

    about: str
    env: tuple[str, ...] = ()
    default: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """How a local engine says who it is, so that it is found by asking and not by its port alone.

    Attributes:
        path: Path on the engine's host that is asked, with its leading slash. No key is sent.
        shows: What the answer must have to be this engine's: a key of its JSON object, or ``"key=value"``, or
            ``"header:name"``, or ``"header:name=value"``; a value is compared from its beginning, without regard to
            case. A key may be a path, ``"data.owned_by=vllm"``: that key in any item of ``data``. Headers count at any
            status, keys of the JSON on 2xx only.
        lacks: Keys that its JSON object must not have, since another engine's answer has them.
        ports: Ports on which the engine is usually found.
    """

    path: str
    shows: tuple[str, ...]
    lacks: tuple[str, ...] = ()
    ports: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class BackendSpec:
    """What a plugin registers under the entry-point group ``backbay.backends``.

    A vendor on a wire that core knows is this and nothing else. A wire of its own is named by ``codec``; a backend that
    is not HTTP by ``backend``, and has no ``wires``. Both are import paths (``"package.module:name"``), so that a spec
    imports nothing.

    Attributes:
        name: The entry-point name: lower-case letters, digits and hyphens.
        label: The vendor's name for people.
        protocol: The protocol edition that the plugin was written for.
        wires: Wires that the vendor speaks, the default one first.
        default_base_url: Where the API is, with its version path; ``None`` if there is no default.
        base_url_env: Environment variables that may say another one, the vendor's own first.
        host_env: Environment variables that may say ``host:port`` or a whole URL; looked at after ``base_url_env``.
        base_path: The version path, like ``"/v1"``, that a base URL gets which comes without any path.
        url_parts: What the caller, or the environment, fills into ``{placeholders}`` of ``default_base_url``.
        requires_credential: Whether a call without a key can only fail.
        credential_env: Environment variables for the key, the vendor's own first.
        auth_header: The header of the key. ``Authorization`` gets ``Bearer`` before it.
        authorizer: Import path of what signs requests where there is no key (see ``http.codec.Authorizer``); a
            credential that it finds elsewhere counts as one. ``None`` if there is nothing but keys.
        authorizer_config: Keyword arguments of ``connect`` that are for the authorizer, as in ``config``.
        headers: Headers of every request.
        header_env: Headers whose value comes from an environment variable, where that is set.
        models_path: Path of the model list, relative to the base URL (``../x`` goes up); ``None`` if there is none.
            With a path ``list_models`` counts as declared.
        health_path: Path that a health probe gets, likewise; with one ``health`` counts as declared.
        health_statuses: Statuses, besides 2xx, which show that the server is there.
        embeddings_path: Path of the embeddings call; ``None`` if there is none.
        rerank_path: Path of the rerank call; ``None`` if there is none.
        native: Whether models run on a local engine, not at a hosted vendor.
        capabilities: What the backend can do.
        models: What is different about some of its models.
        defaults: Options that every call starts from.
        quirks: Settings of the wire for this vendor; the wire's codec says which there are.
        own_quirks: Quirks that hold only at ``default_base_url``, not at a compatible server.
        config: Further keyword arguments that ``connect`` takes for this backend, each with one line of explanation.
        codec: Import path of a codec class, for a wire of the vendor's own.
        backend: Import path of a ``Backend`` class: for a backend that is not HTTP (which names no wires), or of an
            ``HTTPBackend`` that does more than core's own.
        per_wire: What is different on a wire: fields of this spec, by wire name. See ``on_wire``.
        identity: How a local engine says who it is; any one of these is enough. Empty for hosted vendors.
        sources: Where the facts of this spec are from, and when that was read, by what they are about.
        oauth_client: Name of the OAuth client; may hold ``{vendor}``. ``""`` if the vendor has no OAuth.
    """

    name: str
    label: str = ""
    protocol: int = PROTOCOL
    wires: tuple[str, ...] = ()
    default_base_url: str | None = None
    base_url_env: tuple[str, ...] = ()
    host_env: tuple[str, ...] = ()
    base_path: str = ""
    url_parts: Mapping[str, URLPart] = field(default_factory=dict)
    requires_credential: bool = True
    credential_env: tuple[str, ...] = ()
    auth_header: str = "Authorization"
    authorizer: str | None = None
    authorizer_config: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    header_env: Mapping[str, str] = field(default_factory=dict)
    models_path: str | None = "models"
    health_path: str | None = "models"
    health_statuses: frozenset[int] = frozenset({401, 403})
    embeddings_path: str | None = "embeddings"
    rerank_path: str | None = None
    native: bool = False
    capabilities: Capabilities = field(default_factory=Capabilities)
    models: tuple[ModelRule, ...] = ()
    defaults: Mapping[str, object] = field(default_factory=_empty)
    quirks: Mapping[str, object] = field(default_factory=_empty)
    own_quirks: Mapping[str, object] = field(default_factory=_empty)
    config: Mapping[str, str] = field(default_factory=dict)
    codec: str | None = None
    backend: str | None = None
    per_wire: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    identity: tuple[Identity, ...] = ()
    sources: Mapping[str, str] = field(default_factory=dict)
    oauth_client: str = ""

    def __post_init__(self) -> None:
        for problem in self.problems():
            raise ValueError(f"BackendSpec {self.name!r}: {problem}")
        # For a vendor that speaks HTTP, a path is a declaration: core's driver does the rest.
        listed = dict(self.capabilities.listed)
        if self.speaks_http:
            for facet, path in ((Capability.LIST_MODELS, self.models_path), (Capability.HEALTH, self.health_path)):
                listed[facet] = Support.UNSUPPORTED if path is None else listed.get(facet, Support.FULL)
        object.__setattr__(self, "capabilities", Capabilities(listed))

    @property
    def speaks_http(self) -> bool:
        """Whether the vendor is reached over HTTP, so that it has an address, a key and wires."""
        return bool(self.wires)

    @property
    def arguments(self) -> Mapping[str, str]:
        """The keyword arguments of ``connect`` that are this backend's own, each with one line of explanation."""
        parts = {name: part.about for name, part in self.url_parts.items()}
        return {**parts, **self.authorizer_config, **self.config}

    def problems(self) -> list[str]:
        """Return what is wrong with this spec, as sentences; an empty list if nothing is."""
        found = []
        if not isinstance(self.name, str) or not _NAME.fullmatch(self.name):
            found.append("name must be lower-case letters, digits and hyphens")
        if self.backend is None and not self.wires:
            found.append("give wires (for a vendor that speaks HTTP) or backend (an import path)")
        for what in ("codec", "backend", "authorizer"):
            path = getattr(self, what)
            if path is not None and not _CODE_PATH.fullmatch(path):
                found.append(f"{what} must be an import path like 'package.module:name', not {path!r}")
        if not isinstance(self.capabilities, Capabilities):
            found.append("capabilities must be Capabilities")
        found += self._wire_problems()
        if re.sub(r"\{vendor\}", "", self.oauth_client).count("{"):
            found.append("oauth_client may hold {vendor} and no other placeholder")
        return found

    def _wire_problems(self) -> list[str]:
        known = {each.name for each in fields(self)} - {"name", "protocol", "wires", "per_wire"}
        strange = [wire for wire in self.per_wire if wire not in self.wires]
        found = [f"per_wire names {wire!r}, which is not among wires" for wire in strange]
        for wire, changes in self.per_wire.items():
            found += [f"per_wire[{wire!r}] has {name!r}, which it may not" for name in changes if name not in known]
        return found

    def on_wire(self, wire: str) -> BackendSpec:
        """Return this spec as it is on ``wire``, which then is its only one, with ``per_wire`` filled in.

        ``capabilities``, ``quirks``, ``own_quirks``, ``headers``, ``defaults`` and ``config`` of ``per_wire`` are laid
        over the spec's own, all else takes its place.

        Raises:
            ValueError: The vendor does not speak that wire.
        """
        if wire not in self.wires:
            raise ValueError(f"{self.name} does not speak the wire {wire!r}; it speaks {', '.join(self.wires)}")
        changes = dict(self.per_wire.get(wire, {}))
        for name in ("quirks", "own_quirks", "headers", "config", "defaults"):
            if name in changes:
                changes[name] = {**getattr(self, name), **changes[name]}  # type: ignore[dict-item]
        if "capabilities" in changes:
            changes["capabilities"] = self.capabilities.with_(changes["capabilities"])  # type: ignore[arg-type]
        return replace(self, **changes, wires=(wire,), per_wire={})  # type: ignore[arg-type]

    def capabilities_of(self, model: str | None) -> Capabilities:
        """Return the capabilities with what is different about ``model``."""
        rule = match_prefix({rule.prefix: rule for rule in self.models}, model)
        return self.capabilities.with_(rule.capabilities) if rule else self.capabilities


def match_prefix(by_prefix: Mapping[str, T], model: str | None) -> T | None:
    """Return the value of the longest prefix of ``model`` that ends at a separator, or ``None``."""
    if model is None:
        return None
    wanted = model.lower()
    for prefix in sorted(by_prefix, key=len, reverse=True):
        rest = wanted.removeprefix(prefix.lower())
        if wanted.startswith(prefix.lower()) and (not rest or rest[0] in "-.:/_@"):
            return by_prefix[prefix]
    return None
