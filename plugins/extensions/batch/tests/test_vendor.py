"""Lines left to a vendor's own batches: nothing handed over twice, whatever ends the run, and the same output."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
import time
from email.message import Message
from typing import Any

import pytest

import backbay
from backbay import BackbayError, BackendSpec, Capabilities
from backbay.connecting import build
from backbay.testing import Pause, Received, Reply, ScriptedServer
from backbay_batch import (
    BatchEngineError,
    BatchSetupError,
    ChangedBatchError,
    Control,
    flat_price,
    run_batch,
    run_vendor_batch,
    vendor_lines,
)
from backbay_batch.setup import Files as BatchFiles
from backbay_batch.vendor import run
from backbay_batch.vendor_setup import VendorBatch, cancel, with_facet

CAN = "generate streaming system_prompt temperature max_tokens usage embeddings batches"
SPECS = {
    wire: BackendSpec(
        name="acme",
        wires=(wire,),
        base_url_env=("ACME_BASE_URL",),
        requires_credential=False,
        capabilities=Capabilities.of(full=CAN),
        defaults={"max_tokens": 50} if wire == "anthropic_messages" else {},
    )
    for wire in ("openai_chat", "anthropic_messages")
}
SAYS_NO = {"error": {"message": "no", "type": "invalid_request_error"}}


class Desk:
    """A vendor with batches on one wire, whose batches end when they are told to."""

    def __init__(self, wire: str) -> None:
        self.wire = wire
        self.made: dict[str, dict[str, Any]] = {}
        self.created: list[list[str]] = []
        """The prompts of each batch."""
        self.calls = 0
        self.ends = 1
        """Looks after which a batch has ended."""
        self.creations: list[Any] = []
        """What befalls the next creations: "lost" or "slow" after they were made, "gone" before; or a reply."""
        self.failing: set[str] = set()
        self.leaves_out: set[str] = set()
        self.breaks = 0
        self.files: dict[str, bytes] = {}
        self.server = ScriptedServer(self._reply)

    @property
    def prompts(self) -> list[str]:
        """All prompts that were ever handed over, each as often as it was."""
        return [prompt for each in self.created for prompt in each]

    def _reply(self, request: Received) -> Reply:
        path, _, query = request.path.removeprefix("/v1/").partition("?")
        if path.endswith(("chat/completions", "messages")):
            self.calls += 1
            return Reply.json(self._answer(request.json))
        if path == "files":
            name = f"file-{len(self.files)}"
            self.files[name] = _file_of(request)
            return Reply.json({"id": name})
        if path in ("batches", "messages/batches") and request.method == "POST":
            return self._create(request)
        if query:
            listed = [self._told(each) for each in self.made.values()]
            return Reply.json({"data": listed[::-1], "has_more": False})
        if path.startswith("files/"):
            return self._results(self.made[path.split("/")[1]])
        found = self.made.get(path.removeprefix("messages/").split("/")[1])
        if found is None:
            return Reply.json(SAYS_NO, status=404)
        if path.endswith("/results"):
            return self._results(found)
        if path.endswith("/cancel"):
            found["cancelled"] = True
        else:
            found["looks"] += 1
        return Reply.json(self._told(found))

    def _create(self, request: Received) -> Reply:
        fate = self.creations.pop(0) if self.creations else None
        if isinstance(fate, Reply):
            return fate
        if fate == "gone":  # before it was made
            return Reply(framing="raw", end="reset")
        given = request.json
        if self.wire == "openai_chat":
            rows = [json.loads(each) for each in self.files[given["input_file_id"]].splitlines() if each]
            asked = {row["custom_id"]: row["body"] for row in rows}
        else:
            asked = {row["custom_id"]: row["params"] for row in given["requests"]}
        name = f"batch_{len(self.made)}"
        made = {"id": name, "asked": asked, "looks": 0, "at": time.time(), "metadata": given.get("metadata")}
        self.made[name] = made
        self.created.append([body["messages"][-1]["content"] for body in asked.values()])
        if fate == "slow":
            return Reply(steps=[Pause(30)])
        return Reply(framing="raw", end="reset") if fate == "lost" else Reply.json(self._told(made))

    def _told(self, made: dict[str, Any]) -> dict[str, Any]:
        ended = made["looks"] >= self.ends or made.get("cancelled")
        total = len(made["asked"])
        if self.wire == "openai_chat":
            status = "cancelled" if made.get("cancelled") else "completed" if ended else "in_progress"
            counts = {"total": total, "completed": total if ended else 0, "failed": 0}
            more = {"output_file_id": made["id"]} if ended else {}
            told = {"status": status, "request_counts": counts, "metadata": made["metadata"], **more}
            return {"id": made["id"], "created_at": int(made["at"]), **told}
        counts = {"processing": 0 if ended else total, "succeeded": total if ended else 0}
        at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(made["at"]))
        return {"id": made["id"], "processing_status": "ended" if ended else "in_progress", "request_counts": counts, "created_at": at}  # fmt: skip  # noqa: E501

    def _results(self, made: dict[str, Any]) -> Reply:
        written = []
        for custom_id, body in reversed(made["asked"].items()):
            prompt = body["messages"][-1]["content"]
            if prompt in self.leaves_out or made.get("cancelled"):
                continue
            written.append(json.dumps(self._line(custom_id, body, failed=prompt in self.failing)).encode() + b"\n")
        if self.breaks:
            self.breaks -= 1
            return Reply(steps=written[: len(written) // 2], end="cut")
        return Reply(steps=written)

    def _line(self, custom_id: str, body: dict[str, Any], *, failed: bool) -> dict[str, Any]:
        if self.wire == "openai_chat":
            status = 400 if failed else 200
            inside = SAYS_NO if failed else self._answer(body)
            return {"custom_id": custom_id, "response": {"status_code": status, "body": inside}, "error": None}
        if failed:
            return {"custom_id": custom_id, "result": {"type": "errored", "error": {"type": "error", **SAYS_NO}}}
        return {"custom_id": custom_id, "result": {"type": "succeeded", "message": self._answer(body)}}

    def _answer(self, body: dict[str, Any]) -> dict[str, Any]:
        text = f"echo {body['messages'][-1]['content']}"
        if self.wire == "openai_chat":
            choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
            usage = {"prompt_tokens": 10, "completion_tokens": 5}
            return {"id": "a1", "model": "acme-1", "choices": [choice], "usage": usage}
        content, usage = [{"type": "text", "text": text}], {"input_tokens": 10, "output_tokens": 5}
        return {"id": "a1", "model": "acme-1", "content": content, "stop_reason": "end_turn", "usage": usage}


def _file_of(request: Received) -> bytes:
    head = Message()
    head["content-type"] = request.headers["content-type"]
    boundary = str(head.get_param("boundary")).encode()
    part = next(each for each in request.body.split(b"--" + boundary) if b'name="file"' in each)
    return part.partition(b"\r\n\r\n")[2].removesuffix(b"\r\n")


@pytest.fixture(params=SPECS)
def desk(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch):
    found = Desk(request.param)
    with found.server, backbay.register("acme", SPECS[request.param]):
        monkeypatch.setenv("ACME_BASE_URL", found.server.url)
        yield found


@pytest.fixture
def openai_desk(monkeypatch: pytest.MonkeyPatch):
    found = Desk("openai_chat")
    with found.server, backbay.register("acme", SPECS["openai_chat"]):
        monkeypatch.setenv("ACME_BASE_URL", found.server.url)
        yield found


class Clock:
    """Waits for nothing, and remembers for how long it should have."""

    def __init__(self) -> None:
        self.pauses: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        await asyncio.sleep(0)


@pytest.fixture
def go(files):
    """Runs a batch over the test's files without waiting."""

    def run_now(
        backend: Any = "acme:acme-1", *, clock: Clock | None = None, control: Control | None = None, **more: Any
    ):
        given = {name: more.pop(name) for name in ("ordered", "restart") if name in more}
        price, told = more.pop("price", None), more.pop("told", [])
        left = VendorBatch(
            files=BatchFiles(input=files.input, output=files.output, **given),
            backend=backend,
            arguments={"retries": 0, **more},
            price=price,
        )
        return asyncio.run(run(left, control=control, tell=told.append, sleep=(clock or Clock()).sleep))

    return run_now


