"""A backend that is closed while a call runs: the call ends, says so, and is not sent again."""

from __future__ import annotations

import asyncio

import pytest

import backbay
from backbay.testing import Pause, Reply, ScriptedServer


@pytest.mark.parametrize("how", ["complete", "stream"])
def test_a_call_that_runs_when_its_backend_is_closed_is_not_sent_again(how):
    async def closed_under(server):
        backend = backbay.connect("openai:any", api_key="a-key", base_url=server.url, retries=2)
        call = backend.complete("hi") if how == "complete" else backend.stream("hi").collect()
        task = asyncio.create_task(call)
        while not server.requests:
            await asyncio.sleep(0.01)
        await backend.aclose()
        with pytest.raises(backbay.ClosedError):
            await asyncio.wait_for(task, 1)

    with ScriptedServer([Reply(steps=[Pause(1.5), b"{}"])] * 3) as server:
        asyncio.run(closed_under(server))
        assert len(server.requests) == 1
