"""The backends that there are to install, from a list that ``scripts/backends.py`` writes into this package."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

FILE = "available.json"
"""Its name, in this package."""

_CAN = {
    "tools": "tools",
    "structured_output": "JSON Schema",
    "image_input": "images",
    "audio_input": "audio",
    "file_input": "files",
    "reasoning": "thinking",
    "hosted_tools": "hosted tools",
    "embeddings": "embeddings",
    "rerank": "reranking",
}
"""The capabilities that people choose a backend by, and how the table says them."""


@dataclass(frozen=True, slots=True)
class Available:
    """One backend of the list.

    Attributes:
        fields: What the list has of it.
    """

    fields: Mapping[str, Any]

    @property
    def name(self) -> str:
        """The backend's name."""
        return str(self.fields["name"])

    @property
    def label(self) -> str:
        """The vendor's name for people."""
        return str(self.fields["label"])

    @property
    def speaks(self) -> str:
        """Its wires, or that it has none."""
        return ", ".join(self.fields["wires"]) or "in this process"

    @property
    def can(self) -> str:
        """What it, or some of its models, can, of what people choose a backend by."""
        able = {*self.fields["capabilities"]["full"], *self.fields["capabilities"]["versioned"]}
        return ", ".join(said for capability, said in _CAN.items() if capability in able)

    @property
    def key(self) -> str:
        """The variables that may have its key."""
        variables = " or ".join(self.fields["credential_env"])
        return variables if self.fields["requires_credential"] or not variables else f"{variables} (optional)"

    @property
    def address(self) -> str | None:
        """Where its API is; ``None`` if the caller says that."""
        found = self.fields["base_url"]
        return None if found is None else str(found)

    @property
    def install(self) -> str:
        """The line that installs it."""
        return f"pip install {self.fields['distribution']}"


def listed() -> Sequence[Available]:
    """Return the backends of the list, by name."""
    found = json.loads((files(__package__) / FILE).read_text(encoding="utf-8"))
    return [Available(entry) for entry in found["backends"]]
