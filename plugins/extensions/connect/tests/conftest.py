"""Keys in a folder of the test's own, a keyring that stands in for the system's, and a real authorisation server."""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from types import SimpleNamespace
from urllib.parse import parse_qs, urlsplit

import pytest

import backbay
from backbay import BackendSpec

CANARY = "canary-9f2c71d4e8b05a36"
"""Stands in every secret of these tests; it may appear in no output."""

ACME = """
from backbay import BackendSpec

spec = BackendSpec(name="acme", label="Acme", wires=("openai_chat",), default_base_url="https://api.acme.example/v1",
                   credential_env=("ACME_API_KEY",), auth_header="x-api-key", oauth_client="{vendor}-personal")
"""


@pytest.fixture
def canary():
    return CANARY


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Where this test's keys are; nothing there yet."""
    monkeypatch.setenv("BACKBAY_KEYS", str(tmp_path / "keys"))
    monkeypatch.setenv("BACKBAY_OAUTH_CLIENTS", str(tmp_path / "oauth-clients.toml"))
    return tmp_path / "keys"


@pytest.fixture
def keyring(monkeypatch):
    """The Secret Service, answered by this process: what it holds, and what it does with the next question."""
    from keyring.backend import KeyringBackend
    from keyring.backends import SecretService

    from backbay_connect import system_keyring

    state = SimpleNamespace(held={}, before=lambda: None)

    class Held(KeyringBackend):
        priority = 5

        def get_password(self, service, username):
            state.before()
            return state.held.get((service, username))

        def set_password(self, service, username, password):
            state.before()
            state.held[service, username] = password

        def delete_password(self, service, username):
            state.before()
            del state.held[service, username]

    monkeypatch.setattr(SecretService, "Keyring", Held)
    monkeypatch.setattr(system_keyring, "PRODUCTS", {})
    yield state
    KeyringBackend._classes.discard(Held)


@pytest.fixture
def acme():
    """A vendor that takes OAuth tokens, and whose keys go in a header of its own."""
    space: dict = {}
    exec(ACME, space)
    spec: BackendSpec = space["spec"]
    with backbay.register("acme", spec):
        yield spec


class Authority:
    """An authorisation server of authlib on loopback: PKCE wanted, refresh tokens rotate, `iss` is sent."""

    def __init__(self):
        self.codes, self.tokens, self.devices, self.log = {}, [], {}, []
        self.expires_in, self.issuer, self.broken, self.slow, self.clicks = 3600, None, None, 0.0, []
        self.lock = threading.Lock()

    def start(self):
        from werkzeug.serving import WSGIRequestHandler, make_server

        class Quiet(WSGIRequestHandler):
            def log_request(self, *_):
                return None

        self.server = make_server("127.0.0.1", 0, self._app(), threaded=True, request_handler=Quiet)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.issuer = self.issuer or self.url
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02})
        self.thread.start()

    def stop(self):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()

    def client(self, **changes):
        from backbay_connect import OAuthRegistration

        fields = {
            "name": "acme-personal",
            "client_id": "backbay-tests",
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "device_authorization_endpoint": f"{self.url}/device",
            "revocation_endpoint": f"{self.url}/revoke",
            "issuer": self.url,
            "scopes": ("inference",),
        }
        return OAuthRegistration(**{**fields, **changes})

    def count(self, grant):
        return sum(1 for path, form in self.log if path == "/token" and form.get("grant_type") == grant)

    def consent(self, address, *, click="allow", read=True):
        """Agree as a browser would, without one; return the address that it is sent back to."""
        import http.client

        parts = urlsplit(address)
        connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=5)
        connection.request("POST", f"{parts.path}?{parts.query}", f"click={click}", FORM)
        location = connection.getresponse().getheader("location")
        connection.close()
        return location

    def _app(self):
        return _application(self)


FORM = {"content-type": "application/x-www-form-urlencoded"}


