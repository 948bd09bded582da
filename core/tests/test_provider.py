"""Providers: what they are bound to, where their keys come from, and that nothing is sent before that is right."""

from __future__ import annotations

import asyncio
import copy
import warnings
from types import SimpleNamespace

import pytest

import backbay
from backbay import BackendSpec, Capabilities, Provider, Secret, hooks
from backbay.provider import merge_defaults
from backbay.testing import Reply, ScriptedServer

MODELS = {"data": [{"id": "m", "context_length": 8192}, {"id": "n"}]}
ANSWER = {
    "id": "a1",
    "model": "m-served",
    "choices": [{"message": {"content": "  hi \n"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
}
KEY = "sk-of-the-provider-1"
OTHER = "sk-of-the-caller-2"


def answer(request):
    return Reply.json(MODELS if request.path.endswith("/models") else ANSWER)


@pytest.fixture
def server():
    with ScriptedServer(answer) as running:
        yield running


@pytest.fixture
def acme(server):
    """Register ``acme``, with some of its declaration as given, at the server."""
    found = []

    def register(**fields):
        settings = {
            "name": "acme",
            "label": "Acme",
            "wires": ("openai_chat",),
            "default_base_url": server.url,
            "base_url_env": ("ACME_BASE_URL",),
            "credential_env": ("ACME_API_KEY",),
            "capabilities": Capabilities.of(full="generate streaming system_prompt tools temperature max_tokens usage"),
        }
        spec = BackendSpec(**{**settings, **fields})
        found.append(backbay.register("acme", spec, replace=True))
        return spec

    yield register
    for registration in reversed(found):
        registration.unregister()


class Renewable:
    """A credential that counts, and says in which order it was asked."""

    kind = "api_key"

    def __init__(self, secret=KEY):
        self.secret = secret
        self.asked = []

    def ensure_fresh(self):
        self.asked.append("fresh")

    def get_secret_value(self):
        self.asked.append("secret")
        return self.secret


class Token(Renewable):
    kind = "oauth"


def sent_key(server):
    return server.requests[-1].headers.get("authorization")


def ask(provider, **arguments):
    async def call():
        async with provider.backend("m", retries=0, **arguments) as backend:
            return await backend.complete("Hi")

    return asyncio.run(call())


def test_the_key_is_the_arguments_then_the_providers_then_the_environments_a8(server, acme, monkeypatch):
    acme()
    monkeypatch.setenv("ACME_API_KEY", "sk-of-the-environment")
    ask(Provider(name="p", backend_name="acme", credential=Secret(KEY)), api_key=OTHER)
    assert sent_key(server) == f"Bearer {OTHER}"
    ask(Provider(name="p", backend_name="acme", credential=Secret(KEY)))
    assert sent_key(server) == f"Bearer {KEY}"
    ask(Provider(name="p", backend_name="acme"))
    assert sent_key(server) == "Bearer sk-of-the-environment"


def test_without_any_key_nothing_is_sent_as_one_only_where_none_is_required_a8(server, acme):
    acme(requires_credential=False)
    ask(Provider(name="p", backend_name="acme"))
    assert sent_key(server) is None
    acme(requires_credential=True)
    before = server.connections
    with pytest.raises(backbay.MissingCredentialError, match="ACME_API_KEY"):
        Provider(name="p", backend_name="acme").backend("m")
    assert server.connections == before


def test_a_credential_is_renewed_once_and_before_it_is_read_a8(server, acme):
    acme()
    credential = Renewable()
    ask(Provider(name="p", backend_name="acme", credential=credential))
    assert credential.asked == ["fresh", "secret"]
    assert sent_key(server) == f"Bearer {KEY}"


@pytest.mark.parametrize("credential", [Renewable(""), Renewable("two words"), Renewable("line\n")])
def test_a_secret_that_is_empty_or_no_header_opens_no_connection_a8(server, acme, credential):
    acme()
    with pytest.raises(backbay.InvalidCredentialError) as caught:
        Provider(name="p", backend_name="acme", credential=credential).backend("m")
    assert server.connections == 0
    assert not credential.secret or credential.secret not in str(caught.value)


def test_an_oauth_token_for_a_vendor_of_keys_opens_no_connection_a8(server, acme):
    acme()
    token = Token()
    with pytest.raises(backbay.ConfigurationError) as caught:
        Provider(name="p", backend_name="acme", credential=token).backend("m")
    assert caught.value.code == "oauth_not_supported"
    assert (token.asked, server.connections) == ([], 0)


def test_an_oauth_token_goes_as_a_bearer_whichever_header_the_keys_have_a8(server, acme):
    acme(oauth_client="acme", auth_header="x-api-key")
    ask(Provider(name="p", backend_name="acme", credential=Token()))
    assert sent_key(server) == f"Bearer {KEY}"
    assert "x-api-key" not in server.requests[-1].headers


def test_a_changed_key_counts_at_the_next_binding(server, acme, monkeypatch):
    acme()
    provider = Provider(name="p", backend_name="acme", credential="env:MY_SECRET_API_KEY")
    for key in ("sk-one", "sk-two"):
        monkeypatch.setenv("MY_SECRET_API_KEY", key)
        ask(provider)
        assert sent_key(server) == f"Bearer {key}"


def test_a_source_that_is_not_there_is_one_typed_error_without_any_key(acme, monkeypatch):
    acme()
    monkeypatch.delenv("MY_SECRET_API_KEY", raising=False)
    with pytest.raises(backbay.MissingCredentialError, match="MY_SECRET_API_KEY"):
        Provider(name="p", backend_name="acme", credential="env:MY_SECRET_API_KEY").backend()
    with pytest.raises(backbay.ConfigurationError, match="nowhere"):
        Provider(name="p", backend_name="acme", credential="nowhere:work").backend()


@pytest.mark.parametrize("given", ["sk-proj-abc123", "env:sk-abc", "env:not a name", "ENV:X", "env:" + "A" * 600])
def test_a_key_in_place_of_its_source_is_refused_and_never_repeated(given):
    with pytest.raises(backbay.ConfigurationError) as caught:
        Provider(name="p", credential=given)
    assert given not in str(caught.value)


def test_no_key_is_in_a_providers_representation():
    assert KEY not in repr(Provider(name="p", credential=Secret(KEY)))


def test_a_plugin_opens_sources_of_its_own_kind(server, acme):
    acme()
    marked = hooks.hookimpl()

    @marked
    def open_credential(source):
        return Secret(KEY, source=source) if source == "vault:work" else None

    plugin = SimpleNamespace(open_credential=open_credential)
    hooks.add(plugin)
    try:
        ask(Provider(name="p", backend_name="acme", credential="vault:work"))
        assert sent_key(server) == f"Bearer {KEY}"
        with pytest.raises(backbay.ConfigurationError, match="vault"):
            Provider(name="p", backend_name="acme", credential="vault:home").backend()
    finally:
        hooks.remove(plugin)


def test_the_address_is_the_providers_then_the_packages_then_the_vendors_a15(server, acme, monkeypatch):
    acme(default_base_url="http://127.0.0.1:9/v1", requires_credential=False)
    own = Provider(name="p", backend_name="acme", base_url=server.url, vendor_base_url="http://127.0.0.1:7/v1")
    assert server.url in own.backend().id
    packages = Provider(name="p", backend_name="acme", vendor_base_url=server.url)
    assert packages.default_base_url == "http://127.0.0.1:9/v1"
    assert server.url not in packages.backend().id
    acme(default_base_url=None, requires_credential=False)
    # A variable does not lead a vendor's provider elsewhere.
    monkeypatch.setenv("ACME_BASE_URL", "http://127.0.0.1:7/v1")
    vendors = Provider(name="p", backend_name="acme", vendor_base_url=server.url)
    assert vendors.default_base_url == server.url
    assert server.url in vendors.backend().id
    assert server.url in vendors.backend(base_url=server.url).id


def test_a_slash_at_the_end_of_an_address_makes_no_difference_a15(server, acme):
    acme(requires_credential=False)
    for url in (server.url, f"{server.url}/"):
        ask(Provider(name="p", backend_name="acme", base_url=url))
    assert {request.path for request in server.requests} == {"/v1/chat/completions"}


def test_defaults_are_merged_one_level_deep_and_share_nothing_a6():
    low, high = {"extra": {"a": [1], "b": 1}, "seed": 1}, {"extra": {"b": 2}, "stop": ["x"]}
    before = copy.deepcopy((low, high))
    merged = merge_defaults(low, high)
    assert merged == {"extra": {"a": [1], "b": 2}, "seed": 1, "stop": ["x"]}
    merged["extra"]["a"].append(2)
    merged["stop"].append("y")
    assert (low, high) == before


def test_a_providers_defaults_lie_over_its_backends_and_reach_the_vendor_a6(server, acme):
    acme(defaults={"temperature": 0.1, "max_tokens": 7}, requires_credential=False)
    provider = Provider(name="p", backend_name="acme", defaults={"temperature": 0.5})
    assert provider.effective_defaults() == {"temperature": 0.5, "max_tokens": 7}
    ask(provider)
    assert (server.requests[-1].json["temperature"], server.requests[-1].json["max_tokens"]) == (0.5, 7)


def test_a_provider_keeps_no_mapping_of_its_maker(acme):
    config = {"headers": {"x-a": "1"}}
    provider = Provider(name="p", config=config)
    config["headers"]["x-a"] = "2"
    assert provider.config == {"headers": {"x-a": "1"}}


@pytest.mark.parametrize("name", ["", "A", "a b", "a:b", "-a", "a/b", "x" * 65, "é", "a\n", None, 3])
def test_a_name_that_connect_could_not_take_is_refused(name):
    with pytest.raises(backbay.ConfigurationError):
        Provider(name=name)


@pytest.mark.parametrize("name", ["api_key", "base_url", "wire", "transport", "defaults", "limits"])
def test_config_cannot_smuggle_what_has_a_field_of_its_own(name):
    with pytest.raises(backbay.ConfigurationError, match=name):
        Provider(name="p", config={name: "x"})


def test_an_unknown_backend_is_named_when_it_is_needed():
    provider = Provider(name="p", backend_name="opnai")
    with pytest.raises(backbay.UnknownBackendError):
        provider.backend()


def test_a_wire_that_the_backend_lacks_is_refused(acme):
    acme()
    with pytest.raises(backbay.ConfigurationError, match="nowire"):
        Provider(name="p", backend_name="acme", wire="nowire").backend()


def test_the_oauth_clients_name_has_the_vendor_in_it_a7(acme):
    acme(oauth_client="{vendor}-personal")
    assert Provider(name="p", backend_name="acme", vendor="example").oauth_client == "example-personal"
    assert Provider(name="p", backend_name="acme").oauth_client == "acme-personal"
    acme(oauth_client="")
    assert Provider(name="p", backend_name="acme", vendor="example").oauth_client == ""


def test_connect_takes_the_name_of_what_a_plugin_saved(server, acme):
    acme(requires_credential=False)
    saved = {"mine": Provider(name="mine", backend_name="acme", model="n", broker="desk")}
    marked = hooks.hookimpl()

    @marked
    def find_provider(name):
        if name == "broken":
            raise RuntimeError("a defect")
        if name == "locked":
            raise backbay.ConfigurationError("The catalogue is locked.")
        return saved.get(name)

    plugin = SimpleNamespace(find_provider=find_provider)
    hooks.add(plugin)
    try:
        assert backbay.connect("mine").model == "n"
        assert backbay.connect("mine:desk/m").model == "m"
        with pytest.raises(backbay.UnknownBackendError, match="locked"):
            backbay.connect("locked:m")
        with warnings.catch_warnings(record=True) as said, pytest.raises(backbay.UnknownBackendError):
            warnings.simplefilter("always")
            backbay.connect("broken:m")
        assert any("a defect" in str(one.message) for one in said)
    finally:
        hooks.remove(plugin)
    with pytest.raises(backbay.UnknownBackendError):
        backbay.connect("mine:m")
