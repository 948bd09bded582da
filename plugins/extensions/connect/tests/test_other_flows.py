"""The device flow, renewal by many at once, and what there is when a vendor cannot be connected."""

from __future__ import annotations

import subprocess
import sys
import threading
import time

import pytest

import backbay
from backbay import Provider
from backbay.credentials import open_source
from backbay.errors import AuthenticationError, ConfigurationError, LimitExceededError, ServerError
from backbay_connect import KeyFileWarning, KeyStore, OAuthRegistration, load_registrations, sign_in, sign_out
from backbay_connect.opening import open_saved


@pytest.fixture
def signed_in(authority, acme, keyring, get, in_thread):
    """Sign in as acme; the tokens are old at once if ``expires_in`` is 0."""

    def run(place="keyring", **changes):
        def visit(prompt):
            in_thread(lambda: get(authority.consent(prompt.address)))

        return sign_in("acme", visit, clients=[authority.client(**changes)], place=place, limit=5)

    return run


def test_a_code_typed_on_another_device_signs_in(authority, acme, keyring):
    prompts = []

    def agree(prompt):
        prompts.append(prompt)
        threading.Timer(0.15, lambda: setattr(authority.devices[prompt.user_code], "granted", True)).start()

    done = sign_in("acme", agree, clients=[authority.client()], device=True, limit=5)
    assert done.saved.kind == "oauth"
    [prompt] = prompts
    assert prompt.site == authority.url.removeprefix("http://")
    assert authority.count("urn:ietf:params:oauth:grant-type:device_code") > 1  # it was pending first


def test_a_person_who_refuses_on_the_other_device_is_an_error(authority, acme, keyring):
    def refuse(prompt):
        authority.devices[prompt.user_code].granted = False

    with pytest.raises(AuthenticationError) as caught:
        sign_in("acme", refuse, clients=[authority.client()], device=True, limit=5)
    assert caught.value.code == "access_denied"


def test_a_device_that_nobody_comes_to_is_a_limit(authority, acme, keyring):
    with pytest.raises(LimitExceededError):
        sign_in("acme", lambda _: None, clients=[authority.client()], device=True, limit=0.3)


@pytest.mark.parametrize("missing", ["none", "other", "disabled"])
def test_a_vendor_without_an_enabled_client_is_not_connectable(authority, acme, keyring, missing):
    """A7: the code, the status, and the name with the vendor filled in."""
    clients = {
        "none": [],
        "other": [authority.client(name="acme")],
        "disabled": [authority.client(enabled=False)],
    }[missing]
    with pytest.raises(ConfigurationError) as caught:
        sign_in("acme", lambda _: pytest.fail("opened"), clients=clients)
    assert (caught.value.code, caught.value.status) == ("oauth_client_not_connectable", 400)
    assert "acme-personal" in caught.value.message
    assert authority.log == []


def test_a_vendor_without_oauth_is_not_connectable(keyring):
    """A7: an empty hint."""
    spec = backbay.BackendSpec(name="plain", wires=("openai_chat",), default_base_url="https://api.acme.example/v1")
    with backbay.register("plain", spec), pytest.raises(ConfigurationError) as caught:
        sign_in("plain", lambda _: pytest.fail("opened"), clients=[])
    assert (caught.value.code, caught.value.status) == ("oauth_client_not_connectable", 400)


def test_prod_comes_first_of_several_environments(authority, acme, keyring, query):
    clients = [authority.client(environment=each, client_id=f"at-{each}") for each in ("dev", "prod", "a")]
    asked = []
    with pytest.raises(LimitExceededError):
        sign_in("acme", lambda prompt: asked.append(query(prompt.address)["client_id"]), clients=clients, limit=0.1)
    assert asked == ["at-prod"]


def test_twenty_threads_with_an_old_token_renew_it_once(authority, signed_in):
    """Row 168 of the fault catalogue."""
    authority.expires_in = 0
    signed_in()
    authority.expires_in, authority.slow = 3600, 0.1
    credentials = [open_saved("saved", "acme") for _ in range(20)]
    threads = [threading.Thread(target=each.ensure_fresh) for each in credentials]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert authority.count("refresh_token") == 1
    assert {each.get_secret_value() for each in credentials} == {authority.tokens[-1].access_token}
    assert authority.tokens[0].revoked  # the refresh token was rotated: a second try with it would have failed


