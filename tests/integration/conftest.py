"""A chat server by script, and calls to it: over real loopback sockets, streamed and not."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import textwrap
from types import SimpleNamespace

import pytest

import backbay
from backbay.testing import Reply, ScriptedServer

KEY = "sk-test-0123456789abcdef"


class Chat:
    """Pieces of the chat wire, as plain data."""

    @staticmethod
    def delta(**delta):
        return {"id": "c-1", "model": "m-1", "choices": [{"index": 0, "delta": delta, "finish_reason": None}]}

    @staticmethod
    def finish(reason="stop", **more):
        return {"id": "c-1", "choices": [{"index": 0, "delta": {}, "finish_reason": reason}], **more}

    @staticmethod
    def usage(prompt=3, completion=2):
        return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}

    @staticmethod
    def call(index, fragment, *, id=None, name=None):
        function = {"arguments": fragment} | ({"name": name} if name else {})
        return {"index": index, "function": function} | ({"id": id, "type": "function"} if id else {})

    def whole(self, text="Hello.", *, finish="stop", model="m-1", **message):
        choice = {"message": {"role": "assistant", "content": text, **message}, "finish_reason": finish, "index": 0}
        return Reply.json({"id": "c-1", "model": model, "choices": [choice], "usage": self.usage()})

    def stream(self, *texts, finish="stop"):
        last = {"id": "c-1", "choices": [], "usage": self.usage()}
        return Reply.events(*(self.delta(content=text) for text in texts), self.finish(finish), last)

    def answer(self, text="Hello."):
        """Answer each request in the form that it asks for."""
        return lambda request: self.stream(text) if request.json["stream"] else self.whole(text)


@pytest.fixture
def chat():
    return Chat()


@pytest.fixture
def key():
    return KEY


@pytest.fixture
def connect():
    """Connect to a scripted server; no retries unless asked for."""

    def connected(server, reference="openai:m-1", **config):
        config = {"api_key": KEY, "retries": 0, **config}
        return backbay.connect(reference, base_url=server.url, **config)

    return connected


@pytest.fixture
def ask(connect):
    """Make one call to a script, by ``complete`` or ``stream``; return the answer or the error, and the server."""

    def asked(script, how="stream", messages="hi", *, config=None, **options):
        async def call(server):
            async with connect(server, **(config or {})) as backend:
                if how == "complete":
                    return await backend.complete(messages, **options)
                return await backend.stream(messages, **options).collect()

        with ScriptedServer(script) as server:
            try:
                return SimpleNamespace(response=asyncio.run(call(server)), error=None, server=server)
            except backbay.BackbayError as error:
                return SimpleNamespace(response=None, error=error, server=server)

    return asked


@pytest.fixture
def run_program():
    """Run a program in a process of its own, where any warning at all is a failure."""

    def run(source, *arguments):
        done = subprocess.run(
            [sys.executable, "-X", "dev", "-W", "error", "-c", textwrap.dedent(source), *map(str, arguments)],
            capture_output=True,
            text=True,
            timeout=30,
            env={**os.environ, "PYTHONASYNCIODEBUG": "0"},
        )
        assert done.returncode == 0, done.stderr
        for word in ("Warning", "Exception ignored", "Traceback", "never awaited", "was destroyed"):
            assert word not in done.stderr, done.stderr
        return done.stdout

    return run
