"""Byte schedules put on the socket what their names say."""

from __future__ import annotations

import socket
import time

import pytest

from backbay.testing import Pause
from backbay_conformance import schedules
from backbay_conformance.schedules import BROKEN, SCHEDULES, STALLED, WHOLE, ScheduledServer

BODY = "Zdravo, čovječe 🌍".encode() * 3
REQUEST = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"


def _came(reply, seconds=2.0):
    """Return the bytes that come on a raw connection, and how it ended: by its end, a reset, or silence."""
    data = b""
    with ScheduledServer(reply) as server, socket.create_connection(("127.0.0.1", server.port)) as connection:
        connection.sendall(REQUEST)
        until = time.monotonic() + seconds
        try:
            while True:
                connection.settimeout(max(until - time.monotonic(), 0.001))
                if not (piece := connection.recv(65536)):
                    break
                data += piece
        except ConnectionResetError:
            return data, "reset"
        except TimeoutError:
            return data, "silence"
    return data, "end"


def _unchunked(data):
    body, rest = b"", data.partition(b"\r\n\r\n")[2]
    while size := int((line := rest.partition(b"\r\n"))[0], 16):
        body, rest = body + line[2][:size], line[2][size + 2 :]
    return body


def test_every_schedule_has_its_own_name_and_the_names_say_what_the_issue_wants():
    assert len(SCHEDULES) == len(WHOLE) + len(BROKEN) + len(STALLED)
    assert {schedule.ends for schedule in SCHEDULES.values()} == {"whole", "broken", "stalled"}
    assert len({str(schedule) for schedule in SCHEDULES.values()}) == len(SCHEDULES)


@pytest.mark.parametrize(
    "schedule", [one for one in WHOLE if one.make(BODY, "text/plain").framing == "chunked"], ids=str
)
def test_a_whole_schedule_brings_all_of_the_body(schedule):
    data, ended = _came(schedule.make(BODY, "text/plain"), 1.2)
    assert (_unchunked(data), ended) == (BODY, "silence")  # the connection is kept


@pytest.mark.parametrize(("size", "count"), [(1, len(BODY)), (7, -(-len(BODY) // 7))])
def test_pieces_are_of_the_size_that_was_asked_for(size, count):
    found = schedules.pieces(BODY, size)
    assert (len(found), b"".join(found)) == (count, BODY)


def test_a_cut_within_characters_leaves_no_piece_that_is_text():
    found = schedules.within_characters(BODY)
    assert b"".join(found) == BODY
    assert len(found) == 1 + sum(byte >= 0xC0 for byte in BODY)
    for piece in found:
        with pytest.raises(UnicodeDecodeError):
            piece.decode()


def test_half_closed_means_that_the_server_ends_and_still_listens():
    reply = SCHEDULES["half-closed in mid-stream"].make(BODY, "text/plain")
    with ScheduledServer(reply) as server, socket.create_connection(("127.0.0.1", server.port)) as connection:
        connection.sendall(REQUEST)
        connection.settimeout(2)
        data = b""
        while piece := connection.recv(65536):
            data += piece
        assert data.endswith(BODY[: len(BODY) // 2])
        for _ in range(3):  # A server that had closed both directions would answer these with a reset.
            connection.sendall(b"more")
            time.sleep(0.02)
        assert connection.recv(10) == b""


@pytest.mark.parametrize(
    ("name", "ended"),
    [("reset in mid-stream", "reset"), ("reset before the first byte", "reset"), ("no last chunk", "end")],
)
def test_a_broken_schedule_ends_as_it_says(name, ended):
    assert _came(SCHEDULES[name].make(BODY, "text/plain"))[1] == ended


@pytest.mark.parametrize(
    ("name", "length"), [("content length too long", len(BODY) + 10), ("content length too short", len(BODY) // 2)]
)
def test_a_length_is_wrong_as_it_says_and_the_body_comes_all_the_same(name, length):
    data, _ = _came(SCHEDULES[name].make(BODY, "text/plain"))
    assert b"content-length: %d\r\n" % length in data
    assert data.endswith(BODY)


@pytest.mark.parametrize("schedule", STALLED, ids=str)
def test_a_stalled_schedule_does_not_end(schedule):
    data, ended = _came(schedule.make(BODY, "text/plain"), 0.3)
    assert ended == "silence"
    assert BODY not in data


def test_surplus_bytes_follow_at_once_or_later():
    at_once = schedules.surplus(b"{}", "application/json", b"stray", after=0)
    assert next(step for step in at_once.steps if not isinstance(step, Pause)).endswith(b"{}stray")
    data, ended = _came(schedules.surplus(b"{}", "application/json", b"stray", after=0.05), 0.4)
    assert data.endswith(b"content-length: 2\r\n\r\n{}stray")
    assert ended == "silence"
