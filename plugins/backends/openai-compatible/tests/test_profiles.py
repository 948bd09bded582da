"""Profiles are found by the longest beginning of a name that ends at a separator."""

from __future__ import annotations

import asyncio

import pytest

from backbay_openai_compatible import (
    ModelProfile,
    get_profile,
    get_profiles_by_provider,
    list_profiles,
    register_profile,
)


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("gpt-4o-mini-2024-07-18", "gpt-4o-mini"),
        ("gpt-4o-2024-08-06", "gpt-4o"),
        ("llama3.2-vision:11b", "llama3.2-vision"),
        ("llama3.2:3b", "llama3.2"),
        ("claude-3-5-sonnet-20241022", "claude-3-5-sonnet"),
        ("GPT-4o", "gpt-4o"),
        ("defaultish", "default"),
        ("gpt-4omni", "default"),
        ("default", "default"),
        ("", "default"),
    ],
)
def test_a_model_gets_the_longest_name_that_fits(model: str, name: str) -> None:
    """M11."""
    assert get_profile(model).name == name


def test_the_default_profile_promises_little() -> None:
    """M1, M11."""
    profile = get_profile("nobody-knows-this")
    assert (profile.provider, profile.context_window, profile.max_output_tokens) == ("unknown", 8192, 2048)
    assert not profile.supports_tools


def test_a_profile_has_the_usual_defaults() -> None:
    """M1."""
    profile = ModelProfile("acme-1", "acme", 4096, 1024)
    assert (profile.supports_tools, profile.supports_vision, profile.supports_streaming) == (True, False, True)
    assert (profile.default_temperature, profile.cost_per_1k_input, profile.cost_per_1k_output) == (0.7, None, None)
    assert profile.extra == {}


def test_registering_holds_for_a_block_and_no_longer() -> None:
    """M11: nothing leaks into whatever runs next."""
    before = list_profiles()
    with register_profile(ModelProfile("acme", "acme", 4096, 1024), ModelProfile("gpt-4o", "acme", 1, 1)):
        assert get_profile("acme-large").context_window == 4096
        assert get_profile("gpt-4o-2024-08-06").provider == "acme"
        with register_profile(ModelProfile("acme-large", "acme", 8192, 1024)):
            assert get_profile("acme-large:latest").context_window == 8192
        assert [profile.name for profile in get_profiles_by_provider("acme")] == ["acme", "gpt-4o"]
    assert list_profiles() == before
    assert get_profile("acme-large").name == "default"


def test_registering_in_one_task_is_not_seen_in_another() -> None:
    """M11."""

    async def register(ready: asyncio.Event, done: asyncio.Event) -> str:
        with register_profile(ModelProfile("acme", "acme", 4096, 1024)):
            ready.set()
            await done.wait()
            return get_profile("acme").name

    async def both() -> tuple[str, str]:
        ready, done = asyncio.Event(), asyncio.Event()
        task = asyncio.create_task(register(ready, done))
        await ready.wait()
        seen = get_profile("acme").name
        done.set()
        return seen, await task

    assert asyncio.run(both()) == ("default", "acme")
