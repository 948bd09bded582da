"""Bad input, as bytes on a socket: each is refused with its status, and reaches no upstream (G14, rows 157 to 161)."""

from __future__ import annotations

import json
import time

import pytest

from backbay_gateway.guard import has_more_containers, is_deeper


def request(
    key="", *, target="/v1/chat/completions", method="POST", host="localhost", body=b"", more="", length=True
) -> bytes:
    head = f"{method} {target} HTTP/1.1\r\n"
    head += f"Host: {host}\r\n" if host is not None else ""
    head += f"Authorization: Bearer {key}\r\n" if key else ""
    head += "Content-Type: application/json\r\n" if "content-type" not in more.lower() and method == "POST" else ""
    head += f"Content-Length: {len(body)}\r\n" if length and body else ""
    return (head + more + "\r\n").encode("latin-1") + body


def status(answer: bytes) -> int:
    assert answer.startswith(b"HTTP/1.1 "), answer[:80]
    return int(answer[9:12])


GOOD = b'{"model":"acme:m","messages":[]}'


@pytest.fixture
def running(one, chat):
    found, vendor = one(chat, tables={"server": {"max_body": 4096, "header_timeout": 0.4, "body_timeout": 0.4}})
    found.vendor = vendor
    return found


def test_a_good_request_is_answered(running) -> None:
    assert status(running.raw(request(running.key, body=GOOD), seconds=0.3)) == 200


SMUGGLING = {
    "length and chunks": ("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", b"0\r\n\r\n"),
    "chunks and length": ("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", b"0\r\n\r\n"),
    "two lengths": ("Content-Length: 5\r\nContent-Length: 6\r\n", b"{}   "),
    "two equal lengths": ("Content-Length: 2\r\nContent-Length: 2\r\n", b"{}"),
    "a list of lengths": ("Content-Length: 2, 2\r\n", b"{}"),
    "a signed length": ("Content-Length: +2\r\n", b"{}"),
    "a negative length": ("Content-Length: -2\r\n", b"{}"),
    "a hexadecimal length": ("Content-Length: 0x2\r\n", b"{}"),
    "a huge length": ("Content-Length: 99999999999999999999999\r\n", b"{}"),
    "an unknown encoding": ("Transfer-Encoding: gzip, chunked\r\n", b"0\r\n\r\n"),
    "an encoding twice": ("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", b"0\r\n\r\n"),
    "an encoding that hides": ("Transfer-Encoding: xchunked\r\n", b"0\r\n\r\n"),
    "an encoding with a tab": ("Transfer-Encoding:\tchunked\x0b\r\n", b"0\r\n\r\n"),
    "a name with a space": ("Content-Length : 2\r\n", b"{}"),
    "a folded header": ("X-Odd: one\r\n two\r\nContent-Length: 2\r\n", b"{}"),
    "a header without a colon": ("Odd\r\nContent-Length: 2\r\n", b"{}"),
    "a null byte": ("X-Odd: a\x00b\r\nContent-Length: 2\r\n", b"{}"),
    "a bad chunk": ("Transfer-Encoding: chunked\r\n", b"zz\r\n{}\r\n0\r\n\r\n"),
    "a chunk of negative size": ("Transfer-Encoding: chunked\r\n", b"-2\r\n{}\r\n0\r\n\r\n"),
}


@pytest.mark.parametrize("what", SMUGGLING)
def test_odd_framing_is_refused_and_the_connection_closed(running, what) -> None:
    headers, body = SMUGGLING[what]
    smuggled = b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"
    answer = running.raw(request(running.key, body=body, more=headers, length=False) + smuggled, seconds=1.0)
    assert status(answer) == 400
    assert answer.count(b"HTTP/1.1 ") == 1
    assert running.vendor.requests == []


@pytest.mark.parametrize(
    "target",
    [
        "http://evil.example/v1/chat/completions",
        "//v1/chat/completions",
        "/v1//chat/completions",
        "/v1/%2e%2e/chat/completions",
        "/v1/%2E%2E/admin",
        "/v1/../v1/chat/completions",
        "/v1/./chat/completions",
        "/v1/chat%5Ccompletions",
        "/v1/chat/completions%00",
        "/v1/chat/completions#x",
        "evil.example:80",
        "*",
        "/v1/%252e%252e/x",
    ],
)
def test_an_odd_target_is_refused(running, target) -> None:
    assert status(running.raw(request(running.key, target=target, body=GOOD), seconds=0.6)) == 400
    assert running.vendor.requests == []


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        (None, 400),
        ("", 400),
        ("localhost/x", 400),
        ("user@localhost", 400),
        ("localhost#x", 400),
        ("localhost:99999999", 400),
        ("local host", 400),
        ("evil.example", 403),
        ("127.0.0.1.evil.example", 403),
        ("localhost.evil.example:8787", 403),
        ("169.254.169.254", 403),
    ],
)
def test_an_odd_or_foreign_host_is_refused(running, host, expected) -> None:
    assert status(running.raw(request(running.key, host=host, body=GOOD), seconds=0.6)) == expected
    assert running.vendor.requests == []


