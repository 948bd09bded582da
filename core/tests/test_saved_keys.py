"""Keys that a plugin keeps: asked for by connect, after an argument and before the environment."""

from __future__ import annotations

import subprocess
import sys

import pytest

import backbay
from backbay import hooks
from backbay.errors import ConfigurationError
from backbay.secrets import Secret

SPEC = backbay.BackendSpec(
    name="acme",
    wires=("openai_chat",),
    default_base_url="https://api.acme.example/v1",
    base_url_env=("ACME_BASE_URL",),
    credential_env=("ACME_API_KEY",),
    auth_header="x-api-key",
    oauth_client="acme",
)


class Keeper:
    """Keeps one credential, and notes what it was asked for."""

    def __init__(self, held):
        self.held = held
        self.asked = []

    @hooks.hookimpl()
    def open_credential(self, source):
        self.asked.append(source)
        return self.held if source == "saved:acme" else None


class Token:
    kind = "oauth"

    def get_secret_value(self):
        return "a-token"


@pytest.fixture
def keep():
    kept = []

    def add(held):
        keeper = Keeper(held)
        hooks.add(keeper)
        kept.append(keeper)
        return keeper

    with backbay.register("acme", SPEC):
        yield add
    for keeper in kept:
        hooks.remove(keeper)


def test_a_saved_key_comes_after_an_argument_and_before_the_environment(keep, monkeypatch):
    monkeypatch.setenv("ACME_API_KEY", "from-environment")
    keeper = keep(Secret("saved-key", source="keyring:acme"))
    assert backbay.connect("acme:tiny").settings.api_key.reveal() == "saved-key"
    assert keeper.asked == ["saved:acme"]
    assert backbay.connect("acme:tiny", api_key="given").settings.api_key.reveal() == "given"
    assert keeper.asked == ["saved:acme"]


def test_without_a_saved_key_the_environment_counts(keep, monkeypatch):
    monkeypatch.setenv("ACME_API_KEY", "from-environment")
    keep(None)
    assert backbay.connect("acme:tiny").settings.api_key.reveal() == "from-environment"


def test_an_address_of_the_environment_alone_does_not_get_a_saved_key(keep, monkeypatch):
    monkeypatch.setenv("ACME_BASE_URL", "https://mallory.example/v1")
    keep(Secret("saved-key"))
    with pytest.raises(ConfigurationError, match="mallory"):
        backbay.connect("acme:tiny")


def test_a_saved_token_goes_into_the_header_of_tokens(keep):
    keep(Token())
    bound = backbay.connect("acme:tiny")
    assert (bound.settings.api_key.reveal(), bound.spec.auth_header) == ("a-token", "Authorization")


def test_what_is_no_credential_is_refused(keep):
    keep(3)
    with pytest.raises(ConfigurationError, match="no credential"):
        backbay.connect("acme:tiny")


def test_pluggy_is_not_imported_where_nobody_has_hooks(monkeypatch):
    monkeypatch.setenv("BACKBAY_PLUGINS", "")
    program = (
        "import sys, backbay\n"
        "spec = backbay.BackendSpec(name='acme', wires=('openai_chat',), default_base_url='https://a.example/v1')\n"
        "backbay.register('acme', spec)\n"
        "try:\n    backbay.connect('acme:x')\nexcept backbay.MissingCredentialError:\n"
        "    print('pluggy' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "False", done.stderr
