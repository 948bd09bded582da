"""A provider as one object with blocking methods: its models as specs for a catalogue, and ``chat(request)``.

These are thin views: every call goes through ``provider.backend()`` and the same protocol as any other.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar

from .backend import Backend
from .bridge import check_thread, run
from .errors import ConfigurationError, OptionConflictError
from .messages import ToolCall
from .provider import Provider, merge_defaults
from .response import Finish, ModelInfo, Response

_OWNED = frozenset(
    "model messages stream temperature tools max_tokens max_completion_tokens max_output_tokens system".split()
)
"""Fields of a request that ``options`` may not name, on whatever wire; each wire refuses its own as well."""

_NOT_CONNECTABLE = "oauth_client_not_connectable"
_PREFERRED = "prod"


@dataclass(frozen=True, slots=True)
class InferenceModelSpec:
    """One model that a provider advertises.

    Attributes:
        handle: What to ask for.
        display_name: A name for people; ``""`` if nobody gave one.
        description: What it is; ``""`` if nobody said.
        model_use: What it is for: ``"chat"``, ``"completion"``, ``"embedding"``, ``"rerank"``, ``"image"``, ...
        context_window: Tokens of prompt and answer together; 0 if nobody said.
        max_output_tokens: Tokens of one answer at most; 0 if nobody said.
        capabilities: Support by capability, as in ``Capabilities``, where it is said of this model.
        config: What a call through this entry needs to know; ``provider_model`` is the name that the vendor knows.
    """

    handle: str
    display_name: str = ""
    description: str = ""
    model_use: str = "chat"
    context_window: int = 0
    max_output_tokens: int = 0
    capabilities: Mapping[str, object] = field(default_factory=dict)
    config: Mapping[str, object] = field(default_factory=dict)

    @classmethod
    def of(cls, info: ModelInfo) -> InferenceModelSpec:
        """Return what a vendor's list says of a model."""
        return cls(
            handle=info.id,
            display_name=info.label or "",
            context_window=info.context_window or 0,
            max_output_tokens=info.max_output_tokens or 0,
        )

    def upsert_defaults(self) -> dict[str, object]:
        """Return what a new row of a catalogue has: a name and a use always, all else only where it says something.

        A row that is there already is another matter: what nobody said must not take the place of what somebody wrote.
        """
        said: dict[str, object] = {"display_name": self.display_name or self.handle, "model_use": self.model_use}
        for name in ("description", "context_window", "max_output_tokens", "capabilities", "config"):
            value = getattr(self, name)
            if value:
                said[name] = copy.deepcopy(dict(value)) if isinstance(value, Mapping) else value
        return said


