"""The completions wire, emulated: what continues a text beside the chat-completions and the responses wire.

Source: OpenAI's API reference, Completions (legacy), and recorded traffic of OpenAI, Together and vLLM.
"""

from __future__ import annotations

import json
from typing import Any

from backbay import Finish
from backbay.testing import Received

from ..scenarios import Answer
from ..vendor import ANSWER_ID, MODEL, RawAsked

_WORDS = {Finish.STOP: "stop", Finish.LENGTH: "length", Finish.CONTENT_FILTER: "content_filter"}


class CompletionsVendor:
    """The part of an emulator that continues texts as OpenAI does."""

    def raw(self, answer: Answer) -> bytes:
        """Return a ``text_completion``."""
        choice = {"text": "".join(answer.text), "index": 0, "logprobs": None, "finish_reason": _WORDS[answer.finish]}
        body = {"id": ANSWER_ID, "object": "text_completion", "created": 1, "model": MODEL, "choices": [choice]}
        return json.dumps(body | _usage(answer), ensure_ascii=False).encode()

    def read_raw(self, request: Received) -> RawAsked:
        """Return what a request asked."""
        if request.method != "POST" or "/chat/" in request.path or not request.path.endswith("/completions"):
            raise ValueError(f"{request.method} {request.path} is no completion")
        body = request.json
        if body.get("stream") is True:
            raise ValueError("it asks for a stream")
        form = body.get("response_format") or {}
        return RawAsked(
            model=body.get("model"),
            prompt=body.get("prompt"),
            temperature=body.get("temperature"),
            top_p=body.get("top_p"),
            max_tokens=body.get("max_tokens"),
            stop=tuple(body.get("stop") or ()),
            seed=body.get("seed"),
            schema=body.get("json_schema", form.get("json_schema", {}).get("schema")),
            body=body,
        )


def _usage(answer: Answer) -> dict[str, Any]:
    if answer.usage is None:
        return {}
    prompt, completion = answer.usage
    usage: dict[str, Any] = {"prompt_tokens": prompt, "completion_tokens": completion}
    usage["total_tokens"] = prompt + completion
    if answer.cached is not None:
        usage["prompt_tokens_details"] = {"cached_tokens": answer.cached}
    return {"usage": usage}
