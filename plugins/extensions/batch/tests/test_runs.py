"""Runs of a batch, against a vendor on a loopback socket."""

from __future__ import annotations

import asyncio
import itertools
import json
import time

import pytest

import backbay
from backbay import Limits, MissingCredentialError, UnknownBackendError
from backbay.testing import Pause, Reply
from backbay_batch import (
    BatchSetupError,
    ChangedBatchError,
    Control,
    JournalBusyError,
    Rules,
    flat_price,
    run_batch,
    run_batch_sync,
)
from backbay_batch.journal import Journal


def refusal(status, code="oops", **headers):
    return Reply.json({"error": {"message": "no", "code": code}}, status=status, headers=headers)


def test_results_stand_in_the_inputs_order_in_openais_form(vendor, files, batch):
    ids = files.many(300)
    found = batch()
    assert found.ok
    assert found.answered == found.asked == 300
    assert (found.input_tokens, found.output_tokens, found.cost) == (3000, 1500, None)
    assert [each["custom_id"] for each in files.results] == ids
    first = files.results[0]
    assert set(first) == {"id", "custom_id", "response", "error"}
    assert first["error"] is None
    assert first["response"]["status_code"] == 200
    assert first["response"]["body"]["object"] == "chat.completion"
    assert files.text("r299") == "echo r299"
    assert len({each["id"] for each in files.results}) == 300


def test_unordered_results_come_as_they_are_answered(vendor, files, batch):
    said = b'{"choices": [{"message": {"content": "late"}, "finish_reason": "stop"}]}'
    slow = Reply(headers={"content-type": "application/json"}, steps=[Pause(0.5), said])
    vendor.answers["slow"] = lambda nth: slow
    files.write({**_line("slow-one")}, *[_line(f"r{number}") for number in range(30)])
    assert batch(unordered=True, rules={"concurrency": 4}).ok
    found = [each["custom_id"] for each in files.results]
    assert sorted(found) == sorted(["slow-one", *[f"r{number}" for number in range(30)]])
    assert found[-1] == "slow-one"


def _line(custom_id, **body):
    given = {"messages": [{"role": "user", "content": custom_id}], **body}
    return {"custom_id": custom_id, "body": given}


def test_bad_lines_are_errors_of_their_own_and_everything_else_is_answered(vendor, files, batch):
    files.write(
        b"\xef\xbb\xbf" + json.dumps(_line("a")).encode() + b"\r",
        "nonsense",
        "",
        _line("a"),
        {**_line("b"), "url": "/v1/nothing"},
        {"custom_id": "c", "body": {}},
        b'{"custom_id": "\xff"}',
        _line("d"),
    )
    found = batch()
    assert (found.lines, found.answered, found.bad, found.ok) == (7, 2, 5, False)
    by_line = [(each["custom_id"], each["error"] and (each["error"]["code"], each["error"]["line"])) for each in files.results]  # fmt: skip  # noqa: E501
    assert by_line == [
        ("a", None),
        (None, ("invalid_json_line", 2)),
        (None, ("duplicate_custom_id", 4)),
        ("b", ("invalid_url", 5)),
        ("c", ("invalid_body", 6)),
        (None, ("invalid_json_line", 7)),
        ("d", None),
    ]
    assert "line 1" in files.results[2]["error"]["message"]


def test_an_empty_input_gives_an_empty_output(vendor, files, batch):
    files.input.write_bytes(b"\n\n")
    found = batch()
    assert found.ok
    assert found.lines == 0
    assert files.output.read_bytes() == b""


def test_the_last_line_needs_no_end(vendor, files, batch):
    files.input.write_bytes(json.dumps(_line("a")).encode())
    assert batch().ok
    assert files.text("a") == "echo a"


def test_a_line_that_is_too_long_is_an_error_of_its_own(vendor, files, batch, monkeypatch):
    monkeypatch.setattr("backbay_batch.sources.MAX_LINE", 500)
    files.write(_line("a"), _line("b", user="x" * 2000), _line("c"))
    found = batch()
    assert (found.answered, found.bad) == (2, 1)
    assert files.results[1]["error"]["code"] == "invalid_line"


