"""Switching vendors: the same question to every model that is named, at once, with one piece of code.

Run it, with a model that needs no key, or with any others:

    pip install backbay backbay-local
    python switch.py
    python switch.py local:tiny openai:gpt-5.4 anthropic:claude-sonnet-5-5
"""

from __future__ import annotations

import asyncio
import sys
import time

import backbay

QUESTION = "What is the capital of France?"


async def ask(name: str) -> str:
    """Return a line with what a model says, how long it took, and how many tokens it was."""
    began = time.monotonic()
    try:
        async with backbay.connect(name, limits={"total": 60}) as backend:
            answer = await backend.complete(QUESTION, max_tokens=200)
    except backbay.BackbayError as error:  # no such backend, no key, a vendor that is down ...
        return f"{name}: {type(error).__name__}: {error}"
    seconds = time.monotonic() - began
    tokens = answer.usage.output if answer.usage else None  # None: the vendor did not say
    return f"{name}: {answer.text!r} (tokens: {tokens}, {seconds:.2f} s, {answer.finish})"


async def main(names: list[str]) -> None:
    """Ask all at once, and print the answers in the order of the names."""
    for line in await asyncio.gather(*map(ask, names)):
        print(line)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:] or ["local:tiny"]))
