"""What is different about some of OpenAI's models.

Sources: OpenAI's guides to reasoning models and to GPT-5, its API reference (``reasoning``, ``stop``, ``temperature``),
and recorded errors. What is not known of a model is left to OpenAI.
"""

from __future__ import annotations

from backbay.spec import ModelRule

_SAMPLING = {"temperature": "unsupported", "top_p": "unsupported"}
_NO_STOP = {"stop": "unsupported"}
_NO_REASONING = {"reasoning": "unsupported"}
_NO_RAW = {"complete_raw": "unsupported"}
# The reference: completions are for gpt-3.5-turbo-instruct, babbage-002 and davinci-002 alone.

_RULES: dict[str, dict[str, str]] = {
    # "Only the default (1) value is supported", and "'stop' is not supported with this model" (recorded, gpt-5-mini).
    "gpt-5": {**_SAMPLING, **_NO_STOP},
    "gpt-5-chat": _NO_REASONING,
    # Later ones take sampling parameters while they do not reason, which depends on the request.
    **{f"gpt-5.{number}": {} for number in range(1, 10)},
    # The reference says of stop: not supported with the latest reasoning models o3 and o4-mini.
    "o1": _SAMPLING,
    "o3": {**_SAMPLING, **_NO_STOP},
    "o3-mini": _SAMPLING,
    "o4-mini": {**_SAMPLING, **_NO_STOP},
    # Reasoning is for gpt-5 and the o-series only; others refuse an effort, and to be asked for encrypted reasoning.
    **{
        f"{tuned}{name}": _NO_REASONING
        for tuned in ("", "ft:")
        for name in ("gpt-3.5-turbo", "gpt-4", "gpt-4-turbo", "gpt-4.1", "gpt-4o", "chatgpt-4o-latest")
    },
}

MODELS = (
    *(ModelRule(prefix=prefix, capabilities={**_NO_RAW, **changes}) for prefix, changes in _RULES.items()),
    ModelRule(prefix="gpt-3.5-turbo-instruct", capabilities=_NO_REASONING),
)
"""By the beginning of their names."""