def test_several_processes_with_an_old_token_renew_it_once(authority, signed_in):
    authority.expires_in = 0
    signed_in(place="keyfile")
    authority.expires_in, authority.slow = 3600, 0.1
    program = (
        "import sys, threading\n"
        "from backbay_connect.opening import open_saved\n"
        "def work():\n"
        "    found = open_saved('saved', 'acme'); found.ensure_fresh()\n"
        "    sys.stdout.write(found.get_secret_value()[-12:] + chr(10))\n"
        "threads = [threading.Thread(target=work) for _ in range(5)]\n"
        "[each.start() for each in threads]; [each.join() for each in threads]\n"
    )
    running = [subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) for _ in range(4)]
    said = [process.communicate(timeout=30)[0] for process in running]
    assert [process.returncode for process in running] == [0] * 4
    assert {line for each in said for line in each.split()} == {authority.tokens[-1].access_token[-12:]}
    assert authority.count("refresh_token") == 1


def test_core_renews_before_it_reads(authority, signed_in):
    authority.expires_in = 0
    signed_in()
    authority.expires_in = 3600
    bound = Provider(name="mine", backend_name="acme", credential="oauth:acme").backend("tiny")
    assert bound.settings.api_key.reveal() == authority.tokens[1].access_token
    assert authority.count("refresh_token") == 1


def test_a_refresh_token_that_was_revoked_is_an_error_that_says_to_sign_in_again(authority, signed_in, canary):
    authority.expires_in = 0
    signed_in()
    authority.tokens[0].revoked = True
    with pytest.raises(AuthenticationError) as caught:
        backbay.connect("acme:tiny")
    assert caught.value.code == "invalid_grant"
    assert "backbay connect acme" in caught.value.hint
    assert canary not in str(caught.value)


def test_an_old_token_that_cannot_be_renewed_says_so(authority, signed_in):
    authority.expires_in = 0
    signed_in()
    store = KeyStore()
    found = store.find("acme")
    from dataclasses import replace

    from backbay_connect.tokens import Tokens

    store.save(
        "acme",
        replace(Tokens.load(store.read(found)), refresh_token=None).dump(),
        kind="oauth",
        replace=True,
    )
    with pytest.raises(ConfigurationError) as caught:
        backbay.connect("acme:tiny")
    assert caught.value.code == "oauth_expired"


def test_the_old_tokens_stay_stored_until_the_new_ones_are(authority, signed_in, keyring):
    authority.expires_in = 0
    signed_in()
    before = dict(keyring.held)
    authority.broken = (503, "text/html", "busy")
    with pytest.raises(ServerError):
        backbay.connect("acme:tiny")
    assert keyring.held == before
    authority.broken = None
    assert backbay.connect("acme:tiny").settings.api_key.reveal() == authority.tokens[1].access_token


def test_new_tokens_that_cannot_be_stored_still_serve_and_a_warning_says_so(authority, signed_in, keyring):
    authority.expires_in = 0
    signed_in()
    authority.expires_in = 3600
    credential = open_saved("saved", "acme")
    asked = []

    def full():
        asked.append(1)
        if len(asked) > 1:
            raise OSError("no space")

    keyring.before = full
    with pytest.warns(KeyFileWarning, match="could not be stored"):
        credential.ensure_fresh()
    assert credential.get_secret_value() == authority.tokens[-1].access_token


def test_renewal_on_a_running_loop_works(authority, signed_in):
    import asyncio

    authority.expires_in = 0
    signed_in()

    async def bind():
        return backbay.connect("acme:tiny")

    assert asyncio.run(bind()).settings.api_key.reveal() == authority.tokens[1].access_token


def test_tokens_go_to_the_endpoints_that_they_came_from_whatever_the_file_says_later(authority, signed_in, folder):
    authority.expires_in = 0
    signed_in()
    (folder.parent / "oauth-clients.toml").write_text(
        '[[client]]\nname = "acme-personal"\nclient_id = "x"\ntoken_endpoint = "https://mallory.example/token"\n'
        'authorization_endpoint = "https://mallory.example/a"\n'
    )
    backbay.connect("acme:tiny")
    assert authority.count("refresh_token") == 1


