"""A conversation in a terminal: prompts read one line at a time, answers streamed, Ctrl-C back to the prompt."""

from __future__ import annotations

import asyncio
import sys
from contextlib import suppress

from backbay import BackbayError, Backend, Message
from backbay.request import Options

from . import exits
from .answer import Outcome, View, ask
from .errors import show_traceback, tell
from .safe_text import one_line
from .terminal import dim, is_terminal, say, say_folded, warn

HELP = """\
  /clear        forget the conversation; the system prompt stays
  /system       show the system prompt
  /system TEXT  set it; /system - removes it
  /help         show this
  /exit         end; Ctrl-D does too
  //TEXT        send a line that begins with /
  Ctrl-C        stop the answer, and keep what was said"""

_NOT_RUN = "This tool was not run: the chat shows tool calls and runs none."


class Session:
    """One conversation with one backend.

    Args:
        backend: Whom to ask. It is closed by whoever made it.
        options: Options of every call.
        view: Where answers are shown.
        system: The system prompt, or ``None``.
        first: Parts, such as images, that go with the first message.
    """

    def __init__(
        self, backend: Backend, options: Options, view: View, *, system: str | None, first: Message | None = None
    ) -> None:
        self._backend = backend
        self._options = options
        self._view = view
        self._system = system
        self._first = first
        self._turns: list[Message] = []

    def run(self, runner: asyncio.Runner) -> int:
        """Read lines and answer them until the end of input; return the exit code."""
        who = ":".join(filter(None, (self._backend.spec.name, self._backend.model)))
        say_folded(f"{who} · /help shows the commands, Ctrl-D ends", dimmed=True)
        while True:
            try:
                line = read_line(">>> ")
            except KeyboardInterrupt:
                say()
                say(dim("Ctrl-D or /exit ends."))
                continue
            except EOFError:
                say()
                return exits.OK
            if not line.strip():
                continue
            if line.startswith("/") and not line.startswith("//"):
                if self._command(line):
                    return exits.OK
                continue
            try:
                self._turn(runner, line[1:] if line.startswith("//") else line)
            except KeyboardInterrupt:
                # A second Ctrl-C, while the first one was still closing the stream.
                say()

    def _command(self, line: str) -> bool:
        """Do what a command says; return whether it ends the session."""
        name, _, rest = line.partition(" ")
        rest = rest.strip()
        match name:
            case "/exit" | "/quit":
                return True
            case "/clear":
                self._turns.clear()
                say(dim("The conversation is forgotten."))
            case "/system":
                self._set_system(rest)
            case "/help":
                say(HELP)
            case _:
                warn(f"There is no command {one_line(name)}; /help shows them. To send the line, begin it with //.")
        return False

    def _set_system(self, text: str) -> None:
        if text:
            self._system = None if text == "-" else text
        say(dim("There is no system prompt." if self._system is None else f"System prompt: {one_line(self._system)}"))

    def _turn(self, runner: asyncio.Runner, text: str) -> None:
        try:
            said = Message(role="user", content=text)
            if self._first is not None:
                said = self._first.model_copy(update={"content": (*said.parts(), *self._first.parts())})
            outcome = runner.run(ask(self._backend, self._messages(said), self._options, self._view))
        except BackbayError as error:
            tell(error)
            show_traceback(error)
            return
        self._keep(said, outcome)

    def _messages(self, said: Message) -> list[Message]:
        system = [] if self._system is None else [Message(role="system", content=self._system)]
        return [*system, *self._turns, said]

    def _keep(self, said: Message, outcome: Outcome) -> None:
        """Put the turn into the conversation. One that got no answer is left out, so that it can be tried again."""
        whole = outcome.error is None and not outcome.interrupted
        answer = outcome.response.message
        if not whole:
            # Calls that were cut short would have to be answered by the next turn, and cannot be.
            answer = answer.model_copy(update={"tool_calls": None})
        if not answer.content and not answer.tool_calls:
            if not whole:
                say(dim("Nothing was said, so the conversation is as it was before."))
                return
            answer = answer.model_copy(update={"content": ""})
        self._first = None
        self._turns += [said, answer]
        for call in answer.tool_calls or ():
            self._turns.append(Message(role="tool", tool_call_id=call.id, name=call.name, content=_NOT_RUN))


def read_line(prompt: str) -> str:
    """Read one line from the terminal, with editing and history where Python has them.

    Raises:
        EOFError: The input ended.
        KeyboardInterrupt: Ctrl-C.
    """
    with suppress(ImportError):
        import readline  # noqa: F401  (changes what input() does)
    if is_terminal(sys.stdout):
        return input(prompt)
    # Standard output is for answers alone.
    say(prompt, end="")
    return input()
