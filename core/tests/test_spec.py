"""A spec says what is wrong with it at once, and its paths are declarations."""

from __future__ import annotations

import pytest

from backbay.capabilities import Capabilities, Capability, Support
from backbay.spec import BackendSpec, ModelRule, match_prefix


def test_a_vendor_that_is_only_an_address_and_a_wire_lists_models_and_has_health() -> None:
    spec = BackendSpec(name="acme", wires=("openai_chat",))
    assert spec.capabilities[Capability.LIST_MODELS] is Support.FULL
    assert spec.capabilities[Capability.HEALTH] is Support.FULL
    assert spec.capabilities[Capability.EMBEDDINGS] is Support.UNKNOWN


def test_without_a_path_the_facet_is_not_there_whatever_is_declared() -> None:
    spec = BackendSpec(
        name="acme", wires=("openai_chat",), models_path=None, capabilities=Capabilities.of(full="list_models")
    )
    assert spec.capabilities[Capability.LIST_MODELS] is Support.UNSUPPORTED


def test_a_declared_support_stands_over_what_the_path_says() -> None:
    spec = BackendSpec(name="acme", wires=("openai_chat",), capabilities=Capabilities.of(versioned="list_models"))
    assert spec.capabilities[Capability.LIST_MODELS] is Support.VERSIONED


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"name": "Acme", "wires": ("openai_chat",)}, "lower-case"),
        ({"name": "acme"}, "wires"),
        ({"name": "acme", "backend": "nonsense"}, "import path"),
        ({"name": "acme", "wires": ("openai_chat",), "oauth_client": "{tenant}-x"}, "placeholder"),
    ],
)
def test_a_spec_that_cannot_work_is_refused_with_the_reason(fields: dict[str, object], words: str) -> None:
    """A7: an unknown placeholder is refused when the backend is registered."""
    with pytest.raises(ValueError, match=words):
        BackendSpec(**fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("model", "found"),
    [
        ("gpt-4o-mini-2024-07-18", "mini"),
        ("gpt-4o-2024-08-06", "four-o"),
        ("GPT-4o", "four-o"),
        ("gpt-4order", None),
        (None, None),
    ],
)
def test_the_longest_prefix_that_ends_at_a_separator_wins(model: str | None, found: str | None) -> None:
    """M11, for the rules of a spec."""
    assert match_prefix({"gpt-4o": "four-o", "gpt-4o-mini": "mini"}, model) == found


def test_a_models_rule_changes_what_the_backend_can_do_with_it() -> None:
    """M3."""
    rule = ModelRule(prefix="small", capabilities={"tools": "unsupported"})
    spec = BackendSpec(name="acme", wires=("openai_chat",), capabilities=Capabilities.of(full="tools"), models=(rule,))
    assert spec.capabilities_of("large")[Capability.TOOLS] is Support.FULL
    assert spec.capabilities_of("small:7b")[Capability.TOOLS] is Support.UNSUPPORTED