@dataclass(frozen=True, slots=True)
class InferenceRequest:
    """One chat request.

    Attributes:
        model: The model; a broker's prefix is taken off.
        messages: The conversation, as ``complete`` takes it.
        system: A system prompt before it; ``""`` for none.
        max_tokens: Tokens of the answer at most; ``None`` leaves it to the vendor.
        temperature: 0 or more; ``None`` leaves it to the vendor.
        tools: Tools that the model may call, as ``complete`` takes them.
        options: Fields for this vendor only. They may not name what Backbay writes.
    """

    model: str
    messages: Sequence[Mapping[str, object]]
    system: str = ""
    max_tokens: int | None = 1024
    temperature: float | None = None
    tools: Sequence[Mapping[str, object]] = ()
    options: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class InferenceResponse:
    """One answer. Everything but ``tool_calls`` and ``finish`` is plain JSON, and so are those by ``as_json``.

    Attributes:
        text: The answer, as it came: never stripped.
        content: Its parts in order: text, thinking and tool calls, each a dict with its ``type``.
        usage: Tokens by name, those that the vendor counted; ``{}`` if none.
        raw: The vendor's whole body, where it came in one piece; else ``{}``.
        tool_calls: The calls that it wants made.
        finish: Why it ended.
        model: The model that answered, as the vendor names it, or ``None``.
        id: The vendor's id of the answer, or ``None``.
    """

    text: str
    content: list[dict[str, Any]] = field(default_factory=list)
    usage: dict[str, int] = field(default_factory=dict)
    raw: dict[str, Any] = field(default_factory=dict)
    tool_calls: tuple[ToolCall, ...] = ()
    finish: Finish | None = None
    model: str | None = None
    id: str | None = None

    @classmethod
    def of(cls, response: Response) -> InferenceResponse:
        """Return the view of a response."""
        counted = asdict(response.usage) if response.usage is not None else {}
        counted.pop("raw", None)
        if response.usage is not None and response.usage.total is not None:
            counted["total"] = response.usage.total
        return cls(
            text=response.text,
            content=[part.model_dump(mode="json", exclude_none=True) for part in response.parts],
            usage={name: count for name, count in counted.items() if count is not None},
            raw=json.loads(json.dumps(dict(response.raw or {}), default=str)),
            tool_calls=response.tool_calls,
            finish=response.finish,
            model=response.model,
            id=response.id,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class OAuthClient:
    """An OAuth client that somebody registered with a vendor.

    Attributes:
        name: What a spec's ``oauth_client`` names.
        environment: Which of several of that name; ``"prod"`` comes first, else the first by name.
        enabled: Whether it may be used.
    """

    name: str
    environment: str = _PREFERRED
    enabled: bool = True


class InferenceBackend:
    """A provider with blocking methods. Each call uses a backend of its own, so that a changed key counts at once.

    For many calls hold ``provider.backend()``, which keeps its connections.

    Attributes:
        category: What kind of thing this configures.
        defaults: Fields that a new provider of this class starts with.
        provider: The provider.
    """

    category: ClassVar[str] = "inference"
    defaults: ClassVar[Mapping[str, object]] = {}

    def __init__(self, provider: Provider) -> None:
        self.provider = provider

    @staticmethod
    def of(provider: Provider) -> InferenceBackend:
        """Return the view of a provider; one that has no backend yet is a ``ManualInferenceBackend``."""
        return (ManualInferenceBackend if provider.backend_name == "manual" else InferenceBackend)(provider)

    @classmethod
    def effective_defaults(cls) -> dict[str, object]:
        """Return ``defaults`` of the class and of those above it, the base first; mappings merged one level deep."""
        return merge_defaults(*(vars(each).get("defaults", {}) for each in reversed(cls.__mro__)))

    @classmethod
    def materialize(cls, provided: Mapping[str, object]) -> dict[str, object]:
        """Return the fields of a new provider: what is provided, and the defaults for what is not.

        A value that is provided stays, also if it is ``None`` or equal to the default.
        """
        return {**cls.effective_defaults(), **copy.deepcopy(dict(provided))}

    @property
    def key(self) -> str:
        """The backend's name."""
        return self.provider.spec.name

    @property
    def label(self) -> str:
        """The backend's name for people."""
        spec = self.provider.spec
        return spec.label or spec.name.replace("-", " ").title()

    def connect_oauth_client(self, owner_label: str, clients: Iterable[OAuthClient]) -> OAuthClient:
        """Return the OAuth client to connect this provider with.

        Args:
            owner_label: Who wants to connect, for the message.
            clients: Those that there are.

        Raises:
            ConfigurationError: The vendor has no OAuth, or the client is not there, or is disabled; ``code`` is
                ``"oauth_client_not_connectable"`` and ``status`` 400.
        """
        name = self.provider.oauth_client
        if not name:
            raise _not_connectable(f"{owner_label} has no OAuth client.", self.provider)
        usable = [client for client in clients if client.name == name and client.enabled]
        if not usable:
            raise _not_connectable(f"{owner_label} has no enabled OAuth client {name!r}.", self.provider)
        return min(usable, key=lambda client: (client.environment != _PREFERRED, client.environment))

    def list_models(self) -> Sequence[InferenceModelSpec]:
        """Return the models that are offered now; with a broker each under both of its names.

        Raises:
            LoopError: This is the thread of a running event loop.
            UnsupportedError: The backend has no model list.
            BackbayError: The list could not be had.
        """
        check_thread()
        return advertised(self.provider, run(_models(self.provider.backend())))

    def chat(self, request: InferenceRequest) -> InferenceResponse:
        """Ask for one answer, from any thread but an event loop's own.

        Raises:
            LoopError: This is the thread of a running event loop. Await ``provider.backend().complete`` there.
            OptionConflictError: ``options`` names what Backbay writes; nothing is sent.
            BackbayError: As ``complete`` raises.
        """
        check_thread()
        taken = sorted(_OWNED & request.options.keys())
        if taken:
            raise OptionConflictError(
                f"options names fields that Backbay writes: {', '.join(taken)}.",
                backend=self.provider.backend_name,
                model=request.model,
                hint="Use the request's field of that meaning.",
            )
        # Bound on this thread, where a credential may take its time to be renewed.
        return InferenceResponse.of(run(_chat(self.provider.backend(request.model), request)))


class ManualInferenceBackend(InferenceBackend):
    """Stands where no backend was chosen yet: it lists nothing, and ``chat`` is refused."""

    defaults = {"name": "manual", "backend_name": "manual"}  # noqa: RUF012 (declared in the base)

    def list_models(self) -> Sequence[InferenceModelSpec]:
        """Return no models."""
        return ()


def advertised(provider: Provider, found: Iterable[ModelInfo]) -> list[InferenceModelSpec]:
    """Return the specs of a vendor's list; with a broker each model under its own name and under ``broker/name``."""
    specs = [InferenceModelSpec.of(info) for info in found]
    if not provider.broker:
        return specs
    aliases = [
        InferenceModelSpec(
            handle=f"{provider.broker}/{spec.handle}",
            display_name=f"{spec.display_name or spec.handle} ({provider.broker})",
            context_window=spec.context_window,
            max_output_tokens=spec.max_output_tokens,
            config={"provider_model": spec.handle},
        )
        for spec in specs
    ]
    return [each for pair in zip(specs, aliases, strict=True) for each in pair]


async def _models(bound: Backend) -> Sequence[ModelInfo]:
    async with bound as backend:
        return await backend.list_models()


async def _chat(bound: Backend, request: InferenceRequest) -> Response:
    async with bound as backend:
        return await backend.complete(
            list(request.messages),
            system=request.system or None,
            max_tokens=request.max_tokens,
            temperature=request.temperature,
            tools=list(request.tools) or None,
            extra=dict(request.options) or None,
        )


def _not_connectable(message: str, provider: Provider) -> ConfigurationError:
    return ConfigurationError(
        message,
        backend=provider.backend_name,
        status=400,
        code=_NOT_CONNECTABLE,
        hint="Give the provider a key, or register an OAuth client.",
    )
