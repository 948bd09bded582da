"""Batches on Ray: the same answers as without, nothing lost with a worker, and a cluster that vanishes is said.

Each test starts a cluster of its own on this machine, in the process of the command, as a user would.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path

import pytest

import backbay
from backbay import ConfigurationError
from backbay.testing import Pause, Reply, ScriptedServer
from backbay_batch import BatchSetupError, Target
from backbay_ray import RayEngine
from backbay_ray.cluster import workers

LINES = 30
ANSWER = json.dumps(
    {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "model": "m-1",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hi."}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
    }
).encode()
SLOW = Reply(headers={"content-type": "application/json"}, steps=[Pause(0.25), ANSWER])

pytestmark = pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="finds its processes in /proc")


def requests(path, prompt, count=LINES):
    with path.open("w", encoding="utf-8") as file:
        for number in range(count):
            body = {"messages": [{"role": "user", "content": prompt.format(number)}], "max_tokens": 12, "seed": 1}
            line = {"custom_id": f"r{number}", "method": "POST", "url": "/v1/chat/completions", "body": body}
            file.write(json.dumps(line) + "\n")
    return path


class Command:
    """``backbay batch run``, or another command, with a mark by which all its processes are known."""

    def __init__(self, folder, output, *words, command=None, **variables):
        self.mark = uuid.uuid4().hex
        environment = {**os.environ, "HOME": str(folder), "BACKBAY_RAY_WORKERS": "2", "RAY_TEST_MARK": self.mark}
        environment.pop("RAY_ADDRESS", None)
        batch = [
            "-m",
            "backbay_cli",
            "batch",
            "run",
            str(folder / "requests.jsonl"),
            "-o",
            str(folder / output),
            *words,
        ]
        self.process = subprocess.Popen(
            [sys.executable, "-P", *(command or batch)],
            env={**environment, **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def processes(self, name):
        """Return the ids of its processes whose command line has ``name`` in it."""
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                ours = self.mark.encode() in (entry / "environ").read_bytes()
                if ours and name in (entry / "cmdline").read_bytes():
                    found.append(int(entry.name))
            except OSError:
                continue
        return found

    def end(self):
        """Return the exit code and what was said."""
        try:
            said, _ = self.process.communicate(timeout=100)
        finally:
            for number in self.processes(b""):
                os.kill(number, signal.SIGKILL)
        return self.process.returncode, said


def texts(path):
    """Return what was answered, by the line's id."""
    found = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        record = json.loads(line)
        assert record["custom_id"] not in found
        assert record["error"] is None, record
        found[record["custom_id"]] = record["response"]["body"]["choices"][0]["message"]["content"]
    return found


def test_the_same_input_gives_the_same_output_with_either_engine(tmp_path):
    requests(tmp_path / "requests.jsonl", "What is {} plus 1?", 200)
    for engine in ("ray", "local"):
        code, said = Command(tmp_path, f"{engine}.jsonl", "--backend", "local:tiny", "--engine", engine).end()
        assert code == 0, said
    found = texts(tmp_path / "ray.jsonl")
    assert len(found) == 200
    assert found == texts(tmp_path / "local.jsonl")


COMPOSED = """
import asyncio, threading
from backbay_batch import BatchEngineError, Caller
from backbay_compose import CBlock, ChatContext, Composer
from backbay_ray.cluster import cluster


async def main(engine):
    async with Composer("local:tiny", engine=engine, model_options={"max_tokens": 6, "seed": 1}) as composer:
        thunks = await composer.generate_from_raw([CBlock(f"The number {number} is") for number in range(20)])
        said, context = await composer.generate_from_context(CBlock("Hello"), ChatContext())
        answer, _ = await composer.generate_from_context(CBlock("And?"), context)
        found = [thunk.value for thunk in thunks] + [await said.avalue(), await answer.avalue()]
        mixed = [CBlock("One, two,"), CBlock("far too long " * 20000), CBlock("One, two,")]
        first, failed, last = await composer.generate_from_raw(mixed)
        assert first.value == last.value and failed.value == "" and not first.error, (first, failed.error, last)
        return found, type(failed.error).__name__, failed.error.message


async def others():
    async with Composer("local:tiny", engine="ray") as composer:
        with_limit = composer.generate_from_raw([CBlock(f"{n}") for n in range(500)], model_options={"max_tokens": 400})
        try:
            await asyncio.wait_for(with_limit, 0.3)
        except TimeoutError:
            pass
        else:
            raise AssertionError("that was too quick to be cancelled")
        [again] = await composer.generate_from_raw([CBlock("a")], model_options={"max_tokens": 2, "seed": 1})
        assert again.value is not None and again.error is None
        async with Caller(composer.backend, name="local:tiny", engine="ray") as caller:
            try:
                await caller.complete("a", stop=threading.Lock())
            except BatchEngineError as error:
                assert "cannot travel" in error.message, error
            else:
                raise AssertionError("a lock was sent to another process")


with cluster():  # One for all of it, as a program may have.
    plain, through_ray = asyncio.run(main(None)), asyncio.run(main("ray"))
    assert plain == through_ray, (plain, through_ray)
    asyncio.run(others())
print("the same")
"""


