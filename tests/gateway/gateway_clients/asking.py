"""What the clients ask for, the same in every one."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
"""A PNG of one pixel, in base64."""
WEATHER_QUESTION = "What is the weather in Paris?"
WEATHER_RESULT = '{"temperature": 21, "sky": "sunny"}'
PARAMETERS: dict[str, Any] = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
TOOL = {"name": "get_weather", "description": "Get the weather in a city."}
WRONG_KEY = "bb_nobody000000_notthekeyofthisgatewayatallnotatall"
MANY = 200
"""Tokens of an answer at most."""


class Person(BaseModel):
    """What is to be parsed."""

    name: str
    age: int
