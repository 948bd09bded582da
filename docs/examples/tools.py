"""A tool loop: the model asks for a function, the program calls it, and the model answers with what came of it.

Run it, with a model that needs no key, or with any other:

    pip install backbay backbay-local
    python tools.py
    python tools.py openai:gpt-5.4 "What is the weather in Oslo?"
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Mapping

import backbay
from backbay import Message, ToolCall, ToolSpec

MOST_ROUNDS = 5
"""How often the model may ask for tools before the program gives up."""


def get_weather(city: str) -> str:
    """Return the weather of a city, as far as this example knows it."""
    return {"Paris": "sunny, 21 degrees", "Oslo": "snow, -3 degrees"}.get(city, "rain, 12 degrees")


TOOLS = [
    ToolSpec(
        name="get_weather",
        description="Get the weather of a city.",
        parameters={"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    )
]
FUNCTIONS: Mapping[str, Callable[..., str]] = {"get_weather": get_weather}


def result_of(call: ToolCall) -> Message:
    """Return the turn that answers a call. What a model got wrong is told to it, so that it can try again."""
    try:
        if call.arguments is None:  # what came is no JSON object
            raise ValueError(call.error)
        content, failed = FUNCTIONS[call.name](**call.arguments), False
    except (KeyError, TypeError, ValueError) as error:
        content, failed = f"{type(error).__name__}: {error}", True
    print(f"[{call.name}({call.raw_arguments}) -> {content}]")
    return Message(role="tool", tool_call_id=call.id, name=call.name, content=content, is_error=failed)


async def ask(backend: backbay.Backend, question: str) -> str:
    """Return the answer to a question, after as many tool calls as it takes.

    Raises:
        RuntimeError: The model still asked for tools after ``MOST_ROUNDS``.
    """
    messages = [Message(role="user", content=question)]
    for _ in range(MOST_ROUNDS):
        answer = await backend.complete(messages, tools=TOOLS)
        if not answer.tool_calls:
            return answer.text
        messages += [answer.message, *(result_of(call) for call in answer.tool_calls)]
    raise RuntimeError(f"No answer after {MOST_ROUNDS} rounds of tools.")


async def main(name: str, question: str) -> None:
    """Ask one question, and print the answer."""
    async with backbay.connect(name) as backend:
        print(await ask(backend, question))


if __name__ == "__main__":
    given = [*sys.argv[1:], *["local:tiny", "What is the weather in Paris?"][len(sys.argv) - 1 :]]
    asyncio.run(main(given[0], given[1]))