def test_disconnecting_revokes_both_tokens_and_removes_them(authority, signed_in, keyring):
    signed_in()
    assert sign_out("acme").revoked
    assert [form["token_type_hint"] for path, form in authority.log if path == "/revoke"] == [
        "refresh_token",
        "access_token",
    ]
    assert keyring.held == {}
    assert KeyStore().entries() == []


def test_what_the_vendor_does_not_take_back_stays_unless_it_is_to_be_forgotten(authority, signed_in):
    signed_in(revocation_endpoint=f"{authority.url}/nowhere")
    with pytest.raises(backbay.BackbayError):
        sign_out("acme")
    assert KeyStore().find("acme") is not None
    assert not sign_out("acme", forget=True).revoked
    with pytest.raises(ConfigurationError) as caught:
        sign_out("acme")
    assert caught.value.code == "not_saved"


def test_a_token_is_refused_where_a_vendor_takes_keys_only(authority, signed_in):
    """A8: before anything is sent."""
    signed_in()
    spec = backbay.BackendSpec(name="plain", wires=("openai_chat",), default_base_url="https://api.acme.example/v1")
    with backbay.register("plain", spec), pytest.raises(ConfigurationError) as caught:
        Provider(name="mine", backend_name="plain", credential="oauth:acme").backend("tiny")
    assert caught.value.code == "oauth_not_supported"


def test_a_sign_in_does_not_overwrite_a_key_unasked(authority, acme, keyring):
    KeyStore().save("acme", "sk-0123456789")
    with pytest.raises(ConfigurationError) as caught:
        sign_in("acme", lambda _: pytest.fail("opened"), clients=[authority.client()])
    assert caught.value.code == "name_taken"


@pytest.mark.parametrize(
    "changes",
    [
        {"token_endpoint": "http://acme.example/token"},
        {"token_endpoint": "https://user:pw@acme.example/token"},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"client_id": ""},
        {"redirect_host": "0.0.0.0"},
        {"redirect_port": 70000},
        {"redirect_path": "callback"},
        {"parameters": {"state": "mine"}},
        {"authorization_endpoint": "", "device_authorization_endpoint": ""},
    ],
)
def test_a_client_that_could_never_work_or_would_leak_is_refused(changes):
    fields = {
        "name": "acme",
        "client_id": "x",
        "token_endpoint": "https://acme.example/token",
        "authorization_endpoint": "https://acme.example/authorize",
    }
    with pytest.raises(ConfigurationError):
        OAuthRegistration(**{**fields, **changes})


@pytest.mark.parametrize(
    "text",
    ["[[client]]\nname = 1", "client = 3", "[[client]]\nname = 'x'\nsecret = 'y'", "[[client", "[other]\nx = 1"],
)
def test_a_file_of_clients_that_makes_no_sense_is_one_clear_error(tmp_path, text):
    (tmp_path / "clients.toml").write_text(text)
    with pytest.raises(ConfigurationError):
        load_registrations(tmp_path / "clients.toml")


def test_the_file_of_clients_says_what_the_objects_say(authority, tmp_path, toml):
    client = authority.client(client_secret="")
    (tmp_path / "clients.toml").write_text(toml(client))
    assert load_registrations(tmp_path / "clients.toml") == (client,)
    assert load_registrations(tmp_path / "none.toml") == ()


def test_a_source_that_nobody_saved_is_an_error_of_its_own(keyring):
    with pytest.raises(ConfigurationError):
        open_source("oauth:nobody")


def test_no_log_at_any_level_has_a_token_a_code_or_a_key(authority, signed_in, caplog, canary):
    with caplog.at_level("DEBUG"):
        authority.expires_in = 0
        signed_in()
        backbay.connect("acme:tiny")
        authority.tokens[-1].revoked = True
        with pytest.raises(AuthenticationError):
            backbay.connect("acme:tiny")
        sign_out("acme")
    ours = [each for each in caplog.records if each.name.partition(".")[0] not in ("authlib", "werkzeug")]
    assert canary not in "".join(f"{each.getMessage()}{each.__dict__}" for each in ours)


def test_a_callback_takes_no_longer_than_it_must(signed_in):
    started = time.monotonic()
    signed_in()
    assert time.monotonic() - started < 5