def stopping_after(looks: int, control: Control) -> Clock:
    """Return a clock that stops the run at its nth wait."""
    clock = Clock()

    async def sleep(seconds: float) -> None:
        clock.pauses.append(seconds)
        if len(clock.pauses) >= looks:
            control.stop()
        await asyncio.sleep(0)

    clock.sleep = sleep  # type: ignore[method-assign]
    return clock


def test_every_line_is_answered_in_one_batch_and_in_the_inputs_order(desk, files, go):
    ids = files.many(20, temperature=0.5)
    summary = go(price=flat_price(1000, 2000))
    assert summary.ok
    assert (summary.answered, summary.asked, summary.input_tokens, summary.output_tokens) == (20, 20, 200, 100)
    assert summary.cost == pytest.approx(20 * (0.01 + 0.01))
    assert [each["custom_id"] for each in files.results] == ids
    assert files.text("r7") == "echo r7"
    assert (len(desk.created), desk.calls) == (1, 0)


def test_the_output_is_that_of_line_by_line_calls(openai_desk, files, go):
    files.many(5)
    go()
    other = files.folder / "other.jsonl"
    asyncio.run(run_batch(files.input, other, backend="acme:acme-1"))
    assert other.read_bytes() == files.output.read_bytes()
    assert openai_desk.calls == 5