def _application(authority):
    from authlib.integrations.flask_oauth2 import AuthorizationServer
    from authlib.oauth2.rfc6749 import ClientMixin, TokenMixin, grants
    from authlib.oauth2.rfc7009 import RevocationEndpoint
    from authlib.oauth2.rfc7636 import CodeChallenge
    from authlib.oauth2.rfc8628 import DeviceAuthorizationEndpoint, DeviceCodeGrant
    from authlib.oauth2.rfc9207 import IssuerParameter
    from flask import Flask, Response, request

    class User(SimpleNamespace):
        def get_user_id(self):
            return self.name

    person = User(name="ada")

    class Client(ClientMixin):
        def get_client_id(self):
            return "backbay-tests"

        def get_default_redirect_uri(self):
            return None

        def get_allowed_scope(self, scope):
            return scope or ""

        def check_redirect_uri(self, redirect_uri):
            parts = urlsplit(redirect_uri)
            return parts.hostname == "127.0.0.1" and parts.path == "/callback"

        def check_client_secret(self, client_secret):
            return False

        def check_endpoint_auth_method(self, method, endpoint):
            return method == "none"

        def check_response_type(self, response_type):
            return response_type == "code"

        def check_grant_type(self, grant_type):
            return True

    class Code(SimpleNamespace):
        def get_redirect_uri(self):
            return self.redirect_uri

        def get_scope(self):
            return self.scope

    class Token(TokenMixin):
        def __init__(self, **fields):
            self.__dict__.update(fields, revoked=False)

        def check_client(self, client):
            return True

        def get_scope(self):
            return self.scope

        def get_expires_in(self):
            return self.expires_in

        def is_expired(self):
            return False

        def is_revoked(self):
            return self.revoked

        def get_user(self):
            return person

        def get_client(self):
            return Client()

    class CodeGrant(grants.AuthorizationCodeGrant):
        TOKEN_ENDPOINT_AUTH_METHODS = ("none",)

        def generate_authorization_code(self):
            return f"{CANARY}-code-{len(authority.codes)}"

        def save_authorization_code(self, code, request):
            data = request.payload.data
            authority.codes[code] = Code(
                code=code,
                redirect_uri=request.payload.redirect_uri,
                scope=request.payload.scope,
                code_challenge=data.get("code_challenge"),
                code_challenge_method=data.get("code_challenge_method"),
            )

        def query_authorization_code(self, code, client):
            return authority.codes.get(code)

        def delete_authorization_code(self, authorization_code):
            authority.codes.pop(authorization_code.code)

        def authenticate_user(self, authorization_code):
            return person

    class RefreshGrant(grants.RefreshTokenGrant):
        TOKEN_ENDPOINT_AUTH_METHODS = ("none",)
        INCLUDE_NEW_REFRESH_TOKEN = True

        def authenticate_refresh_token(self, refresh_token):
            found = [t for t in authority.tokens if t.refresh_token == refresh_token and not t.revoked]
            return found[0] if found else None

        def authenticate_user(self, refresh_token):
            return person

        def revoke_old_credential(self, refresh_token):
            refresh_token.revoked = True

    class Revocation(RevocationEndpoint):
        CLIENT_AUTH_METHODS = ("none",)

        def query_token(self, token_string, token_type_hint):
            return next((t for t in authority.tokens if token_string in (t.access_token, t.refresh_token)), None)

        def revoke_token(self, token, request):
            token.revoked = True

    class Device(DeviceAuthorizationEndpoint):
        INTERVAL = 0.05

        def generate_device_code(self):
            return f"{CANARY}-device"

        def get_verification_uri(self):
            return f"{authority.url}/activate"

        def save_device_credential(self, client_id, scope, data):
            authority.devices[data["user_code"]] = SimpleNamespace(**data, scope=scope, granted=None)

    class DeviceGrant(DeviceCodeGrant):
        def query_device_credential(self, device_code):
            found = next((d for d in authority.devices.values() if d.device_code == device_code), None)
            return found and SimpleNamespace(
                get_client_id=lambda: "backbay-tests",
                get_scope=lambda: found.scope,
                get_user_code=lambda: found.user_code,
                is_expired=lambda: False,
            )

        def query_user_grant(self, user_code):
            granted = authority.devices[user_code].granted
            return None if granted is None else (person, granted)

        def should_slow_down(self, credential):
            return False

    class Issuer(IssuerParameter):
        def get_issuer(self):
            return authority.issuer

    app = Flask("authority")
    app.config["OAUTH2_ACCESS_TOKEN_GENERATOR"] = lambda *_, **__: f"{CANARY}-access-{os.urandom(6).hex()}"
    app.config["OAUTH2_REFRESH_TOKEN_GENERATOR"] = lambda *_, **__: f"{CANARY}-refresh-{os.urandom(6).hex()}"

    def save_token(token, request):
        token["expires_in"] = authority.expires_in
        with authority.lock:
            authority.tokens.append(Token(**{"refresh_token": None, "scope": "", **token}))

    server = AuthorizationServer(app, query_client=lambda _: Client(), save_token=save_token)
    server.register_grant(CodeGrant, [CodeChallenge(required=True)])
    server.register_grant(RefreshGrant)
    server.register_grant(DeviceGrant)
    server.register_endpoint(Revocation)
    server.register_endpoint(Device)
    server.register_extension(Issuer())

    @app.route("/authorize", methods=["GET", "POST"])
    def authorize():
        grant = server.get_consent_grant(end_user=person)
        if request.method == "POST":
            authority.clicks.append(request.form["click"])
            agreed = person if request.form["click"] == "allow" else None
            return server.create_authorization_response(grant_user=agreed, grant=grant)
        return (
            "<!doctype html><title>Acme</title><h1>May Backbay use your account?</h1><form method=post>"
            '<button name="click" value="allow">Allow</button><button name="click" value="deny">Deny</button></form>'
        )

    @app.route("/activate", methods=["GET", "POST"])
    def activate():
        if request.method == "POST":
            authority.devices[request.form["user_code"]].granted = request.form["click"] == "allow"
            return "Done."
        return (
            '<!doctype html><title>Acme</title><form method=post><input name="user_code">'
            '<button name="click" value="allow">Allow</button></form>'
        )

    @app.route("/token", methods=["POST"])
    def token():
        authority.log.append(("/token", request.form.to_dict()))
        time.sleep(authority.slow)
        if authority.broken is not None:
            status, kind, body = authority.broken
            return Response(body, status, content_type=kind)
        return server.create_token_response()

    @app.route("/device", methods=["POST"])
    def device():
        return server.create_endpoint_response("device_authorization")

    @app.route("/revoke", methods=["POST"])
    def revoke():
        authority.log.append(("/revoke", request.form.to_dict()))
        return server.create_endpoint_response("revocation")

    @app.route("/keys", methods=["POST"])
    def keys():
        sent = request.get_json()
        authority.log.append(("/keys", sent))
        return {"key": f"sk-or-{CANARY}", "user_id": "user_ada"}

    return app


