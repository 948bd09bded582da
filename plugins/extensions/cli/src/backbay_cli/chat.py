"""``backbay chat``: its options. ``conversation`` does what they say."""

from __future__ import annotations

from typing import Annotated

import typer

from . import options
from .options import (
    ApiKeyEnv,
    BaseUrl,
    Config,
    JsonFlag,
    LimitFirstEvent,
    LimitIdle,
    LimitTotal,
    Wire,
)

_ASK = "The request"
_SHOW = "What is shown"

System = Annotated[str | None, typer.Option(metavar="TEXT", help="The system prompt.", rich_help_panel=_ASK)]
Temperature = Annotated[float | None, typer.Option(metavar="NUMBER", help="0 or more.", rich_help_panel=_ASK)]
MaxTokens = Annotated[
    int | None, typer.Option(metavar="TOKENS", help="Tokens of an answer at most.", rich_help_panel=_ASK)
]
Seed = Annotated[int | None, typer.Option(metavar="NUMBER", help="For repeatable sampling.", rich_help_panel=_ASK)]
Stop = Annotated[
    list[str] | None, typer.Option(metavar="TEXT", help="Ends the answer. Repeatable.", rich_help_panel=_ASK)
]
Reasoning = Annotated[
    str | None,
    typer.Option(
        metavar="EFFORT", help="none, minimal, low, medium, high, xhigh, or a budget in tokens.", rich_help_panel=_ASK
    ),
]
Schema = Annotated[
    str | None, typer.Option(metavar="FILE", help="A JSON Schema that the answer must have.", rich_help_panel=_ASK)
]
Tools = Annotated[
    str | None,
    typer.Option(metavar="FILE", help="A JSON list of tools. Calls are shown, never made.", rich_help_panel=_ASK),
]
Image = Annotated[
    list[str] | None,
    typer.Option(metavar="PATH|URL", help="An image for the prompt. Repeatable.", rich_help_panel=_ASK),
]
Extra = Annotated[
    list[str] | None,
    typer.Option(
        "--option", metavar="KEY=JSON", help="A field for this vendor only. Repeatable.", rich_help_panel=_ASK
    ),
]
HideThinking = Annotated[
    bool, typer.Option("--hide-thinking", help="Do not show what the model thinks.", rich_help_panel=_SHOW)
]
Cache = Annotated[
    bool, typer.Option("--cache", help="Keep answers, and give those that are kept. Needs backbay-cache.")
]
Refresh = Annotated[bool, typer.Option("--refresh", help="With --cache: ask anew, and keep what comes instead.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No footer of tokens and speed.", rich_help_panel=_SHOW)]


def chat(
    name: Annotated[str, typer.Argument(metavar="NAME:MODEL", help="The backend and its model, as in local:tiny.")],
    prompt: Annotated[
        str | None, typer.Argument(help="What to ask. Without it: a conversation, or what is piped in.")
    ] = None,
    *,
    system: System = None,
    temperature: Temperature = None,
    max_tokens: MaxTokens = None,
    seed: Seed = None,
    stop: Stop = None,
    reasoning: Reasoning = None,
    schema: Schema = None,
    tools: Tools = None,
    image: Image = None,
    option: Extra = None,
    base_url: BaseUrl = None,
    api_key_env: ApiKeyEnv = None,
    wire: Wire = None,
    config: Config = None,
    limit_total: LimitTotal = None,
    limit_first_event: LimitFirstEvent = None,
    limit_idle: LimitIdle = None,
    hide_thinking: HideThinking = False,
    quiet: Quiet = False,
    cache: Cache = False,
    refresh: Refresh = False,
    json: JsonFlag = False,
) -> None:
    """Ask a model, and stream its answer.

    Standard output gets the answer alone; thinking, tool calls and the footer go to standard error. With --json,
    standard output gets one JSON object a line: the events, and at the end the response. Ctrl-C stops the answer and
    keeps what was said.
    """
    from .conversation import Chat, request_options

    talk = Chat(
        reference=name,
        connection=options.connection(
            base_url=base_url,
            api_key_env=api_key_env,
            wire=wire,
            config=config,
            limits=options.limits(limit_total, limit_first_event, limit_idle),
        ),
        options=request_options(
            temperature=temperature,
            max_tokens=max_tokens,
            seed=seed,
            stop=stop,
            reasoning=reasoning,
            schema=schema,
            tools=tools,
            extra=option,
        ),
        system=system,
        images=image or (),
        in_json=json,
        thinking=not hide_thinking,
        footer=not quiet,
        cache=cache,
        refresh=refresh,
    )
    raise typer.Exit(talk.run(prompt))