def test_results_stand_as_the_vendor_gives_them_where_no_order_is_wanted(desk, files, go):
    ids = files.many(9)
    go(ordered=False)
    assert [each["custom_id"] for each in files.results] == ids[::-1]


def test_a_failing_line_is_that_lines_error(desk, files, go, line):
    desk.failing = {"b"}
    files.write(line("a"), line("b"), "nonsense", line("c", temperature=-1), line("d"))
    summary = go()
    assert (summary.answered, summary.failed, summary.bad) == (2, 2, 1)
    failed = {each["custom_id"]: each for each in files.results if each["error"]}
    assert failed["b"]["response"]["status_code"] == 400
    assert "temperature" in failed["c"]["error"]["message"]
    assert desk.prompts == ["a", "b", "d"]
    go()
    assert desk.prompts == ["a", "b", "d"]


def test_embeddings_are_refused_line_by_line(desk, files, go, line):
    files.write(line("a"), {"custom_id": "e", "url": "/v1/embeddings", "body": {"model": "m", "input": "x"}})
    assert go().answered == 1
    assert "line by line" in files.results[1]["error"]["message"]


def test_an_interrupted_run_waits_for_the_same_batch_again(desk, files, go):
    desk.ends = 5
    files.many(10)
    control = Control()
    summary = go(control=control, clock=stopping_after(2, control))
    assert (summary.stopped, summary.waiting) == ("interrupted", 10)
    assert "batch_0" in summary.reason
    assert "backbay batch cancel" in summary.reason
    assert files.results == []
    clock = Clock()
    assert go(clock=clock).ok
    assert len(desk.created) == 1
    assert len(files.results) == 10


def test_the_vendor_is_asked_at_a_growing_distance(desk, files, go):
    desk.ends = 12
    files.many(2)
    clock = Clock()
    go(clock=clock)
    assert clock.pauses[:3] == [5.0, 7.5, 11.25]
    assert max(clock.pauses) == 60.0
    assert len(clock.pauses) == 12


@pytest.mark.parametrize("fate", ["lost", "gone"])
def test_a_creation_whose_answer_is_lost_is_looked_for_before_it_is_made_again(desk, files, go, fate):
    desk.creations = [fate]
    files.many(10)
    with pytest.raises(BatchEngineError, match="not known whether") as caught:
        go()
    assert "in a minute" in caught.value.hint
    told: list[str] = []
    assert go(told=told).ok
    assert len(desk.created) == 1
    assert ("has no batch" in told[0]) is (fate == "gone")
    assert sorted(desk.prompts) == sorted(f"r{n}" for n in range(10))


def test_a_batch_that_only_looks_like_the_lost_one_is_told_by_its_ids(desk, files, go):
    desk.creations = ["gone"]
    files.many(3)
    with pytest.raises(BatchEngineError):
        go()

    async def somebody_elses() -> None:
        async with backbay.connect("acme:acme-1") as backend:
            await backend.create_batch([backend.batch_request(f"x-{n}", "x") for n in range(3)])

    asyncio.run(somebody_elses())
    assert go().ok
    assert [sorted(each) for each in desk.created] == [["x"] * 3, ["r0", "r1", "r2"]]
    assert [files.text(f"r{n}") for n in range(3)] == ["echo r0", "echo r1", "echo r2"]


def test_a_reading_that_breaks_off_is_begun_anew_and_keeps_nothing_twice(desk, files, go):
    desk.breaks = 2
    ids = files.many(600)
    assert go(ordered=False).ok
    assert sorted(each["custom_id"] for each in files.results) == sorted(ids)
    assert len(desk.created) == 1


