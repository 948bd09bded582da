"""What ``backbay batch run`` does: a run with signals, progress and a summary."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import typer

from backbay_cli import exits
from backbay_cli.jsonable import print_json
from backbay_cli.safe_text import one_line
from backbay_cli.terminal import put, say, say_folded, say_marked

from .budget import Price, flat_price
from .engine import Target
from .progress import View, count, view
from .rules import Rules
from .running import Batch
from .running import run as run_batch
from .setup import Files
from .summary import Control, Summary


def rules(**given: Any) -> Rules:  # noqa: ANN401 (the fields of Rules, as the options gave them)
    """Return the rules that the options give."""
    return Rules(**given)


def batch(
    requests: Path,
    output: Path,
    *,
    ordered: bool,
    restart: bool,
    backend: str,
    rules: Rules,
    **given: Any,  # noqa: ANN401
) -> Batch:
    """Return the batch that the options give."""
    files = Files(input=requests, output=output, ordered=ordered, restart=restart)
    return Batch(files=files, backend=backend, rules=rules, **given)


def price_of(text: str | None) -> Price | None:
    """Return what ``--price`` says; ``None`` if it is not given.

    Raises:
        BadParameter: It is no pair of numbers, each 0 or more.
    """
    if text is None:
        return None
    try:
        given, made = (float(part) for part in text.split(","))
        if not (0 <= given < float("inf") and 0 <= made < float("inf")):
            raise ValueError(text)
    except ValueError:
        raise typer.BadParameter(f"--price takes IN,OUT, as in 0.15,0.60, and {text!r} is not.") from None
    return flat_price(given, made)


def check(
    requests: Path, backend: str, arguments: Mapping[str, object], key_variable: str | None, *, in_json: bool
) -> int:
    """Look at an input, and say what is wrong with it; return the exit code."""
    from .checking import check_batch

    async def look() -> Any:  # noqa: ANN401 (what check_batch returns)
        target = Target(backend=backend, arguments=arguments, key_variable=key_variable)
        async with target.connected() as opened:
            return await asyncio.to_thread(check_batch, requests, opened)

    found = asyncio.run(look())
    if in_json:
        print_json(asdict(found))
    else:
        for problem in found.problems:
            put(one_line(problem))
        if found.bad > len(found.problems):
            put(f"... and {found.bad - len(found.problems):,} more")
        say(f"{count(found.lines, 'line')}, {found.bad:,} of them bad; about {found.prompt_tokens:,} prompt tokens.")
    return exits.FAILED if found.bad else exits.OK


def run(batch: Batch, *, quiet: bool, in_json: bool) -> int:
    """Run a batch; return the exit code."""

    def interrupted(shown: View, control: Control) -> None:
        if control.stopping:
            shown.tell("Cancelling the calls under way.")
            control.abort()
        else:
            shown.tell("Finishing the calls under way. Ctrl-C again cancels them.")
            control.stop()

    def work(shown: View, control: Control) -> Coroutine[Any, Any, Summary]:
        return run_batch(batch, progress=shown.show, control=control)

    return watched(work, interrupted, quiet=quiet, in_json=in_json)


def watched(
    work: Callable[[View, Control], Coroutine[Any, Any, Summary]],
    interrupted: Callable[[View, Control], None],
    *,
    quiet: bool,
    in_json: bool,
) -> int:
    """Run something that makes a summary, with progress and signals; return the exit code.

    Args:
        work: What to run.
        interrupted: Called at each Ctrl-C, and when the process is told to end.
        quiet: Whether nothing is said.
        in_json: Whether the summary goes to standard output, as JSON.
    """
    with view(sys.stderr, quiet=quiet) as shown:
        summary = asyncio.run(_with_signals(work, interrupted, shown))
    if in_json:
        print_json({**asdict(summary), "ok": summary.ok, "exit_code": exit_code(summary)})
    elif not quiet:
        show_summary(summary)
    return exit_code(summary)


def exit_code(summary: Summary) -> int:
    """Return the exit code of a run."""
    if summary.stopped == "interrupted":
        return exits.INTERRUPTED
    if summary.stopped is not None:
        return exits.PARTIAL
    return exits.OK if summary.ok else exits.FAILED


async def _with_signals(
    work: Callable[[View, Control], Coroutine[Any, Any, Summary]],
    interrupted: Callable[[View, Control], None],
    shown: View,
) -> Summary:
    control, loop = Control(), asyncio.get_running_loop()
    signals = [signal.SIGINT, signal.SIGTERM]
    # On Windows a loop has no signals, and Ctrl-C cancels at once.
    with suppress(NotImplementedError):
        for each in signals:
            loop.add_signal_handler(each, interrupted, shown, control)
    try:
        return await work(shown, control)
    finally:
        with suppress(NotImplementedError):
            for each in signals:
                loop.remove_signal_handler(each)


def show_summary(summary: Summary) -> None:
    """Say how it came out, on standard error."""
    failed = summary.failed + summary.bad
    parts = [f"{summary.answered:,} of {count(summary.lines, 'line')} answered"]
    if failed:
        parts.append(f"{failed:,} failed" + (f" ({summary.bad:,} are no requests)" if summary.bad else ""))
    if summary.waiting:
        parts.append(f"{summary.waiting:,} not asked for")
    parts.append(f"{summary.input_tokens:,} tokens in, {summary.output_tokens:,} out")
    if summary.cost is not None:
        parts.append(f"${summary.cost:,.4f}")
    parts.append(f"{summary.seconds:,.1f} s")
    if summary.reason is not None and summary.stopped is not None:
        say_marked("stopped:", summary.reason)
    say_folded("; ".join(parts))
    say_folded(f"Results: {summary.output}", dimmed=True)
