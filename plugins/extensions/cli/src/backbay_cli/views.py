"""The two views of an answer: for people, and as JSON Lines.

For people, standard output gets the answer's text and nothing else, so that it can be piped; thinking, tool calls and
the footer go to standard error.
"""

from __future__ import annotations

import sys

from backbay import Event, Finish, Response, Text, Thinking, ToolCall, Usage

from .answer import Outcome, Timing
from .errors import as_document, show_traceback, tell
from .jsonable import JSON, as_json, event_as_json, print_json_line
from .safe_text import one_line, safe
from .terminal import alarm, dim, has_style, is_terminal, say, say_folded, say_marked

_FINISH = {
    Finish.STOP: None,
    Finish.TOOL_CALLS: "wants tools called",
    Finish.LENGTH: "stopped at the token limit",
    Finish.CONTENT_FILTER: "stopped by the vendor's content filter",
    Finish.CANCELLED: "cancelled by the vendor",
}


class PeopleView:
    """Shows an answer as it comes.

    Args:
        thinking: Whether to show what the model thinks.
        footer: Whether to say tokens and speed at the end.
    """

    def __init__(self, *, thinking: bool = True, footer: bool = True) -> None:
        self._wants_thinking = thinking
        self._wants_footer = footer
        # Per stream, whether the cursor is in the middle of a line.
        self._open_answer = False
        self._open_thinking = False
        self._labelled = False

    def event(self, event: Event) -> None:
        """Print text on standard output and thinking, dimmed, on standard error; both made harmless."""
        if isinstance(event, Text):
            self._text(event.delta)
        elif isinstance(event, Thinking) and self._wants_thinking and event.delta:
            self._thinking(event.delta)

    def finish(self, outcome: Outcome) -> None:
        """Print tool calls, a refusal, what went wrong, and the footer."""
        self._end_thinking()
        self._end_answer()
        response = outcome.response
        for call in response.tool_calls:
            say(dim("tool call ") + tool_call_line(call))
        if response.refusal:
            say_marked("refused:", response.refusal)
        if outcome.error is not None:
            if response.text or response.tool_calls:
                say(dim("the answer was cut here; it is kept as it is"))
            tell(outcome.error)
            show_traceback(outcome.error)
        elif outcome.interrupted:
            say(dim("interrupted; the answer is kept as far as it came" if response.text else "interrupted"))
        if self._wants_footer and outcome.error is None:
            say_folded(footer(response, outcome.timing), dimmed=True)

    def _text(self, delta: str) -> None:
        if self._open_thinking or self._labelled:
            self._end_thinking()
        sys.stdout.write(safe(delta))
        sys.stdout.flush()
        self._open_answer = not delta.endswith("\n")

    def _thinking(self, delta: str) -> None:
        if self._open_answer and is_terminal(sys.stdout):
            self._end_answer()
        if not self._labelled and not has_style(sys.stderr):
            say("[thinking]")
        self._labelled = True
        say(dim(delta), end="")
        self._open_thinking = not delta.endswith("\n")

    def _end_thinking(self) -> None:
        if self._open_thinking:
            say()
        if self._labelled:
            say("" if has_style(sys.stderr) else "[/thinking]")
        self._open_thinking = self._labelled = False

    def _end_answer(self) -> None:
        if self._open_answer:
            sys.stdout.write("\n")
            sys.stdout.flush()
        self._open_answer = False


class JsonLinesView:
    """Prints each event as a line of JSON, and at the end one of type ``response``, ``interrupted`` or ``error``."""

    def event(self, event: Event) -> None:
        """Print one event."""
        print_json_line(event_as_json(event))

    def finish(self, outcome: Outcome) -> None:
        """Print the response; a partial one if it was interrupted or failed, and then the error."""
        last: dict[str, JSON] = {"type": "response"}
        if outcome.error is not None:
            last = {"type": "error", "error": as_document(outcome.error)}
            show_traceback(outcome.error)
        elif outcome.interrupted:
            last["type"] = "interrupted"
        print_json_line({**last, "response": as_json(outcome.response), "timing": as_json(outcome.timing)})


def tool_call_line(call: ToolCall) -> str:
    """Return a call as one safe line, ``name(arguments)``, with what is wrong with the arguments if anything is."""
    line = f"{one_line(call.name)}({one_line(call.raw_arguments or '{}')})"
    return f"{line} {alarm(one_line(call.error))}" if call.error else line


def footer(response: Response, timing: Timing) -> str:
    """Return one line: tokens, speed, time, and why it ended if that was not the usual way."""
    parts = [_tokens(response.usage)]
    if timing.tokens_per_second is not None:
        parts.append(f"{timing.tokens_per_second:,.{0 if timing.tokens_per_second >= 100 else 1}f} tokens/s")
    if timing.first_token is not None:
        parts.append(f"first after {timing.first_token:.2f} s")
    parts.append(f"{timing.total:.2f} s in all")
    if response.attempts > 1:
        parts.append(f"{response.attempts} attempts")
    if response.dropped:
        parts.append(f"left out: {', '.join(response.dropped)}")
    if response.finish is not None:
        ended = _FINISH.get(response.finish, f"ended: {response.raw_finish or response.finish}")
        parts += [ended] if ended else []
    return one_line(" · ".join(parts))


def _tokens(usage: Usage | None) -> str:
    if usage is None or (usage.input is None and usage.output is None):
        return "tokens unknown"

    def count(number: int | None) -> str:
        return "?" if number is None else f"{number:,}"

    apart = [(usage.cached, "cached"), (usage.reasoning, "thinking")]
    special = ", ".join(f"{number:,} {what}" for number, what in apart if number)
    return f"{count(usage.input)} tokens in, {count(usage.output)} out" + (f" ({special})" if special else "")
