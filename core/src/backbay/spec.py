"""A backend's declaration: pure data, which can be read without any I/O."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
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
        requires_credential: Whether a call without a key can only fail.
        credential_env: Environment variables for the key, the vendor's own first.
        auth_header: The header of the key. ``Authorization`` gets ``Bearer`` before it.
        headers: Headers of every request.
        header_env: Headers whose value comes from an environment variable, where that is set.
        models_path: Path of the model list, relative to the base URL (``../x`` goes up); ``None`` if there is none.
            With a path ``list_models`` counts as declared.
        health_path: Path that a health probe gets, likewise; with one ``health`` counts as declared.
        health_statuses: Statuses, besides 2xx, which show that the server is there.
        embeddings_path: Path of the embeddings call; ``None`` if there is none.
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
        oauth_client: Name of the OAuth client; may hold ``{vendor}``. ``""`` if the vendor has no OAuth.
    """

    name: str
    label: str = ""
    protocol: int = PROTOCOL
    wires: tuple[str, ...] = ()
    default_base_url: str | None = None
    base_url_env: tuple[str, ...] = ()
    requires_credential: bool = True
    credential_env: tuple[str, ...] = ()
    auth_header: str = "Authorization"
    headers: Mapping[str, str] = field(default_factory=dict)
    header_env: Mapping[str, str] = field(default_factory=dict)
    models_path: str | None = "models"
    health_path: str | None = "models"
    health_statuses: frozenset[int] = frozenset({401, 403})
    embeddings_path: str | None = "embeddings"
    native: bool = False
    capabilities: Capabilities = field(default_factory=Capabilities)
    models: tuple[ModelRule, ...] = ()
    defaults: Mapping[str, object] = field(default_factory=_empty)
    quirks: Mapping[str, object] = field(default_factory=_empty)
    own_quirks: Mapping[str, object] = field(default_factory=_empty)
    config: Mapping[str, str] = field(default_factory=dict)
    codec: str | None = None
    backend: str | None = None
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

    def problems(self) -> list[str]:
        """Return what is wrong with this spec, as sentences; an empty list if nothing is."""
        found = []
        if not isinstance(self.name, str) or not _NAME.fullmatch(self.name):
            found.append("name must be lower-case letters, digits and hyphens")
        if self.backend is None and not self.wires:
            found.append("give wires (for a vendor that speaks HTTP) or backend (an import path)")
        for what in ("codec", "backend"):
            path = getattr(self, what)
            if path is not None and not _CODE_PATH.fullmatch(path):
                found.append(f"{what} must be an import path like 'package.module:name', not {path!r}")
        if not isinstance(self.capabilities, Capabilities):
            found.append("capabilities must be Capabilities")
        if re.sub(r"\{vendor\}", "", self.oauth_client).count("{"):
            found.append("oauth_client may hold {vendor} and no other placeholder")
        return found

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