@pytest.mark.parametrize("begin", [run_batch, run_vendor_batch])
def test_a_run_that_is_cancelled_while_its_input_is_read_leaves_nothing_open(desk, files, go, begin):
    files.many(1500)

    async def cancelled():
        reading = asyncio.Event()
        task = asyncio.create_task(
            begin(files.input, files.output, backend="acme:acme-1", progress=lambda _: reading.set())
        )
        await reading.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancelled())
    assert (desk.calls, desk.created) == (0, [])
    if begin is run_batch:
        assert asyncio.run(run_batch(files.input, files.output, backend="acme:acme-1")).ok
    else:
        assert go().ok
    assert desk.calls + sum(map(len, desk.created)) == 1500


def test_a_line_without_a_result_is_an_error_and_is_asked_again_by_the_next_run(desk, files, go):
    desk.leaves_out = {"r1"}
    files.many(3)
    summary = go()
    assert (summary.answered, summary.failed, summary.stopped) == (2, 1, None)
    error = files.results[1]["error"]
    assert (error["code"], error["retryable"]) == ("no_result", True)
    desk.leaves_out = set()
    assert go().ok
    assert desk.created[1:] == [["r1"]]


def test_a_vendor_that_forgot_its_batch_costs_no_line(desk, files, go):
    desk.ends = 9
    files.many(3)
    control = Control()
    go(control=control, clock=stopping_after(1, control))
    desk.made.clear()
    summary = go()
    assert (summary.failed, files.results[0]["error"]["code"]) == (3, "batch_gone")
    desk.ends = 1
    assert go().ok


def test_lines_go_in_as_many_batches_as_the_vendor_wants(desk, files, go, monkeypatch):
    monkeypatch.setattr(vendor_lines, "MOST_BYTES", 3000)
    ids = files.many(60)
    assert go().ok
    assert len(desk.created) > 2
    assert desk.prompts == ids


def test_each_model_has_a_batch_of_its_own_where_the_vendor_wants_that(desk, files, go, line):
    files.write(*[line(f"r{n}", model=f"m-{n % 2}") for n in range(6)])
    assert go("acme").ok
    expected = [["r0", "r2", "r4"], ["r1", "r3", "r5"]] if desk.wire == "openai_chat" else [[f"r{n}" for n in range(6)]]
    assert desk.created == expected


def test_a_vendor_that_takes_no_more_for_now_gets_the_rest_when_a_batch_has_ended(desk, files, go, monkeypatch):
    monkeypatch.setattr(vendor_lines, "MOST_BYTES", 3000)
    desk.creations = [None, Reply.json(SAYS_NO, status=429)]
    ids = files.many(60)
    told: list[str] = []
    assert go(told=told).ok
    assert any("no more for now" in each for each in told)
    assert desk.prompts == ids


def test_a_creation_that_is_refused_ends_the_run_and_hands_nothing_over(desk, files, go):
    desk.creations = [Reply.json(SAYS_NO, status=400), Reply.json(SAYS_NO, status=401)]
    files.many(3)
    for kind in (backbay.BadRequestError, backbay.AuthenticationError):
        with pytest.raises(kind):
            go()
    assert go().ok
    assert len(desk.created) == 1


def test_cancelling_ends_what_is_open_and_the_next_runs_see_to_the_lines(desk, files, go):
    desk.ends = 99
    files.many(3)
    control = Control()
    go(control=control, clock=stopping_after(1, control))
    left = VendorBatch(
        files=BatchFiles(input=files.output, output=files.output), backend="acme:acme-1", arguments={"retries": 0}
    )
    [found] = asyncio.run(cancel(left))
    assert found.id == "batch_0"
    assert go().failed == 3
    desk.ends = 1
    assert go().ok
    assert asyncio.run(cancel(left)) == []


def test_cancelling_finds_a_batch_whose_creation_was_not_answered_by_its_label_alone(desk, files, go):
    desk.creations, desk.ends = ["lost"], 99
    files.many(3)
    with pytest.raises(BatchEngineError):
        go()
    given = BatchFiles(input=files.output, output=files.output)
    left = VendorBatch(files=given, backend="acme:acme-1", arguments={"retries": 0})
    if desk.wire == "openai_chat":
        assert [each.id for each in asyncio.run(cancel(left))] == ["batch_0"]
        return
    with pytest.raises(BatchEngineError, match="not cancelled"):
        asyncio.run(cancel(left))
    assert "cancelled" not in desk.made["batch_0"]


def test_lines_that_the_vendor_has_are_not_asked_for_one_by_one(desk, files, go):
    desk.ends = 9
    files.many(3)
    control = Control()
    go(control=control, clock=stopping_after(1, control))
    with pytest.raises(ChangedBatchError, match="vendor_batch"):
        asyncio.run(run_batch(files.input, files.output, backend="acme:acme-1", retries=0))
    assert desk.calls == 0


