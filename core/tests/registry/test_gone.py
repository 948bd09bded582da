"""Row 153: plugins that are taken away, or replaced, while a program runs."""

import shutil

import pytest

import backbay
from backbay import registry


def test_a_plugin_that_was_taken_away_is_unknown_from_then_on_and_what_was_connected_stays(site):
    module = site.backend("acme")
    kept = backbay.connect("acme:m", base_url="http://127.0.0.1:9/v1", api_key="k")
    shutil.rmtree(site.folder / "backbay_acme-1.0.dist-info")
    (site.folder / f"{module}.py").unlink()
    registry.refresh()
    assert "acme" not in backbay.names()
    with pytest.raises(backbay.UnknownBackendError):
        backbay.connect("acme:m", base_url="http://127.0.0.1:9/v1", api_key="k")
    assert (kept.spec.name, kept.base_url) == ("acme", "http://127.0.0.1:9/v1")


def test_the_module_of_a_plugin_that_is_gone_is_that_plugins_error_and_no_other_is_harmed(site):
    gone, _ = site.backend("acme"), site.backend("example")
    (site.folder / f"{gone}.py").unlink()
    with pytest.raises(backbay.BackendImportError) as caught:
        backbay.resolve("acme")
    assert "backbay-acme" in str(caught.value)
    assert backbay.resolve("example").name == "example"


def test_a_pin_to_a_plugin_that_is_gone_is_kept_and_told(site, monkeypatch):
    site.backend("acme")
    monkeypatch.setenv("BACKBAY_PIN", "acme=acme-plugin")
    with pytest.raises(backbay.BackbayError) as caught:
        backbay.resolve("acme")
    assert "acme-plugin" in str(caught.value)