def test_a_finished_batch_asks_for_nothing_again(vendor, files, batch):
    files.many(20)
    batch()
    before = files.output.read_bytes()
    found = batch()
    assert (found.asked, found.answered, vendor.total) == (0, 20, 20)
    assert files.output.read_bytes() == before


def test_an_output_that_was_lost_is_made_anew_from_the_journal(vendor, files, batch):
    files.many(20)
    batch()
    before = files.output.read_bytes()
    files.output.write_bytes(before[:100])
    assert batch().asked == 0
    assert files.output.read_bytes() == before


def test_what_the_vendor_refuses_is_final_and_stands_beside_the_results(vendor, files, batch):
    vendor.answers["r3"] = lambda nth: refusal(400, "bad_thing", **{"x-request-id": "req_7"})
    files.many(6)
    found = batch()
    assert (found.answered, found.failed) == (5, 1)
    failed = files.results[3]
    assert failed["response"]["status_code"] == 400
    assert failed["response"]["body"] == {"error": {"message": "no", "code": "bad_thing"}}
    assert failed["error"]["code"] == "bad_thing"
    assert failed["error"]["retryable"] is False
    assert batch().asked == 0
    assert vendor.asked["r3"] == 1


def test_what_may_pass_is_tried_later_and_what_was_given_up_is_asked_for_by_the_next_run(vendor, files, batch):
    vendor.answers["r1"] = lambda nth: refusal(500) if nth <= 2 else None
    vendor.answers["r2"] = lambda nth: refusal(500) if nth <= 3 else None
    files.many(4)
    found = batch(retries=0, rules={"tries": 2})
    assert (found.answered, found.failed) == (2, 2) or (found.answered, found.failed) == (3, 1)
    assert files.results[2]["error"]["retryable"] is True
    assert [each["custom_id"] for each in files.results] == ["r0", "r1", "r2", "r3"]
    assert batch(retries=0, rules={"tries": 2}).ok
    assert [each["custom_id"] for each in files.results if each["error"] is None] == ["r0", "r1", "r2", "r3"]
    assert vendor.asked["r0"] == 1


def test_the_backends_own_retries_come_first(vendor, files, batch):
    vendor.answers["r1"] = lambda nth: refusal(500, **{"retry-after-ms": "10"}) if nth == 1 else None
    files.many(3)
    assert batch(rules={"tries": 1}).ok
    assert vendor.asked["r1"] == 2


def test_when_the_vendor_has_too_many_calls_all_of_them_wait(vendor, files, batch):
    arrivals = []
    vendor.answers["r"] = lambda nth: arrivals.append(time.monotonic())
    vendor.answers["r5"] = lambda nth: refusal(429, "slow", **{"retry-after": "1"}) if nth == 1 else None
    files.many(40)
    began = time.monotonic()
    found = batch(rules={"concurrency": 4})
    assert found.ok
    assert time.monotonic() - began >= 1.0
    assert max(later - earlier for earlier, later in itertools.pairwise(arrivals)) >= 0.8
    assert vendor.asked["r5"] == 2
    assert files.results[5]["error"] is None


@pytest.mark.parametrize("status", [429, 503, 529])
def test_no_line_is_lost_to_a_vendor_that_has_too_many_calls(vendor, files, batch, status):
    vendor.answers["r"] = lambda nth: refusal(status, **{"retry-after-ms": "10"}) if nth <= 3 else None
    files.many(10)
    assert batch(rules={"tries": 1}).ok
    assert vendor.total == 40


def test_a_line_that_alone_is_answered_so_is_given_up(vendor, files, batch, monkeypatch):
    monkeypatch.setattr("backbay_batch.course._MOST_SLOWED", 3)
    vendor.answers["r7"] = lambda nth: refusal(503, **{"retry-after-ms": "10"})
    files.many(10)
    found = batch(rules={"tries": 1})
    assert (found.answered, found.failed) == (9, 1)
    assert vendor.asked["r7"] == 4


