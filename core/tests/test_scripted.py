"""The scripted server leaves nothing behind, whenever it is left."""

from __future__ import annotations

import gc
import socket
import sys
import time
import warnings

from backbay.testing import Reply, ScriptedServer


def test_a_client_that_came_a_moment_before_the_end_leaves_no_socket_open(monkeypatch):
    found = []
    monkeypatch.setattr(sys, "unraisablehook", found.append)
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        for number in range(300):
            with ScriptedServer(Reply()) as server:
                client = socket.create_connection(("127.0.0.1", server.port))
                time.sleep(number % 20 * 2e-5)
            client.close()
            if number % 50 == 49:
                gc.collect()
    assert not found
    assert not warned
