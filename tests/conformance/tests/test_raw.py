"""What the suite says where a plugin declares raw text, and its emulator has none; and how connections are heard."""

from __future__ import annotations

import socket
import threading

import pytest

from backbay_conformance.auditing import connections
from backbay_conformance.saboteurs import HONEST
from backbay_conformance.subject import Subject
from backbay_conformance.vendors.openai_chat import OpenAIChatVendor

WITHOUT = """
from backbay_conformance import BackendConformance, Vendor
from backbay_conformance.saboteurs import HONEST
from backbay_conformance.vendors.openai_chat import OpenAIChatVendor

class Older(OpenAIChatVendor):
    raw = Vendor.raw
    read_raw = Vendor.read_raw

class TestOlder(BackendConformance):
    spec = HONEST
    vendor = Older
"""
LAW = "test_what_follows_a_raw_text_is_the_canonical_answer"


def test_an_emulator_without_raw_text_is_told_what_to_write(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(WITHOUT)
    result = pytester.runpytest_subprocess("-q", "-p", "no:cacheprovider", "-p", "no:xdist", "-x", "-k", LAW)
    assert result.parseoutcomes().get("failed") == 1
    result.stdout.fnmatch_lines(["*declares complete_raw*Older*Write the methods raw and read_raw*"])


def test_what_an_emulator_gives_in_place_of_a_request_is_named() -> None:
    class Wrong(OpenAIChatVendor):
        def read_raw(self, request: object) -> str:  # type: ignore[override]
            return "a request"

    subject = Subject(HONEST, vendor=Wrong)
    with pytest.raises(Exception, match="RawAsked"):
        subject.the_vendor.read_raw(None)  # type: ignore[arg-type]
    assert subject.problems


def test_connections_and_look_ups_are_heard_on_every_thread_while_one_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

        def connect() -> None:
            with socket.create_connection(("localhost", port), timeout=2):
                return

        connect()
        with connections() as heard, connections() as also:
            thread = threading.Thread(target=connect)
            thread.start()
            thread.join()
        connect()
    assert next((each.event, each.host, each.port) for each in heard) == ("socket.getaddrinfo", "localhost", port)
    assert ("socket.connect", "127.0.0.1", port) in [(each.event, each.host, each.port) for each in heard]
    assert heard == also
    assert str(heard[-1]) == f"socket.connect to 127.0.0.1:{port}"
    assert len(heard) <= 3


def test_a_socket_of_this_machine_has_no_port(tmp_path: object) -> None:
    with connections() as heard, socket.socket(socket.AF_UNIX) as one, pytest.raises(OSError, match="No such file"):
        one.connect(f"{tmp_path}/nobody")
    assert [(each.host, each.port) for each in heard] == [(f"{tmp_path}/nobody", None)]


def test_a_refused_connection_is_heard_too() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with connections() as heard, socket.socket() as one:
        one.connect_ex(("127.0.0.1", port))
    assert [(each.event, each.port) for each in heard] == [("socket.connect", port)]
