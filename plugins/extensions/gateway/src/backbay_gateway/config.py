"""What ``gateway.toml`` may say: frozen models, each field with its unit. ``config_file`` reads the file."""

from __future__ import annotations

import ipaddress
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=64)]
"""A name that stands before the colon of ``name:model``: letters, digits, dots, hyphens and underscores."""

Alias = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._/@+-]*$", max_length=128)]
"""A model's name as clients ask for it; without a colon, so that it cannot be taken for ``name:model``."""

Seconds = Annotated[float, Field(gt=0, le=86400, allow_inf_nan=False)]
Strategy = Literal["fallback", "weighted", "least_busy", "capability"]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Server(_Table):
    """Where the gateway listens, and what it takes from clients."""

    host: str = "127.0.0.1"
    """Address to bind. Any other than this machine's own needs TLS, or ``behind_proxy``."""
    port: int = Field(default=8787, ge=0, le=65535)
    """Port to bind; 0 lets the system choose."""
    workers: int = Field(default=1, ge=1, le=128)
    """Processes that share the port."""
    tls_certificate: str | None = None
    """PEM file with the certificate and those that lead to its root."""
    tls_key: str | None = None
    """PEM file with the certificate's key."""
    behind_proxy: bool = False
    """Whether a proxy that keeps TLS stands before the gateway, so that it may listen on other addresses without."""
    hosts: tuple[str, ...] = ()
    """Names in the Host header that are answered, besides those of this machine. ``"*"`` takes any."""
    origins: tuple[str, ...] = ()
    """Origins of web pages, ``https://app.example.com``, that may ask; none by default."""
    max_body: int = Field(default=20 * 1024 * 1024, ge=1024, le=1024**3)
    """Bytes of a request's body at most."""
    max_streams: int = Field(default=1000, ge=1)
    """Requests that one worker answers at once; more are asked to come back later."""
    header_timeout: Seconds = 10.0
    """Seconds in which a request's head must come."""
    body_timeout: Seconds = 30.0
    """Seconds in which a request's body must come after its head."""
    write_timeout: Seconds = 60.0
    """Seconds that a client may leave an answer unread before it is dropped."""
    keep_alive: Seconds = 120.0
    """Seconds for which a connection without a request is kept."""
    drain: float = Field(default=30.0, ge=0, le=3600)
    """Seconds that running answers get when the gateway stops."""
    ping: Seconds = 15.0
    """Seconds of silence after which a streamed answer shows that it is alive, where the gateway writes it itself."""
    open_status: bool = False
    """Whether ``/metrics`` and the figures of the status page need no key."""

    @model_validator(mode="after")
    def _tls_is_whole(self) -> Self:
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise ValueError("tls_certificate and tls_key are given together, or not at all")
        return self

    @field_validator("hosts")
    @classmethod
    def _hosts_are_names(cls, hosts: tuple[str, ...]) -> tuple[str, ...]:
        for host in hosts:
            if host != "*" and (not host or any(mark in host for mark in "/@#? ") or host != host.strip()):
                raise ValueError(f"{host!r} is no host; write it like gateway.example.com, or 10.0.0.5:8787")
        return tuple(host.lower() for host in hosts)

    @property
    def loopback(self) -> bool:
        """Whether only this machine can reach ``host``."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host.strip("[]")).is_loopback
        except ValueError:
            return False


class Keys(_Table):
    """Where virtual keys and what they used are kept."""

    database: str | None = None
    """SQLAlchemy URL, as ``postgresql+psycopg://...``; ``None`` for an SQLite file in the user's data folder."""


class Routing(_Table):
    """How upstreams are watched and chosen."""

    retries: int = Field(default=2, ge=0, le=10)
    """Further attempts at one upstream after a failed one. The gateway alone retries, and tells clients not to."""
    breaker_failures: int = Field(default=5, ge=1)
    """Failures in a row after which an upstream is left out."""
    breaker_rest: Seconds = 5.0
    """Seconds for which it is left out first; doubled each time that it fails again, up to ``breaker_longest_rest``."""
    breaker_longest_rest: Seconds = 120.0
    """Seconds for which an upstream is left out at most."""
    health_interval: Seconds = 60.0
    """Seconds between two health checks of an upstream that nobody asked in the meantime."""
    models_interval: Seconds = 300.0
    """Seconds for which an upstream's model list is kept."""