def test_a_composer_gets_the_same_answers_errors_and_order_through_ray(tmp_path):
    code, said = Command(tmp_path, "", command=["-W", "ignore", "-c", COMPOSED]).end()
    assert code == 0, said
    assert said.splitlines()[-1] == "the same"


def test_a_worker_that_is_killed_loses_nothing(tmp_path):
    requests(tmp_path / "requests.jsonl", "Hi {}")
    with ScriptedServer(SLOW) as server:
        words = ["--backend", "openai:m-1", "--engine", "ray", "--concurrency", "4"]
        command = Command(tmp_path, "results.jsonl", *words, OPENAI_BASE_URL=server.url, OPENAI_API_KEY="sk-test")
        assert server.wait_for(lambda seen: len(seen.requests) >= 6, 90), command.end()
        killed = command.processes(b"ray::Worker")
        assert killed
        for number in killed:  # one alone might have nothing to do just then
            os.kill(number, signal.SIGKILL)
        code, said = command.end()
        assert code == 0, said
        assert len(texts(tmp_path / "results.jsonl")) == LINES
        assert LINES <= len(server.requests) <= LINES + 4, "what the workers had is asked for again, and no more"


def test_a_cluster_that_vanishes_is_said_and_the_same_command_goes_on(tmp_path):
    requests(tmp_path / "requests.jsonl", "Hi {}")
    with ScriptedServer(SLOW) as server:
        variables = {"OPENAI_BASE_URL": server.url, "OPENAI_API_KEY": "sk-test"}
        words = ["--backend", "openai:m-1", "--concurrency", "4"]
        command = Command(tmp_path, "results.jsonl", *words, "--engine", "ray", **variables)
        assert server.wait_for(lambda seen: len(seen.requests) >= 6, 90), command.end()
        for name in (b"raylet", b"gcs_server", b"ray::"):
            for number in command.processes(name):
                os.kill(number, signal.SIGKILL)
        began = time.monotonic()
        code, said = command.end()
        assert code not in (0, 130), said
        assert time.monotonic() - began < 60
        assert "Run the same command again" in said
        code, said = Command(tmp_path, "results.jsonl", *words, **variables).end()
        assert code == 0, said
        assert len(texts(tmp_path / "results.jsonl")) == LINES
        assert len(server.requests) <= LINES + 8, "only what was under way is asked for again"


def test_a_backend_that_is_an_object_cannot_travel():
    async def main():
        async with backbay.connect("local:tiny") as backend:
            outcomes = RayEngine().run(aiter_of([]), Target(backend=backend))
            with pytest.raises(BatchSetupError, match="by its name"):
                await anext(outcomes)

    async def aiter_of(items):
        for item in items:
            yield item

    asyncio.run(main())


def test_a_wrong_number_of_workers_is_refused(monkeypatch):
    monkeypatch.setenv("BACKBAY_RAY_WORKERS", "many")
    with pytest.raises(ConfigurationError, match="BACKBAY_RAY_WORKERS"):
        workers(None, 4)
    monkeypatch.setenv("BACKBAY_RAY_WORKERS", "64")
    assert workers(None, 4) == 4, "no more than calls may be under way"
