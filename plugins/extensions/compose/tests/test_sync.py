"""The composer that blocks."""

from __future__ import annotations

import asyncio

import pytest

import backbay
from backbay.errors import LoopError
from backbay.testing import Pause, Reply, ScriptedServer
from backbay_compose import CBlock, ChatContext, Instruction, SimpleContext, SyncComposer, run_tools


def chunk(text, finish=None):
    choice = {"index": 0, "delta": {"content": text} if text else {}, "finish_reason": finish}
    return {"id": "1", "object": "chat.completion.chunk", "model": "m-1", "choices": [choice]}


def test_a_real_model_answers_and_its_answer_is_told_to_it_again():
    with SyncComposer("local:tiny") as composer:
        thunk, context = composer.generate_from_context(CBlock("What can you do?"), ChatContext())
        assert "".join(composer.stream(thunk)) == composer.value(thunk) == thunk.value
        assert list(composer.stream(thunk)) == []
        lazy, context = composer.generate_from_context(
            Instruction("Say it again: {{ said }}", {"said": thunk}), context, lazy=True
        )
        assert not lazy.is_computed()
        composer.walk(lazy, concurrency=1, deadline=60)
        assert lazy.is_computed()
        assert len(context) == 4


def test_on_a_loops_own_thread_it_is_refused():
    async def main():
        with pytest.raises(LoopError):
            composer.generate_from_context(CBlock("Hi."), SimpleContext())

    with SyncComposer("local:tiny") as composer:
        asyncio.run(main())


def test_cancel_ends_the_request_and_keeps_what_came():
    slow = Reply.events(chunk("One, "), chunk("two"), pause=0.05, done=False)
    reply = Reply(headers=slow.headers, steps=[*slow.steps, Pause(5)])
    with ScriptedServer(reply) as server:
        backend = backbay.connect("openai:m-1", api_key="sk-test", base_url=server.url)
        with SyncComposer(backend) as composer:
            thunk, _ = composer.generate_from_context(CBlock("Count."), SimpleContext())
            pieces = composer.stream(thunk)
            assert next(pieces) == "One, "
            composer.cancel(thunk)
            assert thunk.cancelled
            assert "One, two".startswith(thunk.value)
            assert server.wait_for(lambda seen: bool(seen.hangups), 1.0)
        backbay.SyncBackend(backend).close()


def test_the_package_s_own_coroutines_can_be_waited_for():
    def add(first: int, second: int) -> int:
        """Add two numbers."""
        return first + second

    with SyncComposer("local:tiny") as composer:
        work = run_tools(composer.composer, CBlock("Add 2 and 3."), ChatContext(), tools=[add], rounds=3)
        thunk, context = composer.wait(work)
        assert thunk.is_computed()
        assert len(context) == 4
