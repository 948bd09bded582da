"""What the tests of this folder share: a codec and requests without a server, a service account, a token server."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import backbay_google
from backbay.http.codec import Codec
from backbay.limits import NO_LIMITS
from backbay.request import build_request
from backbay_google.codec import Gemini, VertexGemini

MODEL = "gemini-3.5-flash"


@pytest.fixture
def codec() -> Codec:
    return Gemini(backbay_google.spec, {})


@pytest.fixture
def vertex_codec() -> Codec:
    return VertexGemini(backbay_google.vertex_spec, {})


@pytest.fixture
def body_of(codec) -> Callable[..., dict[str, Any]]:
    """Return the body that goes out for messages and options, by any codec."""

    def encoded(messages, *, by: Codec = codec, model: str = MODEL, **options: Any) -> dict[str, Any]:
        request = build_request(messages, options, limits=NO_LIMITS, model=model)
        return json.loads(by.encode(request, stream=False).body)

    return encoded


@pytest.fixture(scope="session")
def private_key() -> str:
    """Return a key that was made for this run."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    made = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    forms = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return made.private_bytes(*forms).decode()


@pytest.fixture
def key_file(tmp_path: Path, private_key: str) -> Callable[[str], str]:
    """Return the path of a service account's key file, whose tokens come from a URL."""

    def write(token_url: str) -> str:
        path = tmp_path / "key.json"
        account = {
            "type": "service_account",
            "project_id": "acme",
            "private_key_id": "key-1",
            "private_key": private_key,
            "client_email": "robot@acme.example",
            "token_uri": token_url,
        }
        path.write_text(json.dumps(account), encoding="utf-8")
        return str(path)

    return write
