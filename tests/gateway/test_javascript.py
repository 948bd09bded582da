"""The official JavaScript clients do at the gateway what they do at the vendor, whatever is behind it."""

from __future__ import annotations

import json
import os
import subprocess
import time
from pathlib import Path

import pytest
from gateway_clients.abilities import cases
from gateway_clients.asking import PARAMETERS, PIXEL, TOOL, WEATHER_QUESTION, WEATHER_RESULT, WRONG_KEY, Person
from gateway_clients.places import ENGINES

SCRIPTS = {
    "openai (JavaScript), chat": "openai-chat",
    "openai (JavaScript), responses": "openai-responses",
    "@anthropic-ai/sdk": "anthropic",
}
RUN = Path(__file__).with_name("js") / "run.mjs"
ROLES = ("pong", "weather", "person", "pixel", "slow", "embed", "error-400", "error-429", "error-503", "error-529")


def asked(place):
    """Return what a script is told of a place."""
    schema = {**Person.model_json_schema(), "additionalProperties": False}
    return {
        "url": place.gateway.url,
        "key": place.gateway.key,
        "wrong": WRONG_KEY,
        "engine": place.name in ENGINES,
        "models": {role: place.model(role) for role in ROLES},
        "question": place.question,
        "says": place.says,
        "result": place.result,
        "prompts": {"weather": WEATHER_QUESTION, "result": WEATHER_RESULT, "long": place.long_question},
        "tool": TOOL,
        "parameters": PARAMETERS,
        "schema": schema,
        "pixel": PIXEL,
    }


@pytest.mark.parametrize(("client", "ability", "place"), list(cases(*SCRIPTS)))
def test_the_sdk_works(at, client, ability, place):
    there = at(place)
    before = there.left()
    command = ["node", str(RUN), SCRIPTS[client], ability]
    given = {**os.environ, "ASKED": json.dumps(asked(there))}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, env=given, **pipes) as process:
        if ability == "cancel":
            line = process.stdout.readline()
            now = time.monotonic()
            took = there.until_left(before, now) if line == "left\n" else None
        said = process.communicate(timeout=30)[1]
        assert process.returncode == 0, said[-2000:]
    if ability == "cancel":
        assert took < (0.25 if there.vendor is not None else 2.0)
