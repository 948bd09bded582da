"""Same wire: what goes through unchanged, and what happens when one of the two sides is gone, slow or broken."""

from __future__ import annotations

import json
import socket
import threading
import time

import pytest

from backbay.testing import Pause, Reply, sse


def test_the_clients_bytes_reach_the_upstream_unchanged_but_for_the_model_and_the_credentials(one, chat) -> None:
    running, vendor = one(chat)
    body = b'{ "model" : "acme:m-1",\n "messages":[{"role":"user","content":"caf\\u00e9 \xc3\xa9"}], '
    body += b'"x_new": 1.50, "top_p":1e0}'
    answer = running.ask("/v1/chat/completions", body)
    assert answer.status == 200
    assert vendor.requests[0].body == body.replace(b'"acme:m-1"', b'"m-1"')
    assert vendor.requests[0].headers["authorization"] == "Bearer acme-upstream-secret-0123456789"
    assert running.key not in str(vendor.requests[0])


def test_u1_the_upstreams_bytes_reach_the_client_unchanged(one, chat) -> None:
    odd = b'{"choices":[],\r\n "x": "\xff\xfe", "n": 1.10}\n\n'
    running, _ = one(Reply(headers={"content-type": "application/json"}, steps=[odd[:7], odd[7:9], odd[9:]]))
    answer = running.ask("/v1/chat/completions", {"model": "acme:m", "messages": []})
    assert answer.body == odd
    assert answer.headers["x-backbay-served-by"] == "acme:m"
    assert answer.headers["content-length"] == str(len(odd))
    assert answer.headers["x-request-id"].startswith("req_")


def test_u1_a_stream_is_relayed_byte_for_byte_with_lines_that_no_reader_knows(one) -> None:
    steps = [b': hi\r\n\r\ndata: {"a":', b"1}\r\n\r\n", b"event: odd\ndata: \xff\n\n", b"data: [DONE]"]
    running, _ = one(Reply(headers={"content-type": "text/event-stream"}, steps=steps))
    answer = running.ask("/v1/chat/completions", {"model": "acme:m", "stream": True, "messages": []})
    assert answer.body == b"".join(steps)
    assert answer.headers["content-type"] == "text/event-stream"


@pytest.mark.parametrize("wire", ["openai_chat", "openai_responses", "anthropic_messages"])
def test_u6_a_request_is_relayed_on_its_own_wire_only(one, wire) -> None:
    paths = {
        "openai_chat": "/v1/chat/completions",
        "openai_responses": "/v1/responses",
        "anthropic_messages": "/v1/messages",
    }
    running, vendor = one(Reply.json({"ok": True}), wire=wire)
    answer = running.ask(paths[wire], {"model": "acme:m", "odd": 1}, headers={"anthropic-version": "2023-06-01"})
    assert answer.json == {"ok": True}
    assert vendor.requests[0].path == paths[wire]
    assert vendor.requests[0].json == {"model": "m", "odd": 1}


def test_the_anthropic_versions_and_betas_go_along(one) -> None:
    running, vendor = one(Reply.json({"ok": True}), wire="anthropic_messages")
    headers = {"anthropic-version": "2026-10-21", "anthropic-beta": "one,two", "x-api-key": running.key}
    assert running.ask("/v1/messages", {"model": "acme:m"}, headers=headers, key=None).status == 200
    assert vendor.requests[0].headers["anthropic-version"] == "2026-10-21"
    assert vendor.requests[0].headers["anthropic-beta"] == "one,two"
    assert vendor.requests[0].headers["x-api-key"] == "acme-upstream-secret-0123456789"


def test_usage_that_goes_by_is_settled_to_the_key(one, chunks) -> None:
    running, _ = one(Reply.events(*chunks))
    running.ask("/v1/chat/completions", {"model": "acme:m", "stream": True, "messages": []})
    running.until(lambda: running.live == 0)
    tokens = running.server.gateway.metrics.data()["tokens"]
    assert tokens == {"acme:m": [3, 2]}


def test_a_client_that_leaves_mid_stream_closes_the_upstream_within_250_ms(one) -> None:
    running, vendor = one(Reply(headers={"content-type": "text/event-stream"}, steps=[sse("{}"), Pause(20), sse("{}")]))
    _leave(running, stream=True)
    assert running.until(lambda: vendor.hangups) < 0.25
    running.until(lambda: running.live == 0)


@pytest.mark.parametrize("stream", [True, False])
def test_a_client_that_leaves_before_the_first_byte_closes_the_upstream_within_250_ms(one, stream) -> None:
    running, vendor = one(Reply(headers={"content-type": "application/json"}, steps=[Pause(20), b"{}"]))
    _leave(running, stream=stream, wait_for=lambda: vendor.requests)
    assert running.until(lambda: vendor.hangups) < 0.25
    running.until(lambda: running.live == 0)


def _leave(running, *, stream, wait_for=None) -> None:
    body = json.dumps({"model": "acme:m", "stream": stream, "messages": []}).encode()
    head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {running.key}\r\n"
    head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", running.port)) as connection:
        connection.sendall(head.encode() + body)
        if wait_for is None:
            assert b"200 OK" in connection.recv(65536)
        else:
            running.until(wait_for)


def test_an_upstream_that_breaks_off_is_told_in_band_and_the_answer_has_no_end(one, question) -> None:
    running, _ = one(
        Reply(headers={"content-type": "text/event-stream"}, steps=[sse('{"a":1}'), Pause(0.1)], end="reset")
    )
    answer = running.ask("/v1/chat/completions", {**question, "stream": True})
    assert answer.status == 200
    assert not answer.whole
    events = answer.body.split(b"\n\n")
    assert events[0] == b'data: {"a":1}'
    assert json.loads(events[1].removeprefix(b"data: "))["error"]["message"]
    assert b"[DONE]" not in answer.body


def test_a_slow_reader_stops_the_reading_of_the_upstream_and_is_dropped_after_the_write_timeout(
    gateway, vendor
) -> None:
    steps = [b"data: " + b"x" * 65_000 + b"\n\n"] * 1000
    server = vendor(Reply(headers={"content-type": "text/event-stream"}, steps=steps))
    running = gateway(
        upstreams=[{"vendor": "acme", "base_url": server.url}], server={"write_timeout": 0.7}, routing={"retries": 0}
    )
    body = json.dumps({"model": "acme:m", "stream": True, "messages": []}).encode()
    head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {running.key}\r\n"
    head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", running.port)) as connection:
        connection.sendall(head.encode() + body)
        time.sleep(0.35)
        (exchange,) = running.server.gateway.live
        before = exchange.sent
        time.sleep(0.2)
        assert exchange.sent == before, "the upstream was read on although nobody took it"
        assert before < 20_000_000
        running.until(lambda: running.live == 0, 3.0)
    assert running.until(lambda: server.hangups) < 1.0


def test_clients_at_the_same_time_get_their_own_answers(one) -> None:
    running, _ = one(lambda received: Reply.json({"echo": received.json["n"]}))
    found = {}

    def ask(number):
        found[number] = running.ask("/v1/chat/completions", {"model": "acme:m", "n": number}).json["echo"]

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {number: number for number in range(20)}
