"""What a call and a chunk cost, counted and not timed: how many functions are called for one, of Python's and of C's.

The counts say the same on every machine. A bound is some fifteen percent above what was counted when it was set; one
that is passed says that a hot path grew: look at it, and set the bound anew if the growth is worth it.
"""

from __future__ import annotations

import asyncio
import gc
import sys

import pytest

import backbay
from backbay.testing import Reply, ScriptedServer, sse

CHUNKS = 400
CALL_BOUND = 605
BLOCKING_BOUND = 145
CHUNK_BOUND = 47
WHOLE = Reply.json(
    {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "model": "m-1",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hi."}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
    }
)


def chunk(text=None, finish=None):
    delta = {} if text is None else {"content": text}
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return {"id": "c-1", "object": "chat.completion.chunk", "model": "m-1", "choices": [choice]}


def streamed(count):
    """Return a stream in one write, as a burst comes."""
    events = [*(chunk("word ") for _ in range(count)), chunk(finish="stop")]
    body = b"".join([*map(sse, events), sse("[DONE]")])
    return Reply(headers={"content-type": "text/event-stream"}, steps=[body])


class Counter:
    """Counts calls on this thread while it is on."""

    def __init__(self):
        self.count = 0

    def __enter__(self):
        gc.collect()
        gc.disable()
        sys.setprofile(self._see)
        return self

    def __exit__(self, *failure):
        sys.setprofile(None)
        gc.enable()

    def _see(self, frame, event, argument):
        if event in ("call", "c_call"):
            self.count += 1


def counted(reply, ask):
    """Return the fewest calls of five, after two to warm up."""

    async def main():
        found = []
        with ScriptedServer(reply) as server:
            async with backbay.connect("openai:m-1", api_key="sk-test", base_url=server.url) as backend:
                for number in range(7):
                    with Counter() as counter:
                        await ask(backend)
                    if number >= 2:
                        found.append(counter.count)
        return min(found)

    return asyncio.run(main())


async def complete(backend):
    assert (await backend.complete("Hi.")).text == "Hi."


async def read(backend):
    async with backend.stream("Hi.") as stream:
        async for _ in stream:
            continue
        assert stream.response.finish == "stop"


@pytest.mark.skipif(sys.gettrace() is not None or sys.getprofile() is not None, reason="something else counts calls")
def test_a_call_takes_no_more_function_calls_than_it_did():
    count = counted(WHOLE, complete)
    assert count <= CALL_BOUND, f"{count} function calls for one complete()"


@pytest.mark.skipif(sys.gettrace() is not None or sys.getprofile() is not None, reason="something else counts calls")
def test_a_chunk_takes_no_more_function_calls_than_it_did():
    many, few = counted(streamed(CHUNKS), read), counted(streamed(CHUNKS // 2), read)
    each = (many - few) / (CHUNKS - CHUNKS // 2)
    assert each <= CHUNK_BOUND, f"{each:.2f} function calls for one chunk"


@pytest.mark.skipif(sys.gettrace() is not None or sys.getprofile() is not None, reason="something else counts calls")
def test_a_blocking_call_takes_few_function_calls_more_than_one_that_is_awaited_and_all_on_its_own_thread():
    """Were any of the work on another thread, this one would count fewer and not more."""
    found = []
    with ScriptedServer(WHOLE) as server:
        with backbay.connect_sync("openai:m-1", api_key="sk-test", base_url=server.url) as backend:
            for _ in range(7):
                with Counter() as counter:
                    assert backend.complete("Hi.").text == "Hi."
                found.append(counter.count)
    more = min(found[2:]) - counted(WHOLE, complete)
    assert 0 < more <= BLOCKING_BOUND, f"{more} function calls more for one blocking complete()"
