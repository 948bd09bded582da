"""The canonical requests, and the canonical answers that every vendor must decode to.

The suite owns both; a vendor's emulator owns the bytes between them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from backbay import Finish, Message, ToolCall
from backbay.capabilities import Capability
from backbay.request import Options

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
"""A PNG of one pixel, in base64."""

WEATHER = {
    "name": "get_weather",
    "description": "Get the weather of a city.",
    "parameters": {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
        "additionalProperties": False,
    },
}
PERSON = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
    "required": ["name", "age"],
    "additionalProperties": False,
}


@dataclass(frozen=True, slots=True)
class Call:
    """A tool call in an answer; ``arguments`` is JSON text, in the pieces in which it comes."""

    id: str
    name: str
    arguments: tuple[str, ...]

    @property
    def raw(self) -> str:
        """The arguments, whole."""
        return "".join(self.arguments)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a vendor says, in the pieces in which it says it.

    Attributes:
        text: Pieces of the text.
        thinking: Pieces of what was thought before it.
        calls: Tool calls.
        finish: Why it ends. The emulator knows the vendor's word for that.
        refusal: Pieces of a refusal, where the vendor refuses in a field of its own.
        usage: Input and output tokens; ``None`` for an answer that says nothing of them.
        cached: Input tokens that came from a cache, or ``None``.
        reasoning: Output tokens spent on thinking, or ``None``.
        signature: What the vendor signed its turn with, for those that do (``Vendor.resends_thinking``); to be sent
            back byte for byte. Others ignore it.
        dialect: The name of the way to tell of usage, one of ``Vendor.dialects``; ``None`` is the usual one.
    """

    text: tuple[str, ...] = ()
    thinking: tuple[str, ...] = ()
    calls: tuple[Call, ...] = ()
    finish: Finish = Finish.STOP
    refusal: tuple[str, ...] = ()
    usage: tuple[int, int] | None = (12, 5)
    cached: int | None = None
    reasoning: int | None = None
    signature: str | None = None
    dialect: str | None = None


@dataclass(frozen=True, slots=True)
class Scenario:
    """A request, and the answer to it.

    Attributes:
        name: What it is about; names the exchanges that a plugin may ship.
        answer: What the vendor answers.
        messages: What is asked.
        options: Options of the call.
        needs: Capabilities without which it makes no sense.
    """

    name: str
    answer: Answer
    messages: str | Sequence[Message] = "Say pong."
    options: Options = field(default_factory=Options)
    needs: tuple[Capability, ...] = ()

    def __str__(self) -> str:
        return self.name


def _turns() -> tuple[Message, ...]:
    calls = (
        ToolCall(id="call_a", name="get_weather", arguments={"city": "Zagreb"}),
        ToolCall(id="call_b", name="get_weather", arguments={"city": "Split"}),
    )
    return (
        Message(role="user", content="What is the weather in Zagreb and in Split?"),
        Message(role="assistant", tool_calls=calls),
        Message(role="tool", tool_call_id="call_a", name="get_weather", content="sunny, 21"),
        Message(role="tool", tool_call_id="call_b", name="get_weather", content="rain, 17"),
    )


_TOOLS: Options = {"tools": [WEATHER]}
_CALL = Call("call_a", "get_weather", ("", '{"ci', 'ty": "Zag', 'reb"}'))
_SECOND = Call("call_b", "get_weather", ('{"city":', ' "Split"}'))

PLAIN = Scenario("plain", Answer(text=("po", "ng", ".")))

