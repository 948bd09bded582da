"""Addresses that the caller fills in, and those of the environment."""

import backbay
from backbay.connecting import build
from backbay.spec import URLPart


def spec():
    return backbay.BackendSpec(
        name="acme",
        wires=("openai_chat",),
        default_base_url="https://{region}.acme.example/v1",
        base_url_env=("ACME_BASE_URL",),
        url_parts={"region": URLPart(about="Where.", env=("ACME_REGION",))},
        requires_credential=False,
    )


def test_parts_that_the_caller_gives_come_before_an_address_of_the_environment(monkeypatch):
    monkeypatch.setenv("ACME_BASE_URL", "http://127.0.0.1:9/v1")
    assert build(spec(), "m").base_url == "http://127.0.0.1:9/v1"
    assert build(spec(), "m", region="north").base_url == "https://north.acme.example/v1"


def test_an_address_that_the_caller_gives_comes_before_parts(monkeypatch):
    given = build(spec(), "m", region="north", base_url="http://127.0.0.1:9/v1")
    assert given.base_url == "http://127.0.0.1:9/v1"
