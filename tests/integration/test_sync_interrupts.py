"""Ctrl-C, and whatever else a signal raises, in a thread that drives the loop of blocking calls itself."""

from __future__ import annotations

import signal

import pytest

from backbay.testing import Pause, Reply, ScriptedServer

pytestmark = pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="this system has no such signals")

PROGRAM = """
    import os, signal, sys, threading, time
    import backbay
    backend = backbay.connect_sync("openai:m", base_url=sys.argv[1], api_key="sk-interrupted", retries=0)

    def interrupt_after(*seconds):
        def send():
            for pause in seconds:
                time.sleep(pause)
                os.kill(os.getpid(), signal.SIGINT)
        threading.Thread(target=send, daemon=True).start()
"""


@pytest.fixture
def answers(chat):
    """Answer each request but those that ask for something slow, which take five seconds."""

    def script(request):
        slow = request.json["messages"][0]["content"] == "slow"
        return Reply(steps=[Pause(5)]) if slow else chat.answer()(request)

    with ScriptedServer(script) as server:
        yield server


@pytest.fixture
def interrupted(run_program, answers):
    """Run a program; return what it printed."""
    return lambda source: run_program(PROGRAM + source, answers.url)


def assert_hung_up(server):
    """As often as was asked: on a loaded machine an interrupt may come before its request has gone out."""
    asked = sum(request.json["messages"][0]["content"] == "slow" for request in server.requests)
    assert server.wait_for(lambda server: len(server.hangups) >= asked, 4.0)


def test_ctrl_c_ends_the_call_hangs_up_and_the_next_call_works(interrupted, answers):
    source = """
    backend.complete("hi")
    for _ in range(2):
        interrupt_after(0.3)
        start = time.monotonic()
        try:
            backend.complete("slow")
        except KeyboardInterrupt:
            print("interrupted", time.monotonic() - start < 4)
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
        print(backend.complete("hi").text)
    backend.close()
    """
    assert interrupted(source).splitlines() == ["interrupted True", "Hello."] * 2
    assert_hung_up(answers)


def test_ctrl_c_ends_the_call_of_the_main_thread_and_not_another_threads(interrupted):
    source = """
    from backbay.bridge import run
    import asyncio
    found = []
    other = threading.Thread(target=lambda: found.append(run(asyncio.sleep(1.2, "other"))))
    interrupt_after(0.4)
    threading.Timer(0.2, other.start).start()
    try:
        backend.complete("slow")
    except KeyboardInterrupt:
        print("interrupted", found)
    time.sleep(0.05)
    other.join()
    print(found, backend.complete("hi").text)
    backend.close()
    """
    assert interrupted(source).splitlines() == ["interrupted []", "['other'] Hello."]


def test_a_second_ctrl_c_gets_through_where_something_in_the_loop_blocks(interrupted):
    source = """
    from backbay.bridge import get_bridge, run
    async def block():
        time.sleep(5)
    interrupt_after(0.2, 0.3)
    start = time.monotonic()
    try:
        run(block())
    except KeyboardInterrupt:
        print("interrupted", 0.4 < time.monotonic() - start < 4)
    print(backend.complete("hi").text)
    backend.close()
    """
    assert interrupted(source).splitlines() == ["interrupted True", "Hello."]


def test_what_a_signal_of_the_programs_own_raises_comes_to_the_caller_and_the_next_call_works(interrupted, answers):
    source = """
    from backbay.bridge import get_bridge
    class TooLong(BaseException):
        pass
    def expire(number, frame):
        raise TooLong
    signal.signal(signal.SIGALRM, expire)
    print(backend.complete("hi").text)
    bridge = get_bridge()
    signal.setitimer(signal.ITIMER_REAL, 0.2)
    start = time.monotonic()
    try:
        backend.complete("slow")
    except TooLong:
        print("too long", time.monotonic() - start < 4)
    print(backend.complete("hi").text, get_bridge() is bridge)
    backend.close()
    """
    # A step of the loop may have been lost, so that loop is used no more.
    assert interrupted(source).splitlines() == ["Hello.", "too long True", "Hello. False"]
    assert_hung_up(answers)


def test_a_program_may_end_while_a_daemon_thread_drives_the_loop(interrupted, answers):
    source = """
    threading.Thread(target=backend.complete, args=["slow"], daemon=True).start()
    time.sleep(0.3)
    threading.excepthook = lambda args: None  # the call is cancelled
    print("end")
    """
    assert interrupted(source) == "end\n"
    assert_hung_up(answers)