def test_a_vendor_that_asks_to_wait_too_long_stops_the_run(vendor, files, batch):
    vendor.answers["r"] = lambda nth: refusal(429, **{"retry-after": "3600"})
    files.many(10)
    found = batch(rules={"patience": 60})
    assert (found.stopped, found.waiting, found.answered) == ("patience", 10, 0)
    assert "3600 s" in found.reason


def test_a_key_that_is_refused_stops_the_run_and_loses_no_line(vendor, files, batch):
    vendor.answers["r"] = lambda nth: refusal(401, "invalid_api_key")
    files.many(50)
    found = batch()
    assert (found.stopped, found.waiting, found.failed) == ("account", 50, 0)
    vendor.answers.clear()
    assert batch().ok


def test_lines_that_fail_one_after_another_stop_the_run(vendor, files, batch):
    vendor.answers["r"] = lambda nth: refusal(404)
    files.many(100)
    found = batch(rules={"stop_after": 10, "concurrency": 2})
    assert found.stopped == "failures"
    assert 10 <= found.failed <= 12
    assert batch(rules={"stop_after": 0}).failed == 100


def test_nobody_there_is_tried_again_and_then_said_and_nothing_is_lost(files, batch, monkeypatch, vendor):
    files.many(5)
    found = batch(base_url="http://127.0.0.1:9/v1", retries=0, rules={"tries": 1})
    assert found.failed == 5
    assert all(each["error"]["retryable"] for each in files.results)


def test_a_budget_of_tokens_stops_before_it_is_passed_and_holds_over_runs(vendor, files, batch):
    files.many(100, max_tokens=5)
    found = batch(rules={"max_tokens": 500})
    assert found.stopped == "budget"
    assert 300 < found.input_tokens + found.output_tokens <= 500
    assert batch(rules={"max_tokens": 500}).asked <= 3
    assert batch(rules={"max_tokens": 5000}).ok


def test_a_budget_of_money_stops_before_it_is_passed(vendor, files, batch):
    files.many(100, max_tokens=5)
    price = flat_price(1000.0, 2000.0)
    found = batch(rules={"max_cost": 0.2, "price": price})
    assert found.stopped == "budget"
    assert 0.1 < found.cost <= 0.2


def test_earlier_answers_are_priced_when_a_price_comes_later(vendor, files, batch):
    files.many(10)
    batch()
    found = batch(rules={"price": flat_price(1000.0, 2000.0)})
    assert found.cost == pytest.approx(10 * (10 * 1000 + 5 * 2000) / 1e6)


def test_never_more_calls_are_under_way_than_allowed(vendor, files, batch):
    vendor.pause = 0.01
    seen = []
    files.many(100)
    batch(rules={"concurrency": 3}, progress=lambda progress: seen.append(progress.under_way))
    assert max(seen) <= 3
    assert vendor.server.connections <= 3


def test_embeddings_are_asked_for_too(vendor, files, batch):
    files.write({"custom_id": "e", "url": "/v1/embeddings", "body": {"model": "acme-e", "input": ["ab", "c"]}})
    assert batch("acme").ok
    body = files.results[0]["response"]["body"]
    assert [each["embedding"] for each in body["data"]] == [[0.5, 2], [0.5, 1]]
    assert body["usage"]["prompt_tokens"] == 7


def test_without_a_model_of_the_backends_each_line_names_its_own(vendor, files, batch):
    files.write(_line("a", model="one"), _line("b"))
    found = batch("acme")
    assert (found.answered, found.failed, found.stopped) == (1, 1, None)
    assert vendor.server.requests[0].json["model"] == "one"
    assert "model" in files.results[1]["error"]["message"]


def test_the_backends_model_comes_before_the_lines(vendor, files, batch):
    files.write(_line("a", model="one"))
    batch("acme:two")
    assert vendor.server.requests[0].json["model"] == "two"


