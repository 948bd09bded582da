"""What is known of models by name: windows, and whether they take tools and images. Data, and how it is looked up.

Sources of the figures: the vendors' pages of each model (OpenAI, Anthropic, Meta, Mistral, Alibaba).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

from backbay.spec import match_prefix

_REGISTERED: ContextVar[Mapping[str, ModelProfile] | None] = ContextVar("backbay_model_profiles", default=None)


@dataclass(frozen=True, slots=True)
class ModelProfile:
    """A model, or a family of models whose names begin alike.

    Attributes:
        name: The name, or the beginning of it up to a separator.
        provider: Who made it.
        context_window: Tokens of prompt and answer together.
        max_output_tokens: Tokens of one answer at most. It says what is possible; a call is not limited by it.
        supports_tools: Whether it can call tools. If not, a call with tools is refused.
        supports_vision: Whether it takes images. If not, a call with images is refused, but for ``default``.
        supports_streaming: Whether its answers can be streamed. If not, ``stream`` is refused.
        default_temperature: The temperature of calls that give none; ``None`` sends none. No built-in profile has one,
            since reasoning models refuse it.
        cost_per_1k_input: Dollars for 1000 tokens of prompt, or ``None`` if not known.
        cost_per_1k_output: Dollars for 1000 tokens of answer, likewise.
        extra: Whatever else the caller wants to keep with it.
    """

    name: str
    provider: str
    context_window: int
    max_output_tokens: int
    supports_tools: bool = True
    supports_vision: bool = False
    supports_streaming: bool = True
    default_temperature: float | None = 0.7
    cost_per_1k_input: float | None = None
    cost_per_1k_output: float | None = None
    extra: Mapping[str, object] = field(default_factory=dict)


def _built_in(
    name: str, provider: str, window: int, output: int, *, tools: bool = True, vision: bool = False
) -> ModelProfile:
    return ModelProfile(
        name, provider, window, output, supports_tools=tools, supports_vision=vision, default_temperature=None
    )


DEFAULT = _built_in("default", "unknown", 8192, 2048, tools=False)
"""What is assumed of a model that nobody knows: little, and no tools."""

BUILT_IN: Mapping[str, ModelProfile] = {
    profile.name: profile
    for profile in (
        _built_in("gpt-4o", "openai", 128_000, 16_384, vision=True),
        _built_in("gpt-4o-mini", "openai", 128_000, 16_384, vision=True),
        _built_in("gpt-4-turbo", "openai", 128_000, 4_096, vision=True),
        _built_in("gpt-3.5-turbo", "openai", 16_385, 4_096),
        _built_in("claude-3-5-sonnet", "anthropic", 200_000, 8_192, vision=True),
        _built_in("claude-3-5-haiku", "anthropic", 200_000, 8_192, vision=True),
        _built_in("claude-3-opus", "anthropic", 200_000, 4_096, vision=True),
        _built_in("llama3.1", "meta", 131_072, 8_192),
        _built_in("llama3.2", "meta", 131_072, 8_192),
        _built_in("llama3.2-vision", "meta", 131_072, 8_192, tools=False, vision=True),
        _built_in("mistral", "mistral", 32_768, 8_192),
        _built_in("qwen2.5", "alibaba", 32_768, 8_192),
        DEFAULT,
    )
}
"""The profiles that come with this package, by name."""


def list_profiles() -> tuple[ModelProfile, ...]:
    """Return every profile, those that are registered here first."""
    return tuple(_known().values())


def get_profiles_by_provider(provider: str) -> tuple[ModelProfile, ...]:
    """Return the profiles of one maker of models."""
    return tuple(profile for profile in _known().values() if profile.provider == provider)


def get_profile(model: str) -> ModelProfile:
    """Return the profile whose name is the longest beginning of ``model`` that ends at a separator.

    Separators are ``-``, ``.``, ``:``, ``/``, ``_`` and ``@``; case does not matter. Where no name fits, and only
    there, it is ``DEFAULT``.
    """
    known = _known()
    fallback = known["default"]
    return match_prefix({name: each for name, each in known.items() if each is not fallback}, model) or fallback


@contextmanager
def register_profile(*profiles: ModelProfile) -> Iterator[None]:
    """Know ``profiles`` too, for as long as the block runs, and only in the tasks that it starts.

    A profile takes the place of another of the same name.
    """
    token = _REGISTERED.set({**{profile.name: profile for profile in profiles}, **_others(profiles)})
    try:
        yield
    finally:
        _REGISTERED.reset(token)


def _others(profiles: tuple[ModelProfile, ...]) -> dict[str, ModelProfile]:
    names = {profile.name for profile in profiles}
    return {name: profile for name, profile in _known().items() if name not in names}


def _known() -> Mapping[str, ModelProfile]:
    registered = _REGISTERED.get()
    return BUILT_IN if registered is None else registered
