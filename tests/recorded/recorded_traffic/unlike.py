"""Where a request of ours differs from a recorded one, and why that is right."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Unlike:
    """One kind of difference.

    Attributes:
        exchanges: A pattern of the exchanges' ids.
        said: A pattern of the difference, or of the error with which we refuse the request.
        why: Why ours is right.
    """

    exchanges: str
    said: str
    why: str

    def explains(self, exchange_id: str, difference: str) -> bool:
        """Whether this is the kind of a difference."""
        return bool(re.fullmatch(self.exchanges, exchange_id) and re.search(self.said, difference, re.DOTALL))


UNLIKE = (
    Unlike("azure/chat/.*", "^/model is not sent", "the deployment is named in the path; the vendor ignores the field"),
    Unlike(
        "(deepseek|zai)/chat/.*",
        "^/thinking is sent.*'enabled'",
        "an effort is asked for with thinking switched on, as the vendors' guides have it",
    ),
    Unlike(
        "openrouter/chat/.*",
        "^/reasoning(_effort)? is",
        "the vendor takes an effort in either form; ours has a place for a budget too",
    ),
    Unlike(
        "(ollama|gpustack)/chat/.*",
        r"^/messages/\d+/reasoning(_content)? is not sent",
        "the client that was recorded sends thinking back under two names; ours sends the vendor's",
    ),
    Unlike(
        "lmstudio/chat/plain/.*", "max_tokens must be from 1", "-1 means no limit there; ours leaves it out for that"
    ),
    Unlike("lmstudio/chat/length/.*", "^/max_tokens: 50, recorded '50'|^/max_tokens: '50'", "a number as a string"),
    Unlike("huggingface/chat/vision/001", "Extra inputs", "a part without a type, which the vendor refused"),
    Unlike("ollama/chat/tools_stream/.*", "forced_tool_choice", "the server ignores a forced choice; ours refuses it"),
    Unlike("openai/chat/cache/002", "prompt_cache_breakpoint", "written as a cache mark of ours: TextPart(cache=...)"),
    Unlike("openai/chat/error_400/002", "stop needs stop", "the recorded answer is the refusal; ours is before it"),
    Unlike("openai/chat/tool_result/001", "requires_confirmation", "fields of the recorded client's own"),
    Unlike("writer/chat_v1/tool_result_stream/001", "'id'", "a tool call without an id, which ours wants"),
    Unlike("xai/chat/thinking_tools/002", "^/tool_choice", "the recorded client's own spelling of a forced tool"),
    Unlike("zai/chat/.*", "needs tool_call_id", "a tool's result must say which call it answers"),
)
"""Every kind there is. A kind that explains nothing fails the test."""
