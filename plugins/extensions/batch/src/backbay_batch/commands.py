"""Adds ``backbay batch`` to the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from backbay_cli import options
from backbay_cli.options import ApiKeyEnv, BaseUrl, Config, JsonFlag, LimitTotal, Wire

EXITS = (
    "Exit codes: 0 every line has an answer; 1 some lines failed, or the disk or the engine did; 2 bad usage, and "
    "nothing was sent; 3 it stopped before the end (budget, key, patience); 130 interrupted. After 1, 3 and 130 the "
    "same command goes on with the lines that have no answer."
)

_OF_CALLS = (
    *("engine", "concurrency", "rpm", "tpm", "tries", "stop_after", "patience", "max_tokens_total", "max_cost"),
    "limit_total",
)
"""Options that mean nothing with --vendor-batch."""

_PACE, _SPEND, _FILES = "Pace", "What may be used", "Files"

Backend = Annotated[
    str, typer.Option("--backend", "-b", metavar="NAME[:MODEL]", help="Without a model, each line names its own.")
]
Output = Annotated[Path | None, typer.Option("--output", "-o", metavar="FILE", help="The results: .jsonl or .parquet.")]
Unordered = Annotated[
    bool, typer.Option("--unordered", help="Results as they come, not in the input's order.", rich_help_panel=_FILES)
]
Restart = Annotated[
    bool, typer.Option("--restart", help="Forget what was answered, and begin anew.", rich_help_panel=_FILES)
]
CheckFlag = Annotated[
    bool, typer.Option("--check", help="Look at every line, and send nothing.", rich_help_panel=_FILES)
]
EngineName = Annotated[str, typer.Option("--engine", metavar="NAME", help="What makes the calls.")]
Concurrency = Annotated[int, typer.Option(min=1, max=100_000, help="Calls at once, at most.", rich_help_panel=_PACE)]
Rpm = Annotated[
    float | None, typer.Option("--rpm", min=0.001, help="Requests a minute, at most.", rich_help_panel=_PACE)
]
Tpm = Annotated[float | None, typer.Option("--tpm", min=0.001, help="Tokens a minute, at most.", rich_help_panel=_PACE)]
Tries = Annotated[
    int, typer.Option(min=1, help="How often a line is asked whose error may pass.", rich_help_panel=_PACE)
]
StopAfter = Annotated[
    int,
    typer.Option(min=0, help="Lines that may fail one after another; 0 for any number.", rich_help_panel=_PACE),
]
Patience = Annotated[
    float,
    typer.Option(
        min=0, metavar="SECONDS", help="How long the vendor may say that it has too many.", rich_help_panel=_PACE
    ),
]
MaxTokensTotal = Annotated[
    int | None, typer.Option(min=1, help="Tokens of the whole batch, at most.", rich_help_panel=_SPEND)
]
MaxCost = Annotated[
    float | None, typer.Option(min=0.0, metavar="DOLLARS", help="Of the whole batch.", rich_help_panel=_SPEND)
]
Price = Annotated[
    str | None,
    typer.Option(metavar="IN,OUT", help="Dollars for a million tokens in, and out.", rich_help_panel=_SPEND),
]
VendorFlag = Annotated[
    bool,
    typer.Option(
        "--vendor-batch", help="Leave the lines to the vendor's own batches: half the price, and up to a day."
    ),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress, and no summary.")]


def register_commands(app: typer.Typer) -> None:
    """Add the commands; ``app`` is the command line's."""
    batch = typer.Typer(no_args_is_help=True, help="Files of requests, through any backend.")
    batch.callback()(_group)
    batch.command("run", epilog=EXITS)(run)
    batch.command("cancel")(cancel)
    app.add_typer(batch, name="batch")


def _group() -> None:
    """Files of requests, through any backend."""


