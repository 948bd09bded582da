"""What gateway.toml may say, and how what it may not say is told."""

from __future__ import annotations

import json

import pytest

from backbay.errors import ConfigurationError
from backbay_gateway.binding import check_address, url_of
from backbay_gateway.config import GatewayConfig, Server
from backbay_gateway.config_file import line_of, load_config, parse_config
from backbay_gateway.schema import FILE, schema

LEAST = '[[upstreams]]\nvendor = "acme"\n'


def test_one_upstream_is_enough() -> None:
    config = parse_config(LEAST)
    assert config.upstreams[0].label == "acme"
    assert config.server.loopback


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", ["upstreams: is missing"]),
        ("x\ny = 1\n", ["not TOML", "line 1"]),
        (LEAST + "wieght = 2\n", ["line 3, upstreams[0].wieght", "did you mean 'weight'?"]),
        ("[server]\nport = 70000\n" + LEAST, ["line 2, server.port", "65535"]),
        ("[server]\nprot = 1\n" + LEAST, ["line 2, server.prot", "'port'"]),
        ("[servers]\n" + LEAST, ["line 1, servers", "'server'"]),
        (LEAST + LEAST + "[upstreams.limits]\ntotal = -1\n", ["line 6, upstreams[1].limits.total"]),
        (LEAST + "[upstreams.limits]\ntotal = nan\n", ["line 4, upstreams[0].limits.total"]),
        (LEAST + LEAST, ["two upstreams have the name 'acme'"]),
        (LEAST + 'models = { "a b" = "m" }\n', ["upstreams[0].models"]),
        (LEAST + 'options = { api_key = "x" }\n', ["line 3, upstreams[0].options", "api_key"]),
        (LEAST + '[[aliases]]\nname = "a"\ntargets = ["b:c"]\n', ["no upstream is named 'b'"]),
        (LEAST + '[[aliases]]\nname = "a"\ntargets = []\n', ["line 5, aliases[0].targets"]),
        (LEAST + '[[aliases]]\nname = "a:b"\ntargets = ["acme:m"]\n', ["line 4, aliases[0].name"]),
        (LEAST + '[[aliases]]\nname = "a"\nstrategy = "best"\ntargets = ["acme:m"]\n', ["line 5", "weighted"]),
        (LEAST + 'models = { a = "m" }\n[[aliases]]\nname = "a"\ntargets = ["acme:m"]\n', ["'a' is given twice"]),
        ('[server]\ntls_key = "k.pem"\n' + LEAST, ["line 1, server", "together"]),
        ('[server]\nhosts = ["http://x/"]\n' + LEAST, ["line 2, server.hosts", "no host"]),
        (LEAST + "weight = 0\n", ["line 3, upstreams[0].weight"]),
        ("a = " + "[" * 3000, ["gateway.toml"]),
    ],
)
def test_what_cannot_be_is_told_with_its_line_and_its_path(text, said) -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse_config(text)
    for part in said:
        assert part in str(caught.value)


def test_all_that_is_wrong_is_told_at_once() -> None:
    with pytest.raises(ConfigurationError, match=r"server\.port.*server\.workers|server\.workers.*server\.port"):
        parse_config("[server]\nport = -1\nworkers = 0\n" + LEAST)


@pytest.mark.parametrize("content", [None, b"\xff\xfe", b"#" * (5 * 1024 * 1024)])
def test_a_file_that_cannot_be_read_is_told(tmp_path, content) -> None:
    path = tmp_path / "gateway.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigurationError, match=r"gateway\.toml"):
        load_config(path)


def test_lines_are_found_past_texts_of_several_lines_and_comments() -> None:
    text = '# [server]\n[keys]\ndatabase = """\n[server]\nport = 1\n"""\n[server] # here\n"port" = 1\n'
    assert line_of(text, ["server", "port"]) == 8
    assert line_of(text, ["server", "host"]) == 7
    assert line_of(text, ["aliases"]) is None


def test_the_schema_that_ships_is_that_of_the_models() -> None:
    assert FILE.read_text(encoding="utf-8") == schema(), "write it anew: backbay gateway schema > gateway.schema.json"
    found = json.loads(schema())
    assert set(found["properties"]) == set(GatewayConfig.model_fields)
    assert all("description" in each for each in found["$defs"]["Server"]["properties"].values())


@pytest.mark.parametrize(
    ("server", "said"),
    [
        ({"host": "0.0.0.0"}, "TLS"),
        ({"host": "::"}, "TLS"),
        ({"host": "10.0.0.5"}, "TLS"),
        ({"host": "example.com"}, "TLS"),
        ({"host": "0.0.0.0", "behind_proxy": True}, "hosts"),
    ],
)
def test_an_address_that_others_reach_needs_tls_or_a_proxy_and_names(server, said) -> None:
    with pytest.raises(ConfigurationError, match=said):
        check_address(Server.model_validate(server))


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "[::1]", "127.8.8.8"])
def test_addresses_of_this_machine_need_neither(host) -> None:
    check_address(Server(host=host))
    check_address(Server(host="0.0.0.0", behind_proxy=True, hosts=("gateway.example.com",)))
    assert url_of(Server(host=host), 80).startswith("http://")
