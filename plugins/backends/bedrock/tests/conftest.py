"""What the tests of this folder share: AWS's variables, requests without a server, and signatures checked by hand."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest

import backbay_bedrock
from backbay.http.codec import Codec
from backbay.limits import NO_LIMITS
from backbay.request import build_request
from backbay.testing import Received
from backbay_bedrock.converse import Converse
from backbay_bedrock.invoke import InvokeModel

CLAUDE = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
SECRET = "conformance/Secret+Key0000000000"


@pytest.fixture(autouse=True)
def _no_aws(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    """Take away what the machine knows of AWS: variables, files, and the server that gives machines their roles."""
    for name in ("AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_REGION"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_DEFAULT_REGION", "AWS_BEARER_TOKEN_BEDROCK", "AWS_ENDPOINT_URL_BEDROCK_RUNTIME"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.fixture
def credentials(monkeypatch: pytest.MonkeyPatch) -> tuple[str, str]:
    """Set the variables of a session; return its secret key and its token."""
    token = "conformance-session-token=="
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDCONFORMANCE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_SESSION_TOKEN", token)
    return SECRET, token


@pytest.fixture
def codec() -> Codec:
    return Converse(backbay_bedrock.spec, {})


@pytest.fixture
def invoke() -> Codec:
    return InvokeModel(backbay_bedrock.spec.on_wire("bedrock_invoke"), {})


@pytest.fixture
def body_of(codec) -> Callable[..., dict[str, Any]]:
    """Return the body that goes out for messages and options, by any codec."""

    def encoded(messages, *, by: Codec = codec, model: str = CLAUDE, **options: Any) -> dict[str, Any]:
        request = build_request(messages, options, limits=NO_LIMITS, model=model)
        return json.loads(by.encode(request, stream=False).body)

    return encoded


@pytest.fixture
def signature_of() -> Callable[..., str]:
    """Return a signature as AWS's guide "Create a signed AWS API request" has it, from what came over the wire."""

    def computed(request: Received, service: str, region: str = "us-east-1") -> str:
        scheme, _, rest = request.headers["authorization"].partition(" ")
        assert scheme == "AWS4-HMAC-SHA256"
        signed = dict(part.strip().split("=", 1) for part in rest.split(","))["SignedHeaders"]
        path, _, query = request.path.partition("?")
        # For all services but S3 each segment is encoded once more than it was sent.
        lines = [request.method, "/".join(quote(part, safe="~") for part in path.split("/")), query]
        lines += [f"{name}:{request.headers[name].strip()}" for name in signed.split(";")]
        lines += ["", signed, hashlib.sha256(request.body).hexdigest()]
        time = request.headers["x-amz-date"]
        scope = f"{time[:8]}/{region}/{service}/aws4_request"
        digest = hashlib.sha256("\n".join(lines).encode()).hexdigest()
        key = f"AWS4{SECRET}".encode()
        for part in scope.split("/"):
            key = hmac.new(key, part.encode(), hashlib.sha256).digest()
        to_sign = f"AWS4-HMAC-SHA256\n{time}\n{scope}\n{digest}"
        signature = hmac.new(key, to_sign.encode(), hashlib.sha256).hexdigest()
        return f"AWS4-HMAC-SHA256 Credential=AKIDCONFORMANCE/{scope}, SignedHeaders={signed}, Signature={signature}"

    return computed