SCENARIOS: Mapping[str, Scenario] = {
    scenario.name: scenario
    for scenario in (
        PLAIN,
        Scenario(
            "unicode",
            Answer(text=("Zdravo, ", "čovječe 🌍", "\u2028line\u0085next", "👩‍👩‍👧 e\u0301")),
            "Bok! 🌍 čćžšđ",
        ),
        Scenario("white_space", Answer(text=("\n\n", "  kept  ", "\n"))),
        Scenario("empty_answer", Answer(usage=(12, 0))),
        Scenario("long_answer", Answer(text=tuple(f"word{number} " for number in range(400)), usage=(12, 800))),
        Scenario(
            "length_stop",
            Answer(text=("one two",), finish=Finish.LENGTH),
            options={"max_tokens": 2},
            needs=(Capability.MAX_TOKENS,),
        ),
        Scenario("stop_sequence", Answer(text=("one ",)), options={"stop": ["two"]}, needs=(Capability.STOP,)),
        Scenario("no_usage", Answer(text=("pong",), usage=None)),
        Scenario("cached_usage", Answer(text=("pong",), usage=(1200, 5), cached=1024)),
        Scenario(
            "system_prompt",
            Answer(text=("Arr, pong.",)),
            (Message(role="system", content="You are a pirate."), Message(role="user", content="Say pong.")),
            needs=(Capability.SYSTEM_PROMPT,),
        ),
        Scenario(
            "multi_turn",
            Answer(text=("Ana",)),
            (
                Message(role="user", content="My name is Ana."),
                Message(role="assistant", content="Hello, Ana."),
                Message(role="user", content="What is my name?"),
            ),
        ),
        Scenario(
            "thinking",
            Answer(text=("4",), thinking=("2 and ", "2 make 4."), usage=(12, 9), reasoning=7),
            "What is 2 + 2?",
            options={"reasoning": "low"},
            needs=(Capability.REASONING,),
        ),
        Scenario(
            "one_tool", Answer(calls=(_CALL,), finish=Finish.TOOL_CALLS), options=_TOOLS, needs=(Capability.TOOLS,)
        ),
        Scenario(
            "text_and_tool",
            Answer(text=("Let me ", "look."), calls=(_CALL,), finish=Finish.TOOL_CALLS),
            options=_TOOLS,
            needs=(Capability.TOOLS,),
        ),
        Scenario(
            "parallel_tools",
            Answer(calls=(_CALL, _SECOND), finish=Finish.TOOL_CALLS),
            options={"tools": [WEATHER], "parallel_tool_calls": True},
            needs=(Capability.TOOLS, Capability.PARALLEL_TOOL_CALLS),
        ),
        Scenario(
            "no_arguments",
            Answer(calls=(Call("call_a", "get_weather", ("",)),), finish=Finish.TOOL_CALLS),
            options=_TOOLS,
            needs=(Capability.TOOLS,),
        ),
        Scenario(
            "malformed_arguments",
            Answer(calls=(Call("call_a", "get_weather", ('{"city": "Za',)),), finish=Finish.LENGTH),
            options=_TOOLS,
            needs=(Capability.TOOLS,),
        ),
        Scenario("tool_results", Answer(text=("Sunny, ", "and rain.")), _turns(), _TOOLS, (Capability.TOOLS,)),
        Scenario(
            "forced_tool",
            Answer(calls=(_CALL,), finish=Finish.TOOL_CALLS),
            options={"tools": [WEATHER], "tool_choice": "get_weather"},
            needs=(Capability.TOOLS, Capability.FORCED_TOOL_CHOICE),
        ),
        Scenario(
            "forbidden_tool",
            Answer(text=("I may not.",)),
            options={"tools": [WEATHER], "tool_choice": "none"},
            needs=(Capability.TOOLS,),
        ),
        Scenario(
            "structured_output",
            Answer(text=('{"name": "Ana",', ' "age": 31}')),
            "Ana is 31.",
            {"response_format": PERSON},
            (Capability.STRUCTURED_OUTPUT,),
        ),
        Scenario(
            "image_input",
            Answer(text=("A pixel.",)),
            (Message(role="user", content="What is this?", images=(PIXEL,)),),
            needs=(Capability.IMAGE_INPUT,),
        ),
        Scenario("refusal", Answer(refusal=("I cannot ", "do that."), finish=Finish.CONTENT_FILTER)),
        Scenario("filtered", Answer(text=("I",), finish=Finish.CONTENT_FILTER)),
    )
}
"""Every scenario, by name."""