def run(
    context: typer.Context,
    requests: Annotated[Path, typer.Argument(metavar="FILE", help="OpenAI's batch format: JSON lines, or Parquet.")],
    *,
    backend: Backend,
    output: Output = None,
    check: CheckFlag = False,
    restart: Restart = False,
    unordered: Unordered = False,
    vendor_batch: VendorFlag = False,
    engine: EngineName = "local",
    concurrency: Concurrency = 64,
    rpm: Rpm = None,
    tpm: Tpm = None,
    tries: Tries = 3,
    stop_after: StopAfter = 100,
    patience: Patience = 900.0,
    max_tokens_total: MaxTokensTotal = None,
    max_cost: MaxCost = None,
    price: Price = None,
    base_url: BaseUrl = None,
    api_key_env: ApiKeyEnv = None,
    wire: Wire = None,
    config: Config = None,
    limit_total: LimitTotal = None,
    quiet: Quiet = False,
    json: JsonFlag = False,
) -> None:
    """Ask a backend for every line of a file.

    The journal stands beside the output. A run that was ended, by whatever, goes on with the same command, and asks for
    nothing again that it has an answer to. Ctrl-C finishes the calls under way; a second one cancels them.

    With --vendor-batch Ctrl-C leaves the vendor's batches as they are: the same command waits for them again.
    """
    from . import command_line as work
    from . import vendor_command as by_vendor
    from .setup import Files
    from .vendor_setup import VendorBatch

    arguments = _arguments(base_url, api_key_env, wire, config, limit_total)
    if check:
        raise typer.Exit(work.check(requests, backend, arguments, api_key_env, in_json=json))
    if output is None:
        raise typer.BadParameter("Say where the results go: --output FILE.")
    if vendor_batch:
        refuse_what_only_calls_have(context)
        files = Files(input=requests, output=output, ordered=not unordered, restart=restart)
        left = VendorBatch(
            files=files,
            backend=backend,
            arguments=arguments,
            key_variable=api_key_env,
            price=work.price_of(price),
        )
        raise typer.Exit(by_vendor.run(left, quiet=quiet, in_json=json))
    batch = work.batch(
        requests,
        output,
        backend=backend,
        arguments=arguments,
        key_variable=api_key_env,
        engine=engine,
        ordered=not unordered,
        restart=restart,
        rules=work.rules(
            concurrency=concurrency,
            per_minute=rpm,
            tokens_per_minute=tpm,
            tries=tries,
            stop_after=stop_after,
            patience=patience,
            max_tokens=max_tokens_total,
            max_cost=max_cost,
            price=work.price_of(price),
        ),
    )
    raise typer.Exit(work.run(batch, quiet=quiet, in_json=json))


def cancel(
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="The output of the run.")],
    *,
    backend: Backend,
    base_url: BaseUrl = None,
    api_key_env: ApiKeyEnv = None,
    wire: Wire = None,
    config: Config = None,
    json: JsonFlag = False,
) -> None:
    """Cancel what a run with --vendor-batch left to the vendor. What was answered until then is billed, and stays.

    The run's own command fetches it. Lines that were cancelled are asked for again by the run after that.
    """
    from . import vendor_command as by_vendor
    from .setup import Files
    from .vendor_setup import VendorBatch

    arguments = _arguments(base_url, api_key_env, wire, config)
    files = Files(input=output, output=output)
    left = VendorBatch(files=files, backend=backend, arguments=arguments, key_variable=api_key_env)
    raise typer.Exit(by_vendor.cancel(left, in_json=json))


def _arguments(
    base_url: str | None,
    api_key_env: str | None,
    wire: str | None,
    config: list[str] | None,
    limit_total: float | None = None,
) -> dict[str, object]:
    """Return the arguments of ``connect`` but the key, which is read where the backend is connected.

    Raises:
        BadParameter: The variable of the key has none, or another option is wrong.
    """
    options.api_key(api_key_env)
    arguments = options.connection(base_url=base_url, wire=wire, config=config, limits=options.limits(limit_total))
    arguments.pop("api_key")
    return arguments


def refuse_what_only_calls_have(context: typer.Context) -> None:
    """Refuse options that bound calls, where the vendor itself decides what is done when.

    Raises:
        BadParameter: One was given; the message names them all.
    """
    given = [name for name in _OF_CALLS if str(context.get_parameter_source(name)).endswith("COMMANDLINE")]
    if given:
        said = ", ".join("--" + name.replace("_", "-") for name in given)
        raise typer.BadParameter(
            f"With --vendor-batch there are no calls that {said} could bound: the vendor decides when it answers, and "
            "what was handed over is billed. Leave it out."
        )
