"""aider's client library, in an environment of its own: it pins what everybody else has newer."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from .asking import WRONG_KEY
from .places import Place


class Aider:
    """``aider.models.Model``, by the Python that ``BACKBAY_AIDER`` names."""

    def __init__(self, place: Place) -> None:
        self.place = place

    def ask(self, ability: str, key: str | None = None, model: str | None = None) -> dict[str, Any]:
        script = Path(__file__).with_name("aider_asks.py")
        name = model or self.place.model("pong")
        words = [ability, self.place.gateway.url, key or self.place.gateway.key, name]
        command = [os.environ["BACKBAY_AIDER"], str(script), *words, self.place.question]
        said = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout
        found: dict[str, Any] = json.loads(said.splitlines()[-1])
        return found

    def plain(self) -> None:
        assert self.ask("plain") == {"pieces": [self.place.says]}

    def stream(self) -> None:
        pieces = self.ask("stream")["pieces"]
        assert "".join(pieces) == self.place.says
        assert sum(map(bool, pieces)) > 1

    def wrong_key(self) -> None:
        found = self.ask("wrong_key", WRONG_KEY)
        assert found == {"error": "AuthenticationError"}, found

    def unknown_model(self) -> None:
        found = self.ask("unknown_model", model="nobody:nothing")
        assert found == {"error": "NotFoundError"}, found

    def rate_limit(self) -> None:
        found = self.ask("rate_limit", model=self.place.model("error-429"))
        assert found == {"error": "RateLimitError"}, found
