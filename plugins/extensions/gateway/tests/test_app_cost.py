"""What a request leaves behind, and what it takes: no garbage for the collector, one write for a whole answer."""

from __future__ import annotations

import gc
import socket
import sys

import pytest

from backbay_gateway.exchange import Exchange

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the worker of Unix")

ASK = {"model": "acme:m", "messages": [{"role": "user", "content": "Hi."}]}


@pytest.mark.parametrize("body", [ASK, ASK | {"model": "acme"}, b"{"], ids=["answered", "no such model", "no JSON"])
def test_a_request_that_has_ended_is_freed_without_the_garbage_collector(one, chat, body) -> None:
    running, _ = one(chat)
    running.ask("/v1/chat/completions", body)
    running.until(lambda: running.live == 0)
    gc.collect()
    gc.disable()
    try:
        for _ in range(5):
            running.ask("/v1/chat/completions", body)
        running.until(lambda: running.live == 0)
        left = sum(type(each) is Exchange for each in gc.get_objects())
    finally:
        gc.enable()
    assert left <= 1  # A connection keeps its last request until the next one.


def test_head_and_body_of_a_whole_answer_come_in_one_piece(one, chat) -> None:
    running, _ = one(chat)
    body = b'{"model": "acme:m", "messages": [{"role": "user", "content": "Hi."}]}'
    head = (
        f"POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer {running.key}\r\n"
        f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", running.port), 5) as client:
        for _ in range(3):
            client.sendall(head.encode() + body)
            data = client.recv(2**16)
            front, _, rest = data.partition(b"\r\n\r\n")
            assert front.startswith(b"HTTP/1.1 200 OK\r\n")
            assert b"content-length: %d\r\n" % len(rest) in front + b"\r\n"
            assert b"Hello." in rest
        client.sendall(head.replace("\r\n\r\n", "\r\nconnection: close\r\n\r\n").encode() + body)
        data = client.recv(2**16)
        assert b"connection: close" in data.partition(b"\r\n\r\n")[0]
        assert client.recv(1) == b""