def test_what_the_vendor_alone_knows_goes_to_it_as_it_is(vendor, files, batch):
    files.write(_line("a", user="u", logit_bias={"5": 1}, max_completion_tokens=9))
    batch()
    sent = vendor.server.requests[0].json
    assert (sent["user"], sent["logit_bias"]) == ("u", {"5": 1})
    assert 9 in (sent.get("max_tokens"), sent.get("max_completion_tokens"))


def test_a_backend_of_ones_own_stays_open_and_keeps_its_retries(vendor, files):
    async def go():
        files.many(10)
        async with backbay.connect("acme:acme-1", retries=1) as backend:
            policy = backend.settings.retry
            found = await run_batch(files.input, files.output, backend=backend)
            assert backend.settings.retry is policy
            return found, (await backend.complete("still open")).text

    found, text = asyncio.run(go())
    assert found.ok
    assert text == "echo still open"


def test_blocking_code_runs_a_batch_as_well(vendor, files):
    files.many(10)
    assert run_batch_sync(files.input, files.output, backend="acme:acme-1").ok


def test_a_changed_input_is_refused_and_restart_begins_anew(vendor, files, batch):
    files.many(5)
    batch()
    files.many(6)
    with pytest.raises(ChangedBatchError, match="another input"):
        batch()
    assert batch(restart=True).answered == 6
    assert vendor.total == 11


def test_a_changed_backend_is_refused(vendor, files, batch):
    files.many(5)
    batch()
    with pytest.raises(ChangedBatchError, match="another backend"):
        batch("acme:acme-2")


def test_two_runs_on_one_journal_are_refused(vendor, files, batch):
    files.many(5)
    with Journal(files.journal), pytest.raises(JournalBusyError, match="Another run"):
        batch()
    assert batch().ok


def test_two_runs_in_one_process_are_refused_too(vendor, files):
    vendor.pause = 0.3
    files.many(20)

    async def go():
        rules = Rules(concurrency=4)
        first = asyncio.create_task(run_batch(files.input, files.output, backend="acme:acme-1", rules=rules))
        while not vendor.total:
            await asyncio.sleep(0.01)
        with pytest.raises(JournalBusyError):
            await run_batch(files.input, files.output, backend="acme:acme-1")
        return await first

    assert asyncio.run(go()).ok
    assert vendor.total == 20


def test_input_and_output_may_not_be_one_file(vendor, files, batch):
    files.many(5)
    before = files.input.read_bytes()
    with pytest.raises(BatchSetupError, match="is the input itself"):
        batch(output=files.input)
    files.output.symlink_to(files.input)
    with pytest.raises(BatchSetupError, match="is the input itself"):
        batch(restart=True)
    assert files.input.read_bytes() == before


def test_an_output_of_something_else_is_not_overwritten(vendor, files, batch):
    files.many(5)
    files.output.write_text("precious\n")
    with pytest.raises(BatchSetupError, match="no journal of it"):
        batch()
    assert files.output.read_text() == "precious\n"
    assert batch(restart=True).ok


def test_a_journal_that_is_none_is_refused_and_restart_replaces_it(vendor, files, batch):
    files.many(5)
    files.journal.write_text("this is no database" * 100)
    with pytest.raises(BatchSetupError, match="is no journal"):
        batch()
    assert batch(restart=True).ok


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"input": "nothing.jsonl"}, "no input"),
        ({"output": "nowhere/results.jsonl"}, "no folder"),
        ({"engine": "warp"}, "no engine 'warp'"),
        ({"output": "results.parquet", "unordered": True}, "input's order"),
    ],
)
def test_bad_usage_is_refused_before_anything_is_sent(vendor, files, batch, options, said):
    files.many(2)
    given = {name: files.folder / value if name in ("input", "output") else value for name, value in options.items()}
    with pytest.raises(BatchSetupError, match=said):
        batch(**given)
    assert vendor.total == 0


