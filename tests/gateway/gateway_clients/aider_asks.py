"""Run by the Python of aider's own environment: ``aider_asks.py ABILITY URL KEY MODEL PROMPT``; prints the answer."""

from __future__ import annotations

import json
import os
import sys


def main(ability: str, url: str, key: str, model: str, prompt: str) -> None:
    """Ask as aider's coders do, through ``aider.models.Model``."""
    os.environ |= {"OPENAI_API_BASE": f"{url}/v1", "OPENAI_API_KEY": key, "AIDER_ANALYTICS": "false"}
    os.environ |= {"LITELLM_LOCAL_MODEL_COST_MAP": "True"}
    from aider.models import Model

    found = Model(f"openai/{model}")
    found.use_temperature = 0
    messages = [{"role": "user", "content": prompt}]
    try:
        _, answer = found.send_completion(messages, functions=None, stream=ability == "stream", temperature=0)
        if ability == "stream":
            pieces = [chunk.choices[0].delta.content or "" for chunk in answer if chunk.choices]
        else:
            pieces = [answer.choices[0].message.content]
    except Exception as error:
        print(json.dumps({"error": type(error).__name__}))
    else:
        print(json.dumps({"pieces": pieces}))


if __name__ == "__main__":
    main(*sys.argv[1:])
