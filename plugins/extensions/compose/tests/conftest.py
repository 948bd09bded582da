"""Backends whose schedule a test says, slow servers, and components of any shape."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from dataclasses import replace

import pytest

import backbay
from backbay.events import Ended, Started, Text, ToolDelta, UsageSeen
from backbay.response import Finish, Usage
from backbay.testing import Pause, Reply, ScriptedServer, sse
from backbay.testing.fake import FAKE_SPEC, FakeBackend
from backbay_compose import Component, Composer


class StagedBackend(FakeBackend):
    """Answers as ``say`` does: an async generator over a request, which yields texts and events."""

    def __init__(self, say, spec=FAKE_SPEC):
        super().__init__(spec)
        self.say = say

    async def _stream(self, request):
        self.requests.append(request)
        yield Started(request.model, f"answer-{len(self.requests)}")
        finish = Finish.STOP
        async for each in self.say(request):
            if isinstance(each, ToolDelta):
                finish = Finish.TOOL_CALLS
            yield Text(each) if isinstance(each, str) else each
        yield UsageSeen(Usage(input=1, output=1))
        yield Ended(finish, finish.value)


class Bundle(Component):
    """A component of any parts, shown one after the other."""

    def __init__(self, *parts):
        self.held = list(parts)

    def parts(self):
        return self.held

    def format_for_llm(self):
        from backbay_compose import TemplateRepresentation

        return TemplateRepresentation(
            obj=self, args={"all": self.held}, template="{% for one in all %}{{ one }}{% endfor %}"
        )


@pytest.fixture
def bundle():
    return Bundle


@pytest.fixture
def staged():
    """A composer over a backend that answers as an async generator says; ``can`` changes what it declares."""

    def make(say, can=None, **settings):
        spec = replace(FAKE_SPEC, capabilities=FAKE_SPEC.capabilities.with_(can)) if can else FAKE_SPEC
        return Composer(StagedBackend(say, spec), **settings)

    return make


@pytest.fixture
def echo(staged):
    """A composer whose model says ``<prompt>``, in two pieces, one turn of the loop apart."""

    async def say(request):
        yield "<"
        await asyncio.sleep(0)
        yield f"{request.messages[-1].text}>"

    return staged(say)


@pytest.fixture
def finish():
    """Runs a coroutine; what hangs fails."""

    def run(main, seconds=10):
        async def watched():
            return await asyncio.wait_for(main, seconds)

        return asyncio.run(watched())

    return run


def _chunk(delta, finish=None):
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return {"id": "1", "object": "chat.completion.chunk", "model": "m-1-served", "choices": [choice]}


@pytest.fixture
def said():
    """Returns a streamed answer of OpenAI's: pieces of text, each after a pause of some seconds."""

    def reply(*pieces, pause=0.0, before=0.0):
        steps = [Pause(before)] if before else []
        for piece in pieces:
            steps.append(sse(_chunk({"content": piece})))
            if pause:
                steps.append(Pause(pause))
        steps += [sse(_chunk({}, "stop")), sse("[DONE]")]
        return Reply(headers={"content-type": "text/event-stream"}, steps=steps)

    return reply


@pytest.fixture
def called():
    """Returns a streamed answer of OpenAI's: calls of tools, as (id, name, arguments)."""

    def reply(*calls):
        listed = [
            {"index": number, "id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}
            for number, (call_id, name, arguments) in enumerate(calls)
        ]
        return Reply.events(_chunk({"tool_calls": listed}), _chunk({}, "tool_calls"))

    return reply


@pytest.fixture
def served():
    """A server that answers by a script, and a composer over it; ``name`` says whose wire it speaks."""

    @contextmanager
    def serve(script, name="openai:m-1", *, connect=(), **settings):
        with ScriptedServer(script) as server:
            base_url = server.url.removesuffix("/v1") if name.startswith("ollama") else server.url
            backend = backbay.connect(name, base_url=base_url, api_key="k", retries=0, **dict(connect))
            yield server, Composer(backend, **settings)

    return serve
