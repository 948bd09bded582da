"""Backends of compatible servers without a lookup by name: one class, and a function for each usual local server."""

from __future__ import annotations

from dataclasses import replace
from typing import TypedDict, Unpack, final

from backbay.errors import ConfigurationError
from backbay.http.driver import HTTPBackend
from backbay.http.setup import CONFIG
from backbay.http.transport import Transport
from backbay.limits import Limits
from backbay.retry import RetryPolicy
from backbay.secrets import Secret, SecretHolder, as_secret
from backbay.settings import Settings, refuse_unknown
from backbay.spec import BackendSpec, ModelRule

from .declaration import spec
from .profiles import ModelProfile, get_profile

OPENAI = "https://api.openai.com/v1"
OLLAMA = "http://localhost:11434/v1"
VLLM = "http://localhost:8000/v1"
LM_STUDIO = "http://localhost:1234/v1"


class OpenAICompatibleBackend(HTTPBackend):
    """A model on a server with an OpenAI-compatible API.

    Args:
        model: The model to ask.
        base_url: The API's address, with its version path; a slash at the end means nothing.
        api_key: The key, as a string or as an object with ``get_secret_value()``; ``None`` or ``""`` for none. No
            environment variable is read.
        timeout: Seconds to wait for the first event, and between bytes after it; ``None`` for no limit.
        profile: What is known of the model; ``None`` looks it up by ``get_profile``.
        wire: The wire to speak: ``"openai_chat"``, ``"openai_responses"`` or ``"anthropic_messages"``.
        retries: Further attempts after a failed one.
        transport: What moves the bytes, or ``None`` for the default one.
        config: What ``connect`` takes for ``openai-compatible`` besides.

    Raises:
        ConfigurationError: The address, the model or a setting cannot work.
        InvalidCredentialError: The key could never be sent.
    """

    # What a traceback shows of one that could not be made.
    spec = spec
    model = None
    base_url = ""
    _at_home = False

    def __init__(
        self,
        model: str,
        *,
        base_url: str = OPENAI,
        api_key: str | SecretHolder | None = None,
        timeout: float | None = 60.0,
        profile: ModelProfile | None = None,
        wire: str = "openai_chat",
        retries: int = 2,
        transport: Transport | None = None,
        **config: object,
    ) -> None:
        try:
            secret = _secret(api_key)
        finally:
            del api_key  # From here on nothing that a traceback may show has it.
        if not isinstance(model, str) or not model:
            raise ConfigurationError("There is no model to ask.", hint="Give the model's name, as the server knows it.")
        self._profile = get_profile(model) if profile is None else profile
        chosen = _spec(wire, model, self._profile)
        refuse_unknown(config, {**CONFIG, **chosen.arguments}, backend=chosen.name)
        temperature = self._profile.default_temperature
        settings = Settings(
            api_key=secret,
            base_url=base_url,
            wire=wire,
            limits=Limits(first_event=timeout, idle=timeout),
            retry=RetryPolicy(retries=retries),
            defaults={} if temperature is None else {"temperature": temperature},
            transport=transport,
            config=config,
        )
        super().__init__(chosen, model, settings)

    @property
    def name(self) -> str:
        """What kind of backend this is."""
        return "openai_compatible"

    @property
    def profile(self) -> ModelProfile:
        """What is known of the model."""
        return self._profile

    @final
    async def health_check(self) -> bool:
        """Return whether the server answers; a refused key counts as an answer. Never raises for what it finds."""
        return bool(await self.health())

    @final
    async def close(self) -> None:
        """Close the backend, as ``aclose`` does."""
        await self.aclose()


class Options(TypedDict, total=False):
    """What the factories forward to ``OpenAICompatibleBackend``; each as there."""

    api_key: str | SecretHolder | None
    timeout: float | None
    profile: ModelProfile | None
    wire: str
    retries: int
    transport: Transport | None


def create_ollama_backend(model: str, *, base_url: str = OLLAMA, **options: Unpack[Options]) -> OpenAICompatibleBackend:
    """Return a model of Ollama, on its OpenAI-compatible endpoint."""
    return OpenAICompatibleBackend(model, base_url=base_url, **options)


def create_vllm_backend(model: str, *, base_url: str = VLLM, **options: Unpack[Options]) -> OpenAICompatibleBackend:
    """Return a model of vLLM's server."""
    return OpenAICompatibleBackend(model, base_url=base_url, **options)


def create_lmstudio_backend(
    model: str = "local-model", *, base_url: str = LM_STUDIO, **options: Unpack[Options]
) -> OpenAICompatibleBackend:
    """Return a model of LM Studio; it answers with whichever is loaded where it does not know the name."""
    return OpenAICompatibleBackend(model, base_url=base_url, **options)


def _secret(given: str | SecretHolder | None) -> Secret | None:
    try:
        if given is None or given == "":
            return None
        if not isinstance(given, str | Secret) and given.get_secret_value() == "":
            return None
        return as_secret(given)
    finally:
        del given


def _spec(wire: str, model: str, profile: ModelProfile) -> BackendSpec:
    """Return the spec on a wire, with what the profile denies to the model."""
    if wire not in spec.wires:
        raise ConfigurationError(f"There is no wire {wire!r}.", hint=f"There are {', '.join(spec.wires)}.")
    denied = {}
    if not profile.supports_tools:
        denied["tools"] = "unsupported"
    if not profile.supports_vision and profile.name != "default":
        denied["image_input"] = "unsupported"
    if not profile.supports_streaming:
        denied["streaming"] = "unsupported"
    return replace(spec.on_wire(wire), models=(ModelRule(prefix=model, capabilities=denied),))