@pytest.fixture
def authority(monkeypatch):
    pytest.importorskip("authlib")
    pytest.importorskip("flask")
    # authlib refuses plain http otherwise; this one never leaves the machine.
    monkeypatch.setenv("AUTHLIB_INSECURE_TRANSPORT", "1")
    server = Authority()
    server.start()
    yield server
    server.stop()


@pytest.fixture
def browser():
    """Open a page of a headless Chromium, and return it; skipped without one, which in CI is a failure."""
    playwright = pytest.importorskip("playwright.sync_api")
    path = shutil.which("chromium") or shutil.which("google-chrome") or shutil.which("chrome")
    if path is None:
        pytest.skip("there is no Chromium to walk the consent page with")
    with playwright.sync_playwright() as running:
        with contextlib.closing(running.chromium.launch(executable_path=path, args=["--no-sandbox"])) as chromium:
            yield chromium.new_page()


@pytest.fixture
def cli(tmp_path):
    """Run ``backbay ARGUMENTS`` in a process, with the vendor acme installed; with ``wait=False`` only start it."""
    plugins = tmp_path / "plugins"
    info = plugins / "acme_plugin-1.0.dist-info"
    info.mkdir(parents=True)
    (plugins / "acme_plugin.py").write_text(ACME)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-plugin\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[backbay.backends]\nacme = acme_plugin:spec\n")

    def run(*arguments, stdin="", wait=True, **env):
        kept = ("PATH", "LANG", "SYSTEMROOT", "TEMP", "BACKBAY_KEYS", "BACKBAY_OAUTH_CLIENTS")
        inherited = {name: os.environ[name] for name in kept if name in os.environ}
        command = [sys.executable, "-P", "-m", "backbay_cli", *arguments]
        environment = {**inherited, "HOME": str(tmp_path), "PYTHONPATH": str(plugins), **env}
        if not wait:
            pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
            return subprocess.Popen(command, env=environment, text=True, **pipes)
        return subprocess.run(command, env=environment, input=stdin, capture_output=True, text=True, timeout=60)

    return run


@pytest.fixture
def command(acme, capsys, monkeypatch):
    """Run ``backbay ARGUMENTS`` in this process, which is many times quicker."""
    from backbay_cli import app

    def run(*arguments, stdin="", **env):
        capsys.readouterr()
        with monkeypatch.context() as patch:
            patch.setattr(sys, "stdin", io.StringIO(stdin))
            for name, value in env.items():
                patch.setenv(name, value)
            code = app.run(arguments)
        said = capsys.readouterr()
        return SimpleNamespace(returncode=code, stdout=said.out, stderr=said.err)

    return run


@pytest.fixture
def query():
    """The parameters of an address."""
    return lambda address: {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}


@pytest.fixture
def get():
    """GET an address of this machine, with another Host if one is given; return status, headers and page."""

    def ask(address, host=None, method="GET"):
        import http.client

        parts = urlsplit(address)
        connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=5)
        try:
            connection.putrequest(method, f"{parts.path}?{parts.query}", skip_host=host is not None)
            if host is not None:
                connection.putheader("host", host)
            connection.endheaders()
            response = connection.getresponse()
            return response.status, dict(response.getheaders()), response.read().decode()
        finally:
            connection.close()

    return ask


@pytest.fixture
def in_thread():
    """Run something beside the test; an error of it is an error of the test."""
    running = []

    def start(work, *arguments):
        thread = threading.Thread(target=work, args=arguments)
        thread.start()
        running.append(thread)

    yield start
    for thread in running:
        thread.join(10)
        assert not thread.is_alive()


@pytest.fixture
def toml():
    """A client as the file has it."""

    def text(client):
        lines = [f"{name} = {json.dumps(value)}" for name, value in client.document().items() if name != "parameters"]
        return "[[client]]\n" + "\n".join(lines) + "\n"

    return text
