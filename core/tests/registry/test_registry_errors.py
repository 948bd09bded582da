"""Each error of the registry says what is wrong, whose backend it is about, and what to do."""

import pytest

from backbay import registry
from backbay.errors import (
    AmbiguousBackendError,
    ConfigurationError,
    DisabledBackendError,
    IncompatibleBackendError,
    PluginContractError,
    UnknownBackendError,
)
from backbay.installed import Entry
from backbay.registry import register, resolve, split
from backbay.spec import BackendSpec

PLAIN = BackendSpec(name="acme", wires=("openai_chat",))


def refused(kind, call, *arguments):
    """The message, backend and hint of the error that a call raises."""
    with pytest.raises(kind) as caught:
        call(*arguments)
    return caught.value.message, caught.value.backend, caught.value.hint


def test_a_reference_with_a_model_gets_the_two_calls_that_may_be_meant(site):
    assert refused(UnknownBackendError, resolve, "acme:model-1") == (
        "'acme:model-1' is a backend and a model, and only the backend's name belongs here.",
        "acme",
        "Resolve 'acme', or connect('acme:model-1').",
    )


def test_a_disabled_backend_gets_both_words_that_would_allow_it(site, monkeypatch):
    site.backend("acme", "Acme-Tools")
    monkeypatch.setenv("BACKBAY_PLUGINS", "example")
    assert refused(DisabledBackendError, resolve, "acme") == (
        f"The backend 'acme' of Acme-Tools 1.0 ({site.folder}) is installed, and BACKBAY_PLUGINS does not list it.",
        "acme",
        "Add acme or Acme-Tools to BACKBAY_PLUGINS, or unset it to allow every plugin.",
    )


def test_an_ambiguous_backend_gets_the_three_ways_out(site):
    site.backend("acme", "backbay-acme")
    site.backend("acme", "other-acme")
    _, backend, hint = refused(AmbiguousBackendError, resolve, "acme")
    assert backend == "acme"
    assert hint == (
        "Name one, acme@backbay-acme or acme@other-acme; set BACKBAY_PIN=acme=backbay-acme; or uninstall the others."
    )
    reasons = {record.reason for record in registry.inspect(load=False) if record.name == "acme"}
    assert [reason.endswith(f". {hint}") for reason in reasons] == [True]


def test_a_distribution_without_the_backend_is_to_be_installed_only_where_a_pin_names_it(site, monkeypatch):
    site.backend("acme")
    assert refused(UnknownBackendError, resolve, "acme@Other") == (
        f"acme@Other names a distribution that has no backend 'acme'; it comes from backbay-acme 1.0 ({site.folder}).",
        "acme",
        None,
    )
    monkeypatch.setenv("BACKBAY_PIN", "acme=Other=x")
    message, backend, hint = refused(UnknownBackendError, resolve, "acme")
    assert message.startswith("BACKBAY_PIN=acme=other=x names a distribution that has no backend 'acme'; it comes from")
    assert (backend, hint) == ("acme", "Install other=x, or correct BACKBAY_PIN.")


def test_a_pin_that_cannot_be_read_gets_an_example(site, monkeypatch):
    site.backend("acme")
    monkeypatch.setenv("BACKBAY_PIN", "acme")
    assert refused(ConfigurationError, resolve, "acme") == (
        "BACKBAY_PIN has the item 'acme', which is not name=distribution.",
        None,
        "Write it like BACKBAY_PIN=acme=backbay-acme,other=backbay-other, or unset it.",
    )


@pytest.mark.parametrize("hidden", ["disabled", "shadowed", "misnamed"])
def test_an_unknown_name_is_not_answered_with_one_that_cannot_be_used(site, other_site, monkeypatch, hidden):
    monkeypatch.setattr("sys.path", [str(site.folder), str(other_site.folder)])
    if hidden == "disabled":
        site.backend("acme")
        monkeypatch.setenv("BACKBAY_PLUGINS", "")
    elif hidden == "shadowed":
        site.install("backbay-acme", version="2.0")
        other_site.backend("acme", version="1.0")
    else:
        site.install("backbay-acme", {"acme!": "acme_a:spec"})
    message, _, hint = refused(UnknownBackendError, resolve, "acmee")
    assert message == "No installed plugin has the backend 'acmee'. Installed are manual."
    assert "acme" not in hint


@pytest.mark.parametrize(
    ("reference", "message", "backend", "hint"),
    [
        (7, "A backend is named by a string, not by int.", None, 'Write "vendor:model".'),
        (":m", "':m' names no backend.", None, 'Write "vendor:model".'),
        (
            "acme: ",
            "'acme: ' has a colon and no model after it.",
            "acme",
            'Write "acme:model", or "acme" to name the model in each call.',
        ),
    ],
)
def test_a_reference_that_cannot_be_split_gets_the_form_that_can(reference, message, backend, hint):
    assert refused(ConfigurationError, split, reference) == (message, backend, hint)


@pytest.mark.parametrize(
    ("name", "target", "message", "backend"),
    [
        ("Acme", "acme_a:spec", "A backend's name is lower-case letters, digits and hyphens, not 'Acme'.", None),
        ("example", PLAIN, "The spec of 'acme' cannot be registered as 'example'.", "example"),
        (
            "acme",
            7,
            "register('acme') got a int, expected 'package.module:attribute' or a BackendSpec.",
            "acme",
        ),
        (
            "acme",
            "acme_a",
            "register('acme') got 'acme_a', expected an import path like 'package.module:attribute'.",
            "acme",
        ),
    ],
)
def test_a_registration_that_cannot_be_right_is_told_what_would_be(name, target, message, backend):
    assert refused(ConfigurationError, register, name, target) == (message, backend, None)


def test_a_taken_name_is_said_to_be_taken_by_all_who_have_it(site):
    site.backend("acme", "backbay-acme")
    site.backend("acme", "other-acme")
    assert refused(ConfigurationError, register, "acme", PLAIN) == (
        f"The backend name 'acme' is taken by backbay-acme 1.0 ({site.folder}) and other-acme 1.0 ({site.folder}).",
        "acme",
        "Choose another name, or pass replace=True.",
    )


def test_an_entry_point_that_is_no_import_path_is_shown_with_what_was_expected():
    assert refused(PluginContractError, Entry("acme", "acme a").load) == (
        "The entry point 'acme' of register() is 'acme a', expected 'package.module:attribute'.",
        "acme",
        None,
    )


def test_an_incompatible_plugin_gets_the_line_that_upgrades_it(site):
    site.backend("acme", requires=["backbay>=99"])
    _, backend, hint = refused(IncompatibleBackendError, resolve, "acme")
    assert (backend, hint) == (
        "acme",
        "Upgrade the one that is older: pip install --upgrade backbay backbay-acme",
    )