def test_a_backend_that_cannot_be_connected_is_refused_before_there_are_files(vendor, files, batch):
    files.many(2)
    with pytest.raises(UnknownBackendError):
        batch("nobody:x")
    with pytest.raises(MissingCredentialError):
        batch("openai:x")
    assert not files.journal.exists()


def test_an_input_that_changes_while_it_is_read_stops_the_run(vendor, files, batch):
    vendor.pause = 0.01
    files.many(2000)

    def change(progress):
        if progress.answered > 10 and not progress.reading:
            with files.input.open("ab") as file:
                file.write(b"{}\n")

    with pytest.raises(ChangedBatchError, match="was changed while"):
        batch(progress=change)


def test_a_run_that_is_told_to_stop_keeps_the_calls_under_way(vendor, files):
    vendor.pause = 0.1
    ids = files.many(100)

    async def go():
        control = Control()
        task = asyncio.create_task(
            run_batch(files.input, files.output, backend="acme:acme-1", rules=Rules(concurrency=4), control=control)
        )
        while vendor.total < 8:
            await asyncio.sleep(0.01)
        control.stop()
        return await task

    found = asyncio.run(go())
    assert found.stopped == "interrupted"
    assert found.answered == vendor.total < 100
    assert [each["custom_id"] for each in files.results] == ids[: found.answered]
    asyncio.run(run_batch(files.input, files.output, backend="acme:acme-1"))
    assert vendor.total == 100


def test_a_run_that_is_cancelled_leaves_a_readable_output_and_goes_on(vendor, files):
    vendor.pause = 0.1
    files.many(60)

    async def go():
        task = asyncio.create_task(
            run_batch(files.input, files.output, backend="acme:acme-1", rules=Rules(concurrency=4))
        )
        while vendor.total < 8:
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return len(files.results)

    kept = asyncio.run(go())
    before = vendor.total
    assert kept >= before - 4
    assert asyncio.run(run_batch(files.input, files.output, backend="acme:acme-1")).ok
    assert vendor.total == 60 + before - kept


def test_progress_tells_how_it_stands(vendor, files, batch):
    files.many(50)
    seen = []
    batch(progress=seen.append, rules={"price": flat_price(1, 1)})
    last = seen[-1]
    assert (last.lines, last.answered, last.failed, last.tokens) == (50, 50, 0, 750)
    assert last.cost == pytest.approx(750 / 1e6)
    assert last.rate > 0
    assert last.left == 0


def test_a_run_that_stops_leaves_all_that_was_answered_in_order(vendor, files, batch):
    """The first line is not answered before the run is told to stop; the others stand in the output all the same."""
    files.many(30)
    stuck = Reply(headers={"content-type": "application/json"}, steps=[Pause(20.0), b"{}"])
    vendor.answers["r0"] = lambda nth: stuck if nth == 1 else None
    control = Control()

    def stop(progress):
        if progress.answered == 29:
            control.abort()

    found = batch(control=control, progress=stop)
    assert (found.stopped, found.waiting) == ("interrupted", 1)
    assert [each["custom_id"] for each in files.results] == [f"r{number}" for number in range(1, 30)]
    assert batch().ok
    assert [each["custom_id"] for each in files.results] == [f"r{number}" for number in range(30)]
    assert vendor.total == 31


def test_values_of_arguments_are_not_written_down(vendor, files, batch):
    files.many(2)
    batch(base_url=f"{vendor.url}/canary-19c4")
    assert b"canary-19c4" not in files.journal.read_bytes()
    with pytest.raises(ChangedBatchError, match="base_url is other than then"):
        batch()


def test_calls_have_a_limit_of_time_where_none_is_given(vendor, files, batch, monkeypatch):
    monkeypatch.setattr("backbay_batch.running.LIMITS", Limits(total=0.3))
    vendor.answers["r1"] = lambda nth: Reply(steps=[Pause(30.0)])
    files.many(3)
    found = batch(rules={"tries": 1})
    assert (found.answered, found.failed) == (2, 1)
    assert files.results[1]["error"]["type"] == "LimitExceededError"
