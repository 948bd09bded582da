"""Fallback: a server that is down, and a model that answers in its place; the program sees one backend.

Run it as it is, or name the backends in the order in which they are to be asked:

    pip install backbay backbay-local backbay-openai-compatible
    python fallback.py
    python fallback.py openai:gpt-5.4 anthropic:claude-sonnet-5-5 local:tiny
"""

from __future__ import annotations

import asyncio
import sys

import backbay

NOBODY = "http://127.0.0.1:9/v1"
"""An address of this machine where no server is."""


def backends(names: list[str]) -> list[backbay.Backend | str]:
    """Return the backends to ask, in order. One without retries of its own is left at once."""
    if names:
        return list(names)
    return [backbay.connect("openai-compatible:any", base_url=NOBODY, retries=0), "local:tiny"]


async def main(names: list[str]) -> None:
    """Ask, and say who answered."""
    async with backbay.fallback(*backends(names), limits={"total": 60}) as backend:
        try:
            answer = await backend.complete("What can you do?")
        except backbay.BackbayError as error:  # nobody could
            for one in error.errors or [error]:
                print(f"[{one}]", file=sys.stderr)
            sys.exit(1)
    print(answer.text)
    print(f"[served by {answer.served_by}, {answer.attempts} attempts]")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
