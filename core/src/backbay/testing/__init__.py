"""Helpers for tests of programs and plugins: a canned backend, and a scripted server on a real socket.

``ScriptedServer`` says byte for byte what a client gets, and when; a mock that hands over whole bodies would hide the
defects that matter most (errors on streams, split characters, sockets left open).
"""

from __future__ import annotations

from .fake import FakeBackend, connect_fake
from .scripted import Pause, Received, Reply, ScriptedServer, Step, sse

__all__ = ["FakeBackend", "Pause", "Received", "Reply", "ScriptedServer", "Step", "connect_fake", "sse"]
