"""A key is bound to its vendor's origin: no variable takes one elsewhere that is from another source."""

import pytest

import backbay
from backbay.connecting import build
from backbay.spec import BackendSpec, URLPart

ELSEWHERE = "https://elsewhere.example/v1"
KEY = "sk-acme-0123456789abcdef"


def acme(**fields):
    fields = {"default_base_url": "https://api.acme.example/v1", **fields}
    return BackendSpec(
        name="acme",
        label="Acme",
        wires=("openai_chat",),
        base_url_env=("ACME_BASE_URL",),
        host_env=("ACME_HOST",),
        credential_env=("ACME_API_KEY",),
        **fields,
    )


def refused(spec, **arguments):
    with pytest.raises(backbay.ConfigurationError) as caught:
        build(spec, "m", **arguments)
    assert KEY not in repr(caught.value) + str(caught.value)
    assert caught.value.attempts == 0
    return caught.value


@pytest.fixture
def env(monkeypatch):
    monkeypatch.setenv("ACME_API_KEY", KEY)
    return monkeypatch


@pytest.mark.parametrize(
    ("variable", "value"), [("ACME_BASE_URL", ELSEWHERE), ("ACME_HOST", "127.0.0.1:8080"), ("ACME_HOST", "localhost")]
)
def test_an_address_and_a_key_that_both_are_in_the_environment_go_together(env, variable, value):
    env.setenv(variable, value)
    assert build(acme(), "m").base_url.startswith(value if "//" in value else f"http://{value}")


def test_an_address_that_the_program_gives_is_its_own_decision(env):
    assert build(acme(), "m", base_url=ELSEWHERE).base_url == ELSEWHERE


def test_this_machine_may_have_any_key(monkeypatch):
    monkeypatch.setenv("ACME_BASE_URL", "http://127.0.0.1:8080/v1")
    assert build(acme(), "m", api_key=KEY)


def test_a_variable_does_not_take_a_key_elsewhere_that_the_program_gave(monkeypatch):
    monkeypatch.setenv("ACME_BASE_URL", ELSEWHERE)
    error = refused(acme(), api_key=KEY)
    assert error.message.startswith("ACME_BASE_URL leads to https://elsewhere.example:443, and the key is for Acme")
    assert "allow_key_elsewhere=True" in error.hint


@pytest.mark.parametrize(
    "address",
    [
        "https://api.acme.example.evil.example/v1",
        "https://evil.example/api.acme.example",
        "https://api.acme.example:8443/v1",
        "http://api.acme.example/v1",
        "https://xapi.acme.example/v1",
        "https://acme.example/v1",
    ],
)
def test_an_address_that_only_looks_like_the_vendors_is_not_the_vendors(monkeypatch, address):
    monkeypatch.setenv("ACME_BASE_URL", address)
    refused(acme(), api_key=KEY)


def test_both_given_go_together(env):
    assert build(acme(), "m", api_key=KEY, base_url=ELSEWHERE).base_url == ELSEWHERE


def test_a_caller_may_say_so(env):
    env.setenv("ACME_BASE_URL", ELSEWHERE)
    assert build(acme(), "m", api_key=KEY, allow_key_elsewhere=True).base_url == ELSEWHERE


@pytest.mark.parametrize("said", [False, None, 1, "yes"])
def test_nothing_but_true_says_so(env, said):
    env.setenv("ACME_BASE_URL", ELSEWHERE)
    refused(acme(), api_key=KEY, allow_key_elsewhere=said)


@pytest.mark.parametrize(
    "address", ["https://api.acme.example/v2", "https://API.ACME.EXAMPLE/v1", "https://api.acme.example:443"]
)
def test_another_path_of_the_vendor_is_the_vendors(env, address):
    env.setenv("ACME_BASE_URL", address)
    assert build(acme(), "m", api_key=KEY)


@pytest.mark.parametrize(
    "fields",
    [
        {"native": True, "default_base_url": "http://127.0.0.1:8080/v1"},
        {"default_base_url": None},
        {"default_base_url": "http://127.0.0.1:4000/v1"},
    ],
    ids=["local engine", "no address of its own", "its own address is this machine"],
)
def test_without_an_origin_to_be_bound_to_a_key_is_free(env, fields):
    env.setenv("ACME_BASE_URL", ELSEWHERE)
    assert build(acme(**fields), "m", api_key=KEY)


def test_without_a_key_any_address_will_do(monkeypatch):
    monkeypatch.setenv("ACME_BASE_URL", ELSEWHERE)
    assert build(acme(requires_credential=False), "m").base_url == ELSEWHERE


@pytest.mark.parametrize(
    ("address", "fine"),
    [
        ("https://one.openai.acme.example/v1", True),
        ("https://one.services.acme.example", True),
        ("https://one.openai.acme.example.evil.example", False),
        ("https://notacme.example", False),
    ],
)
def test_where_each_account_has_a_host_any_host_of_the_domain_is_the_vendors(env, address, fine):
    parts = {"resource": URLPart(about="the account's resource", env=("ACME_RESOURCE",))}
    spec = acme(default_base_url="https://{resource}.openai.acme.example/v1", url_parts=parts)
    env.setenv("ACME_BASE_URL", address)
    env.setenv("ACME_RESOURCE", "one")
    if fine:
        assert build(spec, "m", api_key=KEY)
    else:
        refused(spec, api_key=KEY)


def test_a_host_that_is_all_the_accounts_own_is_free(env):
    parts = {"workspace": URLPart(about="the workspace's host")}
    spec = acme(default_base_url="https://{workspace}/v1", url_parts=parts)
    env.setenv("ACME_BASE_URL", ELSEWHERE)
    assert build(spec, "m", workspace="one", api_key=KEY)


def test_what_an_authorizer_finds_is_not_taken_elsewhere_by_a_variable(monkeypatch):
    spec = acme(authorizer="acme_module:Authorizer", requires_credential=True)
    monkeypatch.setenv("ACME_BASE_URL", ELSEWHERE)
    assert "the key is for Acme" in refused(spec).message


def test_an_address_that_is_none_is_refused_as_such(env):
    assert "is no base URL" in refused(acme(), base_url="elsewhere").message