class Logging(_Table):
    """What is logged, as one JSON object a line on standard error. Prompts and answers never are."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    """The least important that is logged."""
    requests: bool = True
    """Whether each request has a line."""


class TimeLimits(_Table):
    """Limits of every call to an upstream, in seconds; ``None`` for none."""

    total: Seconds | None = None
    """From the call to the last byte, retries included."""
    first_event: Seconds | None = 300.0
    """From the call to the first event."""
    idle: Seconds | None = 120.0
    """Between bytes, once the first event came."""


class Price(_Table):
    """What a model costs, in the operator's money, for a million tokens."""

    input: float = Field(ge=0, le=1e6, allow_inf_nan=False)
    """Prompt tokens."""
    output: float = Field(ge=0, le=1e6, allow_inf_nan=False)
    """Completion tokens, reasoning included."""
    cached: float | None = Field(default=None, ge=0, le=1e6, allow_inf_nan=False)
    """Prompt tokens read from a cache; ``None`` for the price of others."""


class Upstream(_Table):
    """A backend that the gateway asks."""

    vendor: str
    """The backend's name, as ``backbay backends`` lists it."""
    name: Name | None = None
    """What clients write before the colon; ``None`` for the vendor's name."""
    models: dict[Alias, str] = Field(default_factory=dict)
    """Names that clients may ask for without a colon, each with the upstream's own name for the model."""
    key_env: str | None = None
    """Environment variable that has the key; ``None`` for those that the vendor's package lists."""
    base_url: str | None = None
    """The API's address; ``None`` for the environment's, or else the vendor's own."""
    wire: str | None = None
    """The wire to speak, and the only one in which clients' bytes are relayed; ``None`` for all that the vendor has,
    its first one where requests are written anew."""
    weight: float = Field(default=1.0, gt=0, le=1000)
    """Its share where an alias is ``weighted``, and how much it can carry where one is ``least_busy``."""
    limits: TimeLimits = TimeLimits()
    """Limits of every call to it."""
    prices: dict[str, Price] = Field(default_factory=dict)
    """What its models cost, by their own names, or ``"*"`` for all others; for keys that have a budget in money."""
    transcode: bool = False
    """Whether requests are always read and written anew, even where the client's bytes could be relayed."""
    options: dict[str, object] = Field(default_factory=dict)
    """Further arguments of ``backbay.connect`` for this backend."""

    @property
    def label(self) -> str:
        """What clients write before the colon."""
        return self.name or self.vendor

    @field_validator("options")
    @classmethod
    def _options_are_the_backends_own(cls, options: dict[str, object]) -> dict[str, object]:
        ours = {"api_key", "base_url", "wire", "limits", "transport", "retries"} & options.keys()
        if ours:
            raise ValueError(f"{', '.join(sorted(ours))} cannot stand here; there is a field of its own for it")
        return options


class Target(_Table):
    """One model that an alias may lead to."""

    model: str = Field(pattern=r"^[^:]+:.+$")
    """``name:model``, with the name of an upstream."""
    weight: float | None = Field(default=None, gt=0, le=1000)
    """Its share; ``None`` for the upstream's weight."""


class AliasTable(_Table):
    """A model's name that leads to one of several."""

    name: Alias
    """What clients ask for."""
    targets: tuple[Target | Annotated[str, Field(pattern=r"^[^:]+:.+$")], ...] = Field(min_length=1)
    """Where it leads: ``"name:model"``, or a table with a weight."""
    strategy: Strategy = "fallback"
    """``fallback``: in this order. ``weighted``: by chance, as the weights say. ``least_busy``: the one with the fewest
    requests for its weight. ``capability``: the first that can do all that the request needs. The others follow."""

    @property
    def all_targets(self) -> tuple[Target, ...]:
        """The targets, each as a table."""
        return tuple(Target(model=item) if isinstance(item, str) else item for item in self.targets)


class GatewayConfig(_Table):
    """All that ``gateway.toml`` says."""

    server: Server = Server()
    keys: Keys = Keys()
    routing: Routing = Routing()
    logging: Logging = Logging()
    upstreams: tuple[Upstream, ...] = Field(min_length=1)
    """The backends, each as a table ``[[upstreams]]``."""
    aliases: tuple[AliasTable, ...] = ()
    """Names that lead to one of several models, each as a table ``[[aliases]]``."""

    @model_validator(mode="after")
    def _names_fit(self) -> Self:
        labels = [each.label for each in self.upstreams]
        if twice := sorted({label for label in labels if labels.count(label) > 1}):
            raise ValueError(f"two upstreams have the name {twice[0]!r}; give one of them another name")
        simple = [alias for each in self.upstreams for alias in each.models] + [each.name for each in self.aliases]
        if twice := sorted({alias for alias in simple if simple.count(alias) > 1}):
            raise ValueError(f"{twice[0]!r} is given twice; for several upstreams write one [[aliases]] of that name")
        for alias in self.aliases:
            for target in alias.all_targets:
                label = target.model.partition(":")[0]
                if label not in labels:
                    raise ValueError(
                        f"the alias {alias.name!r} leads to {target.model!r}, and no upstream is named {label!r}; "
                        f"there are {', '.join(labels)}"
                    )
        return self
