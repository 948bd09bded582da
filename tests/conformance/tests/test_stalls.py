"""A test that failed while the machine stood still is asked again, and what fails by itself still fails."""

from __future__ import annotations

import signal
import subprocess
import sys
import time

import pytest

STOOD_STILL = """
    import time
    from backbay_conformance import stalls

    class Late(stalls.Watch):
        worst = 0.4
        def begin(self): pass

    tries = []

    def pytest_runtest_call(item):
        stalls.ask_again(item, Late())
        stalls.ask_again(item, Late())
"""


def test_what_failed_in_a_stall_is_asked_again_and_the_summary_says_so(pytester):
    pytester.makeconftest(STOOD_STILL)
    pytester.makepyfile(
        """
        tries = []

        def test_late(tmp_path):
            tries.append(tmp_path)
            assert len(tries) == 3
        """
    )
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["*asked again, as the machine stood still*", "*::test_late: for 0.4 s"])


def test_it_is_asked_three_times_at_most(pytester):
    pytester.makeconftest(STOOD_STILL)
    pytester.makepyfile(
        """
        tries = []

        def test_never():
            tries.append(1)
            assert not tries, f"try {len(tries)}"
        """
    )
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*try 3*"])


def test_where_nothing_stood_still_a_failure_is_a_failure_at_once(pytester):
    pytester.makeconftest(STOOD_STILL.replace("worst = 0.4", "worst = 0.01"))
    pytester.makepyfile(
        """
        tries = []

        def test_wrong():
            tries.append(1)
            assert not tries, f"try {len(tries)}"
        """
    )
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*try 1*"])
    result.stdout.no_fnmatch_line("*asked again*")


@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="this system cannot stop a process")
def test_the_watch_sees_when_its_process_is_not_run():
    code = "import sys; from backbay_conformance.stalls import WATCH; WATCH.begin(); print(flush=True); "
    code += "sys.stdin.readline(); print(WATCH.worst)"
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        process.stdout.readline()
        process.send_signal(signal.SIGSTOP)
        time.sleep(0.4)
        process.send_signal(signal.SIGCONT)
        time.sleep(0.1)
        said, _ = process.communicate("\n", timeout=10)
    assert 0.3 < float(said) < 10
