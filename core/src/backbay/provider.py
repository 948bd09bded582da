"""A provider: one configured use of a backend, which can be kept as a row and bound to a backend when it is needed."""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, cast

from . import credentials
from .connecting import build
from .errors import ConfigurationError
from .limits import LimitsInput
from .registry import resolve
from .secrets import SecretHolder
from .spec import BackendSpec

if TYPE_CHECKING:
    from .backend import Backend
    from .http.transport import Transport

_NAME = re.compile(r"[a-z0-9]+(?:[-_.][a-z0-9]+)*")
_LONGEST_NAME = 64
_FIELDS_OF_CONNECT = frozenset({"api_key", "base_url", "wire", "limits", "transport", "defaults", "model"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """One configured use of a backend.

    Attributes:
        name: What people call it, as in ``connect("my-provider:model")``.
        backend_name: The backend: ``"openai"``, or ``"name@distribution"``. ``"manual"``: none was chosen yet.
        vendor: Who serves it, where that is not the backend's own vendor, as behind ``openai-compatible``; fills
            ``{vendor}`` in the name of the OAuth client. ``""``: the backend's name.
        base_url: The API's address; ``None`` leaves it to the backend's package, or else to ``vendor_base_url``.
        vendor_base_url: The vendor's address, for a backend whose package has none.
        wire: The wire to speak; ``None`` takes the backend's first.
        model: The model that is asked where nobody names one, or ``None``.
        credential: Where the key is (``"env:NAME"``), or the key itself (a ``Secret``, or what has
            ``get_secret_value()``); ``None`` leaves it to the backend's environment variables.
        config: What only this backend knows: further arguments of ``connect``.
        defaults: Options that every call starts from.
        broker: Where set, every model is also known as ``"broker/model"``; that prefix is never sent.

    Raises:
        ConfigurationError: A value could never work. Nothing is imported, and no I/O happens.
    """

    name: str
    backend_name: str = "manual"
    vendor: str = ""
    base_url: str | None = None
    vendor_base_url: str | None = None
    wire: str | None = None
    model: str | None = None
    credential: str | SecretHolder | None = field(default=None, repr=False)
    config: Mapping[str, object] = field(default_factory=dict)
    defaults: Mapping[str, object] = field(default_factory=dict)
    broker: str = ""

    def __post_init__(self) -> None:
        check_name(self.name)
        if isinstance(self.credential, str):
            credentials.check_source(self.credential)
        for each in ("config", "defaults"):
            if not isinstance(getattr(self, each), Mapping):
                raise ConfigurationError(f"The provider {self.name}: {each} must be a mapping of names to values.")
            object.__setattr__(self, each, copy.deepcopy(dict(getattr(self, each))))
        for taken in sorted(_FIELDS_OF_CONNECT & self.config.keys()):
            raise ConfigurationError(f"The provider {self.name}: config cannot set {taken}.", hint="Use its own field.")

    @property
    def spec(self) -> BackendSpec:
        """The declaration of its backend, on its wire.

        Raises:
            RegistryError: The name leads to no usable plugin.
            ConfigurationError: The backend does not speak the wire.
        """
        spec = resolve(self.backend_name)
        wire = self.wire or (spec.wires[0] if spec.wires else None)
        if wire is None:
            return spec
        try:
            return spec.on_wire(wire)
        except ValueError as failure:
            raise ConfigurationError(f"The provider {self.name}: {failure}.", backend=spec.name) from None

    @property
    def requires_credential(self) -> bool:
        """Whether a call without a key can only fail."""
        return self.spec.requires_credential

    @property
    def api_key_env(self) -> tuple[str, ...]:
        """The environment variables that may have the key, where the provider names no credential."""
        return self.spec.credential_env

    @property
    def default_base_url(self) -> str | None:
        """The address where ``base_url`` is ``None``: the package's own, or else the vendor's."""
        return self.spec.default_base_url or self.vendor_base_url

    @property
    def oauth_client(self) -> str:
        """The name of the OAuth client, with the vendor filled in; ``""`` if the vendor has no OAuth."""
        spec = self.spec
        return spec.oauth_client.strip().replace("{vendor}", self.vendor or spec.name)

    def effective_defaults(self) -> dict[str, object]:
        """Return the options that calls start from: the backend's, and the provider's own over them."""
        return merge_defaults(self.spec.defaults, self.defaults)

    def native_model(self, model: str | None) -> str | None:
        """Return the name that the vendor knows a model by: without the broker's prefix; the own model for ``None``."""
        wanted = model or self.model
        return wanted.removeprefix(f"{self.broker}/") if wanted and self.broker else wanted

    def backend(
        self,
        model: str | None = None,
        *,
        api_key: str | SecretHolder | None = None,
        base_url: str | None = None,
        wire: str | None = None,
        limits: LimitsInput = None,
        transport: Transport | object | None = None,
        **config: object,
    ) -> Backend:
        """Return a new backend, so that a changed key counts at once. No I/O happens until its first call.

        The key is the argument's, or else the provider's credential, or else the environment's; where none is required,
        none. A credential that can be renewed is, once, before it is read; that may take time on the network.

        Args:
            model: The model; ``None`` for the provider's own. A broker's prefix is taken off.
            api_key: As in ``connect``; comes before the provider's credential.
            base_url: As in ``connect``; comes before the provider's.
            wire: As in ``connect``; comes before the provider's.
            limits: As in ``connect``.
            transport: As in ``connect``.
            config: As in ``connect``, over the provider's.

        Raises:
            RegistryError: The backend's name leads to no usable plugin.
            MissingCredentialError: A key is required and there is none.
            ConfigurationError: Something else in the set-up cannot work, such as an OAuth token for a vendor of keys.
        """
        chosen = replace(self, wire=wire) if wire is not None else self
        spec = chosen.spec
        settings: dict[str, object] = {**copy.deepcopy(dict(self.config)), **config}
        defaults = settings.pop("defaults", None)
        given = api_key if api_key is not None else self._own_credential()
        del api_key
        if credentials.is_oauth(given):
            spec, settings = credentials.with_bearer(spec, settings)
        if given is not None and not isinstance(given, str):
            given = credentials.read(given, spec, source="provider")
        return build(
            spec,
            self.native_model(model),
            api_key=given,
            base_url=base_url if base_url is not None else self._address(spec),
            limits=limits,
            transport=transport,
            defaults=merge_defaults(self.defaults, cast("Mapping[str, object]", defaults or {})),
            **cast("dict[str, Any]", settings),
        )

    def _own_credential(self) -> SecretHolder | None:
        return credentials.open_source(self.credential) if isinstance(self.credential, str) else self.credential

    def _address(self, spec: BackendSpec) -> str | None:
        if self.base_url is None and spec.default_base_url is None:
            return self.vendor_base_url
        return self.base_url


def check_name(name: object) -> None:
    """Raise ``ConfigurationError`` if a provider cannot have this name."""
    if not isinstance(name, str) or not _NAME.fullmatch(name) or len(name) > _LONGEST_NAME:
        raise ConfigurationError(
            f"A provider's name is lower-case letters and digits, with - _ or . between them, not {name!r}.",
            hint=f"At most {_LONGEST_NAME} characters.",
        )


def merge_defaults(*layers: Mapping[str, object]) -> dict[str, object]:
    """Return what the layers say together, a later one over an earlier one; mappings are merged one level deep.

    What is returned shares no list and no mapping with the layers.
    """
    merged: dict[str, object] = {}
    for layer in layers:
        for name, value in layer.items():
            earlier = merged.get(name)
            if isinstance(value, Mapping) and isinstance(earlier, Mapping):
                merged[name] = {**earlier, **copy.deepcopy(dict(value))}
            else:
                merged[name] = copy.deepcopy(value)
    return merged