def test_a_backend_without_batches_is_one_error_that_names_those_that_have_them(vendor, files, go):
    files.many(2)
    with pytest.raises(BatchSetupError) as caught:
        go()
    assert set(with_facet()) >= {"openai", "anthropic", "mistral"}
    assert "openai" in caught.value.hint
    assert vendor.total == 0
    assert not files.journal.exists()


def test_a_backend_of_the_callers_stays_open(openai_desk, files):
    files.many(2)

    async def main() -> bool:
        backend = build(SPECS["openai_chat"], "acme-1", base_url=openai_desk.server.url)
        control = Control()
        control.stop()
        summary = await run_vendor_batch(files.input, files.output, backend=backend, control=control)
        assert summary.stopped == "interrupted"
        assert (await backend.complete("x")).text == "echo x"
        with pytest.raises(BackbayError):
            await run_vendor_batch(files.input, files.output, backend=backend, retries=1)
        await backend.aclose()
        return True

    assert asyncio.run(main())
    assert openai_desk.created == []


@pytest.fixture
def acme_desk(environment, tmp_path):
    """A desk for processes: Acme, installed by hand, has batches here."""
    module = tmp_path / "plugins" / "backbay_acme.py"
    module.write_text(module.read_text().replace("usage embeddings", "usage embeddings batches"), encoding="utf-8")
    found = Desk("openai_chat")
    with found.server:
        environment["ACME_BASE_URL"] = found.server.url
        yield found


def test_ctrl_c_leaves_the_batch_and_the_same_command_fetches_it(acme_desk, files, command):
    acme_desk.ends = 10**6
    files.many(5)
    arguments = [files.input, "-b", "acme:acme-1", "-o", files.output, "--vendor-batch"]
    with command(*arguments) as process:
        assert acme_desk.server.wait_for(lambda _: acme_desk.created, 30)
        time.sleep(0.3)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "batch_0" in err
    assert "backbay batch cancel" in err
    acme_desk.ends = 0
    with command(*arguments, "--json") as process:
        out, _ = process.communicate(timeout=30)
    assert process.returncode == 0
    assert json.loads(out)["answered"] == 5
    assert len(acme_desk.created) == 1


def test_a_run_that_is_killed_while_its_batch_is_made_makes_no_other(acme_desk, files, command):
    acme_desk.creations = ["slow"]
    acme_desk.ends = 0
    files.many(5)
    arguments = [files.input, "-b", "acme:acme-1", "-o", files.output, "--vendor-batch"]
    with command(*arguments) as process:
        assert acme_desk.server.wait_for(lambda _: acme_desk.created, 30)
        process.kill()
        process.communicate(timeout=30)
    with command(*arguments) as process:
        _, err = process.communicate(timeout=30)
    assert process.returncode == 0
    assert "on their way" in err
    assert len(acme_desk.created) == 1
    assert len(files.results) == 5


def test_the_command_to_cancel_ends_what_is_open(acme_desk, files, command, environment):
    acme_desk.ends = 10**6
    files.many(5)

    def cancelled(output, model="acme-1"):
        arguments = ["-P", "-m", "backbay_cli", "batch", "cancel", "-o", str(output), "-b", f"acme:{model}"]
        return subprocess.run([sys.executable, *arguments], env=environment, capture_output=True, text=True, timeout=30)

    none = cancelled(files.folder / "nowhere.jsonl")
    assert none.returncode == 2
    assert "no journal" in none.stderr
    with command(files.input, "-b", "acme:acme-1", "-o", files.output, "--vendor-batch") as process:
        assert acme_desk.server.wait_for(lambda _: acme_desk.created, 30)
        process.kill()
        process.communicate(timeout=30)
    other = cancelled(files.output, "acme-2")
    assert (other.returncode, "another backend" in other.stderr) == (2, True)
    done = cancelled(files.output)
    assert (done.returncode, done.stderr) == (0, "batch_0: cancelled\n")
    assert acme_desk.made["batch_0"]["cancelled"]


@pytest.mark.parametrize(
    "more", [["--concurrency", "4"], ["--max-cost", "1"], ["--rpm", "3"], ["--engine", "local"], ["--limit-total", "9"]]
)
def test_what_bounds_calls_is_refused_with_a_vendors_batch(acme_desk, files, command, more):
    files.many(2)
    with command(files.input, "-b", "acme:acme-1", "-o", files.output, "--vendor-batch", *more) as process:
        _, err = process.communicate(timeout=30)
    assert process.returncode == 2
    assert more[0] in err
    assert acme_desk.server.requests == []
