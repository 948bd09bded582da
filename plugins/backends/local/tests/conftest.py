from __future__ import annotations

import time

import pytest

from backbay import ToolSpec
from backbay_local.job import Job


@pytest.fixture
def tools():
    def tool(name, description, **properties):
        parameters = {
            "type": "object",
            "properties": {key: {"type": kind} for key, kind in properties.items()},
            "required": list(properties),
        }
        return ToolSpec(name=name, description=description, parameters=parameters)

    return [
        tool("get_weather", "Get the weather", city="string"),
        tool("add", "Add two numbers", a="integer", b="integer"),
    ]


@pytest.fixture
def person():
    return {
        "type": "object",
        "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
        "required": ["name", "age"],
        "additionalProperties": False,
    }


@pytest.fixture
def loads(monkeypatch):
    """Records each engine that is made, and still makes it."""
    import xllamacpp

    made = []
    real = xllamacpp.Server

    def server(parameters):
        made.append(parameters.embedding)
        return real(parameters)

    monkeypatch.setattr(xllamacpp, "Server", server)
    return made


@pytest.fixture
def emitted(monkeypatch):
    """Records the chunks that the engine gives, and makes it a slow one: 2 ms a chunk."""
    chunks = []
    real = Job._emit

    def emit(self, chunk):
        chunks.append(chunk)
        time.sleep(0.002)
        return real(self, chunk)

    monkeypatch.setattr(Job, "_emit", emit)
    return chunks
