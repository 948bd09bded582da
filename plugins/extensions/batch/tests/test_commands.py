"""``backbay batch run``: what it prints, and its exit codes."""

from __future__ import annotations

import json
import signal

import pytest

from backbay.testing import Reply


@pytest.fixture
def run(command):
    """Runs the command; returns its exit code, its output and its error output."""

    def go(*arguments, **options):
        with command(*arguments, **options) as process:
            out, err = process.communicate(timeout=60)
        return process.returncode, out, err

    return go


def test_a_batch_that_is_answered_gives_0_and_says_so_on_standard_error(acme, files, run):
    files.many(20)
    code, out, err = run(files.input, "--backend", "acme:acme-1", "-o", files.output)
    assert (code, out) == (0, "")
    assert "20 of 20 lines answered" in err
    assert "200 tokens in, 100 out" in err
    assert str(files.output) in err
    assert "\x1b" not in err


def test_lines_that_fail_give_1(acme, files, run, line):
    files.write(line("a"), "nonsense")
    code, _, err = run(files.input, "--backend", "acme:acme-1", "-o", files.output)
    assert code == 1
    assert "1 failed (1 are no requests)" in err


def test_quiet_says_nothing(acme, files, run):
    files.many(3)
    assert run(files.input, "--backend", "acme:acme-1", "-o", files.output, "--quiet") == (0, "", "")


def test_json_gives_the_summary_as_a_document(acme, files, run):
    files.many(3)
    code, out, _ = run(files.input, "-b", "acme:acme-1", "-o", files.output, "--json", "--price", "1000,2000")
    found = json.loads(out)
    assert code == found["exit_code"] == 0
    assert (found["answered"], found["cost"], found["stopped"]) == (3, pytest.approx(0.06), None)


def test_check_sends_nothing_and_names_each_bad_line(acme, files, run, line):
    files.write(line("a"), "nonsense", line("b", temperature=-1), line("a"))
    code, out, err = run(files.input, "--backend", "acme:acme-1", "--check")
    assert code == 1
    assert acme.total == 0
    assert [each.split(":")[0] for each in out.splitlines()] == ["Line 2", "Line 3", "Line 4"]
    assert "temperature" in out
    assert "4 lines, 3 of them bad" in err
    assert not files.journal.exists()


def test_a_check_holds_lines_against_what_the_backend_can_do(acme, files, run, line):
    tool = {"type": "function", "function": {"name": "f"}}
    files.write(line("a", tools=[tool]), line("b"))
    code, out, _ = run(files.input, "--backend", "acme:acme-1", "--check", "--json")
    assert code == 1
    assert json.loads(out)["bad"] == 1
    assert "tools" in json.loads(out)["problems"][0]


@pytest.mark.parametrize(
    "more",
    [
        [],
        ["-o", "{folder}/nowhere/out.jsonl"],
        ["-o", "{folder}/requests.jsonl"],
        ["-o", "{folder}/out.jsonl", "--engine", "warp"],
        ["-o", "{folder}/out.jsonl", "--price", "cheap"],
        ["-o", "{folder}/out.jsonl", "--max-cost", "1"],
        ["-o", "{folder}/out.jsonl", "--concurrency", "0"],
        ["-o", "{folder}/out.jsonl", "--api-key-env", "NOT_SET"],
    ],
)
def test_bad_usage_gives_2_and_sends_nothing(acme, files, run, more):
    files.many(3)
    code, _, err = run(files.input, "--backend", "acme:acme-1", *[each.format(folder=files.folder) for each in more])
    assert code == 2
    assert "error:" in err
    assert acme.total == 0


def test_a_budget_that_is_used_up_gives_3_and_says_how_to_go_on(acme, files, run):
    files.many(50, max_tokens=5)
    code, _, err = run(files.input, "-b", "acme:acme-1", "-o", files.output, "--max-tokens-total", "200")
    assert code == 3
    assert "budget is used up" in err
    assert "Run the same command again" in err
    assert "not asked for" in err


def test_ctrl_c_finishes_the_calls_under_way_and_gives_130(acme, files, command):
    acme.pause = 0.5
    files.many(50)
    with command(files.input, "-b", "acme:acme-1", "-o", files.output, "--concurrency", "4") as process:
        acme.server.wait_for(lambda server: len(server.requests) >= 4, 20)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "Finishing the calls under way" in err
    assert "Run the same command again" in err
    assert len(files.results) == acme.total


def test_a_second_ctrl_c_cancels_them(acme, files, command):
    acme.pause = 20.0
    files.many(50)
    with command(files.input, "-b", "acme:acme-1", "-o", files.output, "--concurrency", "4") as process:
        acme.server.wait_for(lambda server: len(server.requests) >= 4, 20)
        process.send_signal(signal.SIGINT)
        while "Finishing" not in process.stderr.readline():
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=15)
    assert process.returncode == 130
    assert files.results == []
    acme.pause = 0.0


def test_a_key_appears_nowhere(acme, files, run):
    canary = "canary-77ab01"
    acme.answers["r1"] = lambda nth: Reply.json({"error": {"message": f"key {canary} is bad"}}, status=400)
    files.many(3)
    arguments = [files.input, "-b", "acme:acme-1", "-o", files.output, "--api-key-env", "ACME_OTHER"]
    code, out, err = run(*arguments, env={"ACME_OTHER": canary})
    assert code == 1
    assert acme.server.requests[0].headers["authorization"] == f"Bearer {canary}"
    written = out + err + files.output.read_text() + files.journal.read_bytes().decode("latin-1")
    assert canary not in written


def test_help_lists_the_exit_codes(run):
    code, out, _ = run("--help")
    assert code == 0
    assert "130 interrupted" in out