def test_two_hosts_are_refused(running) -> None:
    raw = request(running.key, body=GOOD, more="Host: localhost\r\n")
    assert status(running.raw(raw, seconds=0.6)) == 400


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8787", "127.0.0.1", "[::1]:80"])
def test_the_names_of_this_machine_are_answered(running, host) -> None:
    assert status(running.raw(request(running.key, host=host, body=GOOD), seconds=0.3)) == 200


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "http://localhost.evil.example", "http://127.0.0.1:1"]
)
def test_a_web_page_of_another_origin_is_refused_before_routing(running, origin) -> None:
    answer = running.raw(request(running.key, body=GOOD, more=f"Origin: {origin}\r\n"), seconds=0.6)
    assert status(answer) == 403
    assert b"access-control" not in answer.lower()
    answer = running.raw(request(method="OPTIONS", target="/nowhere", more=f"Origin: {origin}\r\n"), seconds=0.6)
    assert status(answer) == 403


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ("Content-Type: text/plain\r\n", 415),
        ("Content-Type: application/x-www-form-urlencoded\r\n", 415),
        ("Content-Type: multipart/form-data; boundary=x\r\n", 415),
        ("Content-Type: application/json; charset=utf-16\r\n", 415),
        ("Content-Type:\r\n", 415),
        ("Content-Type: application/json\r\nContent-Encoding: gzip\r\n", 415),
        ("Content-Type: application/json\r\nContent-Encoding: br\r\n", 415),
    ],
)
def test_what_is_not_plain_json_is_refused_by_its_headers(running, headers, expected) -> None:
    assert status(running.raw(request(running.key, body=GOOD, more=headers), seconds=0.6)) == expected


def test_a_body_that_is_said_to_be_too_large_is_refused_before_it_is_read(running) -> None:
    raw = request(running.key, more="Content-Length: 5000\r\n", length=False)
    assert status(running.raw(raw, seconds=0.6)) == 413


def test_a_body_in_chunks_without_an_end_is_refused_at_its_limit(running) -> None:
    raw = request(running.key, more="Transfer-Encoding: chunked\r\n", length=False)
    assert status(running.raw(raw + b"400\r\n" + b"x" * 1024 + b"\r\n" + b"fff\r\n" + b"x" * 4095, seconds=0.6)) == 413


def test_heads_have_a_largest_size_and_a_largest_number_of_headers(running) -> None:
    assert status(running.raw(request(running.key, more="X-A: " + "a" * 33_000 + "\r\n"), seconds=0.6)) == 431
    assert status(running.raw(request(running.key, more="X-A: a\r\n" * 101), seconds=0.6)) == 431
    assert status(running.raw(request(running.key, target="/" + "a" * 33_000), seconds=0.6)) == 431


def test_a_head_that_does_not_come_in_time_is_refused(running) -> None:
    start = time.monotonic()
    answer = running.raw(b"POST /v1/chat/completions HTTP/1.1\r\nHost: local")
    assert time.monotonic() - start < 1.5
    assert status(answer) == 408


def test_a_connection_that_says_nothing_is_closed(running) -> None:
    start = time.monotonic()
    assert running.raw(b"") == b""
    assert time.monotonic() - start < 1.5


def test_a_body_that_does_not_come_in_time_is_refused(running) -> None:
    start = time.monotonic()
    answer = running.raw(request(running.key, more="Content-Length: 50\r\n", length=False, body=b'{"model"'))
    assert time.monotonic() - start < 1.5
    assert status(answer) == 408
    running.until(lambda: running.live == 0)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b'"text"',
        b"{",
        b"{'model': 1}",
        b'{"model":"acme:m"} {}',
        b'{"model":"acme:m","x":NaN}',
        b"\xff\xfe{}",
        b'{"model":"acme:m","x":' + b"[" * 100 + b"]" * 100 + b"}",
        b'{"model":7}',
        b'{"model":""}',
        b'{"messages":[]}',
        b'{"model":"acme:m","model":"acme:n"}',
        b'{"model":"acme:m/../../admin"}',
        b'{"model":"acme:m\\u0000"}',
    ],
)
def test_a_body_that_is_no_request_is_refused(running, body) -> None:
    answer = running.ask("/v1/chat/completions", body)
    assert answer.status == 400, answer.body
    assert answer.error["message"]
    assert running.vendor.requests == []


