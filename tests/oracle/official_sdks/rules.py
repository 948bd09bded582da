"""Why an SDK and Backbay differ, and who is right: one rule for each kind of difference.

A rule names the exchanges, the facts and, where it can, how the two values must be related. What no rule explains
fails the test, and so does a rule that explains nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from .facts import Difference, arguments, total

Right = Literal["Backbay", "SDK", "both"]

MADE_ID = re.compile(r"call_[0-9a-f]{12}_\d+")
"""An id that Backbay made for a call without one."""


@dataclass(frozen=True)
class Rule:
    """One kind of difference.

    Attributes:
        name: What it is called on the page.
        right: Who is right; ``"both"``: each says what it promises to say, and loses nothing.
        why: The reason, in a sentence.
        facts: The facts that differ.
        exchanges: The whole of an exchange's id must match it.
        sdk: The SDK's distribution must match it.
        holds: What must be true of the two values.
    """

    name: str
    right: Right
    why: str
    facts: frozenset[str]
    exchanges: re.Pattern[str]
    sdk: re.Pattern[str]
    holds: Callable[[Difference], bool]

    def explains(self, difference: Difference) -> bool:
        """Whether the difference is of this kind."""
        return (
            difference.fact in self.facts
            and bool(self.exchanges.fullmatch(difference.exchange))
            and bool(self.sdk.fullmatch(difference.sdk))
            and self.holds(difference)
        )


def rule(
    name: str,
    right: Right,
    why: str,
    *,
    facts: str,
    exchanges: str,
    sdk: str = ".*",
    holds: Callable[[Difference], bool] = lambda _: True,
) -> Rule:
    """Return a rule; ``facts`` is a list with blanks, the other two are regular expressions."""
    return Rule(name, right, why, frozenset(facts.split()), re.compile(exchanges), re.compile(sdk), holds)


def failed_with(error: str) -> Callable[[Difference], bool]:
    """Return whether the SDK, or its accumulator, failed with this error."""
    return lambda difference: str(difference.theirs).startswith(error)


def _given_ids(difference: Difference) -> bool:
    return _as_many(difference) and not any(difference.theirs) and all(map(MADE_ID.fullmatch, difference.ours))


def _lost_ids(difference: Difference) -> bool:
    return _as_many(difference) and not any(difference.theirs) and not any(map(MADE_ID.fullmatch, difference.ours))


def _as_many(difference: Difference) -> bool:
    return len(difference.ours) == len(difference.theirs)


def _without_reasoning(difference: Difference) -> bool:
    return bool(difference.ours == total(difference.theirs, difference.all_ours["reasoning"]))


def _is_its_json(difference: Difference) -> bool:
    return isinstance(difference.theirs, dict) and bool(arguments(difference.ours) == difference.theirs)


def _doubled(difference: Difference) -> bool:
    if difference.fact == "tool_call_ids":
        return bool(difference.theirs == [2 * name for name in difference.ours])
    return bool(difference.theirs == [(2 * name, given) for name, given in difference.ours])


def _unknown(difference: Difference) -> bool:
    return difference.theirs in (None, "", []) and difference.ours not in (None, "", [])


RULES: tuple[Rule, ...] = (
    rule(
        "A call without an id",
        "both",
        "The vendor sent no id, or an empty one. The SDK hands that on; Backbay makes one, so that a tool's result can "
        "always name its call.",
        facts="tool_call_ids",
        exchanges=r"(google|vertex)/.*|ollama/api_chat/.*|openai/chat/tools/002",
        holds=_given_ids,
    ),
    rule(
        "A call's id is lost",
        "Backbay",
        "Newer versions of Ollama send an id with each call; the SDK has no field for it.",
        facts="tool_call_ids",
        exchanges=r"ollama/api_chat/.*",
        sdk="ollama",
        holds=_lost_ids,
    ),
    rule(
        "Id and name repeated in every delta",
        "Backbay",
        "A provider behind OpenRouter repeats a call's id and name in each delta; the SDK's accumulator joins them, "
        "and no tool has the doubled name.",
        facts="tool_calls tool_call_ids",
        exchanges=r"openrouter/chat/tools_stream/001",
        sdk="openai",
        holds=_doubled,
    ),
    rule(
        "Reasoning beside the output",
        "both",
        "xAI counts reasoning tokens beside the completion's; the SDK shows its figure, Backbay's output has them in "
        "it, as with every vendor.",
        facts="output",
        exchanges=r"xai/chat/.*",
        sdk="openai",
        holds=_without_reasoning,
    ),
    rule(
        "An answer cut at its limit is raised",
        "both",
        "The SDK's accumulator raises LengthFinishReasonError by design, with the completion in it. The other facts "
        "were read from there, and agree.",
        facts="accumulator",
        exchanges=r".*",
        sdk="openai",
        holds=failed_with("LengthFinishReasonError"),
    ),
    rule(
        "An incomplete response is raised",
        "Backbay",
        "A response that is cut at its limit ends with response.incomplete; the SDK's accumulator waits for "
        "response.completed alone. Its single events agree with Backbay.",
        facts="accumulator",
        exchanges=r"(openai|azure)/responses/length_stream/.*",
        sdk="openai",
        holds=failed_with("RuntimeError"),
    ),
    rule(
        "Deltas of calls without an index",
        "Backbay",
        "The SDK's accumulator takes the index as a place in a list, and fails where there is none. Its single chunks "
        "agree with Backbay.",
        facts="accumulator",
        exchanges=r"(google/openai_compat_chat|ollama/chat|mistral/chat)/tools_stream/.*",
        sdk="openai",
        holds=failed_with("TypeError"),
    ),
    rule(
        "Chunks that do not name their object",
        "Backbay",
        "The SDK's accumulator skips chunks whose object is not chat.completion.chunk; some servers leave the field "
        "out, and then nothing is left. Its single chunks agree with Backbay.",
        facts="accumulator",
        exchanges=r"(ai21|copilot|zai)/chat/.*_stream/.*|ai21/chat/stream/001",
        sdk="openai",
        holds=failed_with("AssertionError"),
    ),
    rule(
        "The finish reason in a chunk of another object",
        "Backbay",
        "Perplexity's last chunk calls itself chat.completion.done; the SDK's accumulator skips it, and the finish "
        "reason with it.",
        facts="finish",
        exchanges=r"perplexity/chat/citations_stream/001",
        sdk="openai",
        holds=_unknown,
    ),
    rule(
        "Calls that do not name their type",
        "Backbay",
        "The SDK's accumulator asserts that a call says it is a function; vLLM and Writer leave that out. Its single "
        "chunks agree with Backbay.",
        facts="accumulator",
        exchanges=r"(vllm/chat|writer/chat_v1)/.*tools_stream/.*",
        sdk="openai",
        holds=failed_with("AssertionError"),
    ),
    rule(
        "Citations in a delta",
        "Backbay",
        "The SDK's accumulator wants an index in every list of a delta, and OpenRouter's annotations have none. Its "
        "single chunks agree with Backbay.",
        facts="accumulator",
        exchanges=r"openrouter/chat/citations_stream/001",
        sdk="openai",
        holds=failed_with("RuntimeError"),
    ),
    rule(
        "The only part has number 1",
        "Backbay",
        "Bedrock numbers a message's only content part 1; the SDK's accumulator takes that as a place in a list, and "
        "fails. The terminal event agrees with Backbay.",
        facts="accumulator",
        exchanges=r"bedrock/responses/thinking_stream/001",
        sdk="openai",
        holds=failed_with("IndexError"),
    ),
    rule(
        "The answer's id changes in the stream",
        "both",
        "Copilot gives each event another id. The SDK's accumulator refuses that, and its single events end with the "
        "last; Backbay's answer has the first, which Started has told before.",
        facts="accumulator id",
        exchanges=r"copilot/responses/thinking_stream/.*",
        sdk="openai",
    ),
    rule(
        "A terminal event without output",
        "Backbay",
        "ChatGPT's backend ends its streams with an empty output; the SDK gives that, and the text and the calls of "
        "the stream are gone. Backbay collects the items as they are done.",
        facts="text tool_calls tool_call_ids",
        exchanges=r"chatgpt/responses/.*_stream/.*|chatgpt/responses/stream/001",
        sdk="openai",
        holds=_unknown,
    ),
    rule(
        "Content that is an object",
        "Backbay",
        "Cloudflare sends structured output as a JSON object where a string belongs; the SDK hands the object on in a "
        "field that it declares as text. Backbay's text is its JSON.",
        facts="text",
        exchanges=r"cloudflare/chat/structured/.*",
        sdk="openai",
        holds=_is_its_json,
    ),
    rule(
        "Content that is a list",
        "Backbay",
        "Mistral's models that think send a list of chunks where OpenAI's wire has text; OpenAI's SDK hands the list "
        "on, and in a stream drops the first piece of text after it. Mistral's own SDK agrees with Backbay.",
        facts="text thinking",
        exchanges=r"mistral/chat/thinking(_stream)?/.*",
        sdk="openai",
    ),
    rule(
        "Reasoning in a list of its own",
        "Backbay",
        "OpenAI's SDK has no field for reasoning; what vendors add as reasoning or reasoning_content can be read all "
        "the same. Here it is in reasoning_details alone.",
        facts="thinking",
        exchanges=r"openrouter/chat/thinking/002|snowflake/chat/thinking_stream/001",
        sdk="openai",
        holds=_unknown,
    ),
    rule(
        "Empty in place of absent",
        "both",
        "Snowflake sends an empty id, refusal and finish reason. The SDK hands that on; in Backbay what has no value "
        "is None.",
        facts="id refusal finish",
        exchanges=r"snowflake/chat/.*",
        sdk="openai",
        holds=lambda difference: difference.ours is None and difference.theirs == "",
    ),
    rule(
        "Usage in a field of Groq's",
        "Backbay",
        "Without a request for usage, Groq sends it in x_groq alone. Groq's own SDK has that field, and agrees; "
        "OpenAI's has not.",
        facts="input output",
        exchanges=r"groq/chat/(stream|server_tools_stream)/001",
        sdk="openai",
        holds=_unknown,
    ),
    rule(
        "Usage taken back",
        "Backbay",
        "A chunk with results of moderation, and usage null, follows the one with the usage; the SDK's accumulator "
        "keeps the null.",
        facts="input output cached reasoning",
        exchanges=r"openai/chat/stream/002",
        sdk="openai",
        holds=lambda difference: difference.theirs is None,
    ),
    rule(
        "Vectors of signed bytes",
        "Backbay",
        "Perplexity's base64 holds signed bytes (its guide to embeddings); the SDK takes any base64 for 32-bit floats, "
        "and gives numbers that mean nothing.",
        facts="vectors",
        exchanges=r"perplexity/embeddings/embeddings/.*",
        sdk="openai",
    ),
    rule(
        "A stream as a JSON array",
        "Backbay",
        "Gemini sends an array where alt=sse is not asked for. The SDK always asks for it; given an array, it fails, "
        "or ends without an answer and without an error.",
        facts="failed text finish model id input output reasoning",
        exchanges=r"google/generateContent/(thinking_stream/001|tool_result_stream/002)"
        r"|vertex/generateContent/(stream/002|structured_stream/001)",
        sdk="google-genai",
        holds=lambda difference: _unknown(difference) or failed_with("UnknownApiResponseError")(difference),
    ),
    rule(
        "Enumerations as numbers",
        "Backbay",
        "Vertex AI sends finish reasons as numbers where the query asks so (enum-encoding=int); the SDK never asks, "
        "and fails on them.",
        facts="failed",
        exchanges=r"vertex/generateContent/(plain|thinking_tools)/002",
        sdk="google-genai",
        holds=failed_with("AttributeError"),
    ),
    rule(
        "[DONE] where none is expected",
        "Backbay",
        "OpenRouter's endpoint of Anthropic's messages ends its stream with [DONE], which the SDK reads as JSON. "
        "Backbay has the whole answer by then.",
        facts="failed",
        exchanges=r"openrouter/messages/length_stream/001",
        sdk="anthropic",
        holds=failed_with("JSONDecodeError"),
    ),
    rule(
        "An error with status 200",
        "Backbay",
        "The body is an error object. The SDK gives a completion in which every field is None.",
        facts="raised",
        exchanges=r"(azure|openrouter)/chat/error_in_200/001",
        sdk="openai",
    ),
    rule(
        "An error as a finish reason",
        "Backbay",
        "Cohere ends the stream with message-end, finish_reason ERROR and an error text; the SDK gives that event as "
        "any other, without its text.",
        facts="raised",
        exchanges=r"cohere/chat_v2/error_in_stream/001",
        sdk="cohere",
    ),
    rule(
        "Status of an error in a stream",
        "both",
        "Both raise. The SDK's error has no status, Backbay's the 200 with which the stream began.",
        facts="error_status",
        exchanges=r"(groq|openrouter)/chat/error_in_stream/.*",
        sdk="openai|groq",
        holds=lambda difference: difference.ours == 200 and difference.theirs is None,
    ),
    rule(
        "A missing model with status 400",
        "both",
        "The SDK's class goes by the status alone; Backbay's by the vendor's code, which says that there is no such "
        "model.",
        facts="error_kind",
        exchanges=r"(groq/chat|mistral/embeddings|openai/responses)/error_400/.*",
        sdk="openai|groq",
        holds=lambda difference: (difference.ours, difference.theirs) == ("not found", "bad request"),
    ),
    rule(
        "A code beside a text",
        "Backbay",
        "xAI's errors are a code and a text side by side. The SDK takes the text for the whole error, and has no code.",
        facts="error_code",
        exchanges=r"xai/(chat|responses)/error_40\d/.*",
        sdk="openai",
        holds=lambda difference: bool(difference.ours) and not difference.theirs,
    ),
    rule(
        "A code in a header",
        "Backbay",
        "Amazon names the kind of error in the header x-amzn-errortype, which Anthropic's SDK does not read.",
        facts="error_code",
        exchanges=r"bedrock/invoke/error_\d+/.*",
        sdk="anthropic",
        holds=lambda difference: bool(difference.ours) and not difference.theirs,
    ),
    rule(
        "No code at all",
        "both",
        "The vendor sent none. The SDK puts the status there; Backbay leaves it empty.",
        facts="error_code",
        exchanges=r"bedrock/converse/error_429/.*",
        sdk="boto3",
        holds=lambda difference: difference.ours is None and difference.theirs == ["429"],
    ),
)


def explanation(difference: Difference) -> Rule | None:
    """Return the rule that explains a difference, or ``None``."""
    return next((rule for rule in RULES if rule.explains(difference)), None)
