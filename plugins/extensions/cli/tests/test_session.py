"""A conversation: what becomes part of it, and what Ctrl-C does to it."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence

import pytest

from backbay import Ended, Event, Finish, ImagePart, Message, ServerError, Text, ToolDelta
from backbay.request import Options
from backbay.testing import FakeBackend, ScriptedServer, connect_fake
from backbay.testing.fake import Canned
from backbay_cli import exits, session
from backbay_cli.session import Session
from backbay_cli.views import PeopleView

CALLS: Sequence[Event] = [ToolDelta(0, "call_1", "weather", '{"city": "Paris"}'), Ended(Finish.TOOL_CALLS)]


def talk(
    monkeypatch: pytest.MonkeyPatch,
    lines: Sequence[str | BaseException],
    *answers: Canned,
    first: Message | None = None,
) -> FakeBackend:
    """Hold a conversation in which the person types ``lines`` and then Ctrl-D."""
    typed: Iterator[str | BaseException] = iter([*lines, EOFError()])

    def read_line(prompt: str) -> str:
        line = next(typed)
        if isinstance(line, BaseException):
            raise line
        return line

    monkeypatch.setattr(session, "read_line", read_line)
    backend = connect_fake(*answers)
    with asyncio.Runner() as runner:
        assert Session(backend, Options(), PeopleView(), system="Be kind.", first=first).run(runner) == exits.OK
    return backend


def said(backend: FakeBackend, number: int = -1) -> list[tuple[str, str]]:
    return [(message.role, message.text) for message in backend.requests[number].messages]


def test_each_turn_sends_what_was_said_before(monkeypatch: pytest.MonkeyPatch) -> None:
    backend = talk(monkeypatch, ["one", "  ", "two"], "first", "second")
    assert said(backend) == [("system", "Be kind."), ("user", "one"), ("assistant", "first"), ("user", "two")]


def test_clear_forgets_the_turns_and_keeps_the_system_prompt(monkeypatch: pytest.MonkeyPatch) -> None:
    backend = talk(monkeypatch, ["one", "/clear", "two"], "first")
    assert said(backend) == [("system", "Be kind."), ("user", "two")]


def test_the_system_prompt_can_be_set_shown_and_removed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    backend = talk(monkeypatch, ["/system Be brief.", "one", "/system", "/system -", "two"], "first")
    assert said(backend, 0)[0] == ("system", "Be brief.")
    assert said(backend)[0] == ("user", "one")
    assert capsys.readouterr().err.count("Be brief.") == 2


def test_an_unknown_command_is_not_sent_and_a_double_slash_is(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    backend = talk(monkeypatch, ["/no\x1bsuch thing", "/help", "//etc is a path"])
    assert [said(backend, number)[-1] for number in range(len(backend.requests))] == [("user", "/etc is a path")]
    shown = capsys.readouterr().err
    assert "no command /no␛such" in shown
    assert "/clear" in shown


@pytest.mark.parametrize("word", ["/exit", "/quit"])
def test_exit_ends(monkeypatch: pytest.MonkeyPatch, word: str) -> None:
    assert talk(monkeypatch, [word, "never sent"]).requests == []


def test_ctrl_c_at_the_prompt_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    backend = talk(monkeypatch, ["one", KeyboardInterrupt(), "two"], "first", "second")
    assert len(said(backend)) == 4


def test_a_turn_that_failed_before_a_word_is_taken_back(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    backend = talk(monkeypatch, ["one", "two"], ServerError("Broken."), "second")
    assert said(backend) == [("system", "Be kind."), ("user", "two")]
    assert "error: Broken." in capsys.readouterr().err


def test_a_turn_that_was_cut_stays_as_far_as_it_came(monkeypatch: pytest.MonkeyPatch) -> None:
    cut: Sequence[Event] = [Text("half"), ToolDelta(0, "call_1", "weather", '{"ci')]
    backend = talk(monkeypatch, ["one", "two"], cut, "second")
    assert said(backend)[1:] == [("user", "one"), ("assistant", "half"), ("user", "two")]
    assert backend.requests[-1].messages[2].tool_calls is None


def test_tool_calls_are_answered_as_not_run_so_that_the_next_turn_is_valid(monkeypatch: pytest.MonkeyPatch) -> None:
    backend = talk(monkeypatch, ["one", "two"], CALLS, "second")
    call, result = backend.requests[-1].messages[2:4]
    assert [item.name for item in call.tool_calls or ()] == ["weather"]
    assert (result.role, result.tool_call_id, result.name) == ("tool", "call_1", "weather")
    assert "not run" in result.text


def test_an_image_goes_with_the_first_prompt_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    picture = Message(role="user", content=(ImagePart(url="https://acme.example/dot.png"),))
    backend = talk(monkeypatch, ["one", "/clear", "two"], "first", first=picture)
    assert [part.type for part in backend.requests[0].messages[1].parts()] == ["text", "image"]
    assert [part.type for part in backend.requests[1].messages[1].parts()] == ["text"]


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such terminals there")
class TestTerminal:
    """The same in a real terminal, against a real server."""

    @pytest.fixture
    def terminal(
        self, acme: ScriptedServer, command: list[str], environment: dict[str, str]
    ) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
        import pty

        ours, theirs = pty.openpty()
        words = [*command, "chat", "acme:acme-1"]
        env = {**environment, "TERM": "dumb"}
        with subprocess.Popen(words, stdin=theirs, stdout=theirs, stderr=theirs, env=env) as process:
            os.close(theirs)
            try:
                yield process, ours
            finally:
                process.kill()
                os.close(ours)

    def read_until(self, terminal: int, pattern: str) -> str:
        import select

        shown, end = b"", time.monotonic() + 20
        while not re.search(pattern, shown.decode(errors="replace"), re.DOTALL):
            ready, _, _ = select.select([terminal], [], [], 0.2)
            assert time.monotonic() < end, shown
            if ready:
                shown += os.read(terminal, 65536)
        return shown.decode()

    def test_ctrl_c_goes_back_to_the_prompt_and_keeps_the_partial_answer(
        self, acme: ScriptedServer, terminal: tuple[subprocess.Popen[bytes], int]
    ) -> None:
        process, ours = terminal
        self.read_until(ours, ">>> ")
        os.write(ours, b"go on forever\n")
        self.read_until(ours, "word0 word1 ")
        process.send_signal(signal.SIGINT)
        self.read_until(ours, "interrupted; the answer is kept.*>>> ")
        assert acme.wait_for(lambda server: bool(server.hangups))
        os.write(ours, b"hi\n")
        self.read_until(ours, "world.*in all.*>>> ")
        asked = acme.requests[-1].json["messages"]
        assert [message["role"] for message in asked] == ["user", "assistant", "user"]
        assert asked[1]["content"].startswith("word0 word1")
        os.write(ours, b"\x04")
        self.read_until(ours, "\n")
        assert process.wait(10) == 0

    def test_ctrl_c_before_the_first_word_takes_the_turn_back(
        self, acme: ScriptedServer, terminal: tuple[subprocess.Popen[bytes], int]
    ) -> None:
        process, ours = terminal
        self.read_until(ours, ">>> ")
        os.write(ours, b"silence\n")
        assert acme.wait_for(lambda server: bool(server.requests), 10)
        time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        self.read_until(ours, "Nothing was said.*>>> ")
        os.write(ours, b"hello\n")
        self.read_until(ours, "world.*>>> ")
        assert [message["content"] for message in acme.requests[-1].json["messages"]] == ["hello"]
        os.write(ours, b"/exit\n")
        assert process.wait(10) == 0
