"""Reads Bedrock's Converse exchanges with Amazon's SDK."""

from __future__ import annotations

import base64
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError
from recorded_traffic.corpus import Exchange

from .facts import Facts, arguments, sdk_error, total

NAME = "boto3"
MESSAGES: Any = [{"role": "user", "content": [{"text": "Say pong."}]}]


def reads(exchange: Exchange) -> bool:
    """Whether the exchange is of an API that this SDK has."""
    return (exchange.vendor, exchange.api) == ("bedrock", "converse")


def read(exchange: Exchange, root: str) -> Facts:
    """Make the SDK's ordinary call, and return the facts of what it gives."""
    client = boto3.client(
        "bedrock-runtime",
        region_name="us-east-1",
        endpoint_url=root,
        aws_access_key_id="recorded",
        aws_secret_access_key="recorded",
        config=Config(retries={"total_max_attempts": 1}),
    )
    try:
        if exchange.streamed:
            return answer(assembled(client.converse_stream(modelId="recorded", messages=MESSAGES)["stream"]))
        return answer(client.converse(modelId="recorded", messages=MESSAGES))
    finally:
        client.close()


def error(raised: Exception) -> Facts | None:
    """Return the facts of an error of the API, or ``None`` for any other exception."""
    if not isinstance(raised, ClientError):
        return None
    status = raised.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    return sdk_error(raised, status, raised.response["Error"].get("Code"))


def answer(found: Any) -> Facts:
    """Return the facts of an answer. Converse counts cached tokens beside the input ones; here they are in it."""
    usage = found.get("usage") or {}
    content = found["output"]["message"]["content"]
    # A tool that Amazon runs stands among the calls, and says so.
    calls = [
        block["toolUse"]
        for block in content
        if "toolUse" in block and block["toolUse"].get("type") != "server_tool_use"
    ]
    thoughts = [block["reasoningContent"] for block in content if "reasoningContent" in block]
    texts = [thought["reasoningText"] for thought in thoughts if "reasoningText" in thought]
    redacted = [thought["redactedContent"] for thought in thoughts if "redactedContent" in thought]
    return {
        "text": "".join(spoken(block) for block in content),
        "thinking": "".join(text["text"] for text in texts) or None,
        "tool_calls": [(call["name"], arguments(call["input"])) for call in calls],
        "tool_call_ids": [call["toolUseId"] for call in calls],
        "finish": found["stopReason"],
        "signatures": [text["signature"] for text in texts if text.get("signature")]
        + [base64.b64encode(data).decode() for data in redacted],
        "input": total(usage.get("inputTokens"), usage.get("cacheReadInputTokens"), usage.get("cacheWriteInputTokens")),
        "output": usage.get("outputTokens"),
        "cached": usage.get("cacheReadInputTokens"),
        "cache_written": usage.get("cacheWriteInputTokens"),
    }


def spoken(block: Any) -> str:
    """Return a block's text, which is in parts where it has citations."""
    cited = block.get("citationsContent", {}).get("content", [])
    return block.get("text", "") + "".join(part.get("text", "") for part in cited)


def assembled(stream: Any) -> Any:
    """Return the events of a stream as the answer that Converse gives without one; the SDK has no accumulator."""
    blocks: dict[int, dict[str, Any]] = {}
    found: dict[str, Any] = {"output": {"message": {"content": []}}, "stopReason": None}
    for event in stream:
        if "contentBlockStart" in event:
            start = event["contentBlockStart"]
            if "toolUse" in start["start"]:
                blocks[start["contentBlockIndex"]] = {"toolUse": {**start["start"]["toolUse"], "input": ""}}
        elif "contentBlockDelta" in event:
            delta = event["contentBlockDelta"]
            _grow(blocks.setdefault(delta["contentBlockIndex"], {}), delta["delta"])
        elif "messageStop" in event:
            found["stopReason"] = event["messageStop"]["stopReason"]
        elif "metadata" in event:
            found["usage"] = event["metadata"].get("usage")
    found["output"]["message"]["content"] = [blocks[index] for index in sorted(blocks)]
    return found


def _grow(block: dict[str, Any], delta: dict[str, Any]) -> None:
    if "text" in delta:
        block["text"] = block.get("text", "") + delta["text"]
    if "toolUse" in delta:
        block["toolUse"]["input"] += delta["toolUse"]["input"]
    thought = delta.get("reasoningContent")
    if thought and "redactedContent" in thought:
        block["reasoningContent"] = thought
    elif thought:
        text = block.setdefault("reasoningContent", {"reasoningText": {"text": ""}})["reasoningText"]
        text["text"] += thought.get("text", "")
        if "signature" in thought:
            text["signature"] = text.get("signature", "") + thought["signature"]
