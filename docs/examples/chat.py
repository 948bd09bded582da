"""A chat in the terminal: answers appear as they are made, and the conversation is remembered.

Run it, with a model that needs no key, or with any other:

    pip install backbay backbay-local
    python chat.py
    python chat.py openai:gpt-5.4
"""

from __future__ import annotations

import asyncio
import sys

import backbay
from backbay import Message


async def answer(backend: backbay.Backend, history: list[Message]) -> Message:
    """Print an answer piece by piece, and return it as a message that can be sent back."""
    async with backend.stream(history, limits={"first_event": 30, "idle": 30}) as stream:
        async for event in stream:
            if isinstance(event, backbay.Text):
                print(event.delta, end="", flush=True)
    print()
    return (await stream.collect()).message


async def main(name: str) -> None:
    """Talk until there is no more input."""
    history: list[Message] = []
    async with backbay.connect(name) as backend:
        while line := (await asyncio.to_thread(_read)).strip():
            history.append(Message(role="user", content=line))
            try:
                history.append(await answer(backend, history))
            except backbay.BackbayError as error:
                history.pop()  # the turn that had no answer
                print(f"\n{error}", file=sys.stderr)


def _read() -> str:
    """Return the next line; an empty one at the end of the input."""
    try:
        return input("> ")
    except EOFError:
        return ""


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else "local:tiny"))