@pytest.mark.parametrize(
    "field", ["api_base", "base_url", "api_key", "extra_headers", "extra_body", "custom_llm_provider"]
)
def test_row_161_clients_decide_about_no_address_and_no_key(running, field) -> None:
    body = {"model": "acme:m", "messages": [], field: "http://[::ffff:169.254.169.254]/"}
    for path in ("/v1/chat/completions", "/v1/messages"):
        answer = running.ask(path, body, headers={"anthropic-version": "2023-06-01"})
        assert answer.status == 400
        assert field in answer.body.decode()
    assert running.vendor.requests == []


@pytest.mark.parametrize(
    "key",
    [None, "wrong", "bb_aaaaaaaaaaaa_" + "a" * 43, "' OR 1=1 --", "bb_" + "x" * 100, "a" * 20_000],
)
def test_row_160_without_a_good_key_nothing_is_told(running, key) -> None:
    for path in ("/v1/chat/completions", "/v1/messages", "/v1/embeddings", "/v1/responses"):
        answer = running.ask(
            path, {"model": "no:such", "messages": []}, key=key, headers={"anthropic-version": "2023-06-01"}
        )
        assert answer.status == 401, answer.body
        assert b"no such" not in answer.body
    for path in ("/v1/models", "/metrics", "/status/data", "/v1/models/acme:m"):
        assert running.ask(path, key=key).status == 401
    assert running.vendor.requests == []


def test_other_methods_and_other_addresses_are_refused(running) -> None:
    assert running.ask("/v1/chat/completions", method="GET").status == 405
    assert running.ask("/v1/chat/completions", method="DELETE").status == 405
    assert running.ask("/health", {}, method="POST").status == 405
    assert running.ask("/v1/admin").status == 404
    assert running.ask("/v1/messages/x").json["type"] == "error"


def test_an_unknown_model_is_told_with_the_nearest_names(one, chat) -> None:
    running, _ = one(chat, models={"quick-model": "m"})
    answer = running.ask("/v1/chat/completions", {"model": "quik-model", "messages": []})
    assert answer.status == 404
    assert answer.error["code"] == "model_not_found"
    assert "quick-model" in answer.error["message"]
    answer = running.ask("/v1/messages", {"model": "amce:m"}, headers={"anthropic-version": "2023-06-01"})
    assert answer.status == 404
    assert answer.json["error"]["type"] == "not_found_error"
    assert "acme" in answer.json["error"]["message"]


def test_a_version_of_the_api_that_there_is_not_is_refused(running) -> None:
    answer = running.ask("/v1/messages", {"model": "acme:m"}, headers={"anthropic-version": "1999-01-01"})
    assert answer.status == 400
    assert answer.json["error"]["type"] == "invalid_request_error"


def test_more_requests_at_once_than_allowed_are_sent_away(one) -> None:
    from backbay.testing import Pause, Reply

    running, vendor = one(Reply(steps=[Pause(3), b"{}"]), tables={"server": {"max_streams": 1}})
    import threading

    body = {"model": "acme:m", "messages": []}
    first = threading.Thread(
        target=lambda: running.raw(request(running.key, body=json.dumps(body).encode()), seconds=0.8)
    )
    first.start()
    running.until(lambda: vendor.requests)
    answer = running.ask("/v1/chat/completions", body)
    first.join()
    assert answer.status == 503
    assert answer.headers["retry-after"] == "1"


def test_what_was_sent_while_an_answer_goes_out_does_not_get_into_it(running) -> None:
    both = request(running.key, body=GOOD) + b"GARBAGE\r\n\r\n"
    answer = running.raw(both, seconds=0.6)
    assert answer.count(b"HTTP/1.1 200") <= 1
    assert b"GARBAGE" not in answer


def test_depth_is_counted_by_levels_and_not_by_brackets() -> None:
    assert not is_deeper(json.loads("[" * 64 + "]" * 64), 64)
    assert is_deeper(json.loads("[" * 65 + "]" * 65), 64)
    assert is_deeper(json.loads('{"a":' * 65 + "1" + "}" * 65), 64)
    assert not is_deeper(json.loads("[" + "[[]]," * 1000 + "[]]"), 64)
    assert not is_deeper(json.loads('["' + "[" * 1000 + '\\"' + "{" * 1000 + '"]'), 64)


def test_parts_are_counted_before_they_are_made_and_not_those_within_text() -> None:
    assert not has_more_containers(b"[" + b"[],{}," * 499 + b"[]]", 1000)
    assert has_more_containers(b"[" + b"[],{}," * 500 + b"[]]", 1000)
    assert has_more_containers(b'{"a":' * 1001, 1000)
    assert not has_more_containers(b'["' + b"[" * 3000 + b'\\"' + b"{" * 3000 + b'"]', 1000)
    start = time.perf_counter()
    assert has_more_containers(b"[" * 5_000_000, 500_000)
    assert time.perf_counter() - start < 2.0
