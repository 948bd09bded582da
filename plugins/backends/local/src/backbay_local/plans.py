"""Which file a model's name means, and how the engine is to run it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from backbay.errors import ConfigurationError, ModelNotFoundError

from .gguf import Head, read_head

TINY = "tiny"
"""Name of the model that ships with this distribution."""

TINY_PATH = Path(__file__).parent / "models" / "backbay-tiny-q8_0.gguf"

SLOTS = 4
"""Requests at once, where the caller does not say."""

USUAL_CONTEXT = 4096
"""Tokens of a slot at most, where the caller does not say: all of a large model's would often not fit the memory."""


@dataclass(frozen=True, slots=True)
class Choices:
    """What the caller chose; ``None`` leaves it to the model.

    Attributes:
        context: Tokens of one slot; 0 for all that the model was trained on.
        slots: Requests at once.
        threads: Processor threads.
    """

    context: int | None = None
    slots: int | None = None
    threads: int | None = None

    @classmethod
    def of(cls, config: Mapping[str, object]) -> Choices:
        """Read ``connect``'s arguments.

        Raises:
            ConfigurationError: One is no whole number, or out of its bounds.
        """
        return cls(
            _whole(config, "context", 0, 1 << 24),
            _whole(config, "slots", 1, 256),
            _whole(config, "threads", 1, 512),
        )


@dataclass(frozen=True, slots=True)
class Plan:
    """All that tells one engine from another; backends with equal plans share one.

    Attributes:
        path: The model's file, absolute.
        name: What the engine calls the model in its answers.
        context: Tokens of one slot.
        slots: Requests at once.
        threads: Processor threads.
        embedding: Whether the engine is to give vectors rather than answers.
    """

    path: str
    name: str
    context: int
    slots: int
    threads: int
    embedding: bool = False


@dataclass(frozen=True, slots=True)
class ModelFile:
    """A model that is there.

    Attributes:
        id: What the caller calls it.
        path: Its file, absolute.
        head: What the file says of it.
    """

    id: str
    path: Path
    head: Head

    @property
    def tiny(self) -> bool:
        """Whether it is the one that ships here."""
        return self.id == TINY

    def context(self, choices: Choices) -> int:
        """Return the tokens of one slot.

        Raises:
            ConfigurationError: More was chosen than the model was trained on.
        """
        trained = self.head.context
        if choices.context and trained and choices.context > trained:
            raise ConfigurationError(
                f"context is {choices.context} tokens, and {self.id} was trained on {trained}.",
                hint=f"Give {trained} at most, or 0 for all of it.",
            )
        if choices.context == 0:
            return trained or USUAL_CONTEXT
        return choices.context or min(trained or USUAL_CONTEXT, USUAL_CONTEXT)

    def plan(self, choices: Choices, *, embedding: bool = False) -> Plan:
        """Return how the engine is to run it; raises as ``context`` does."""
        return Plan(
            path=str(self.path),
            name=TINY if self.tiny else self.path.name,
            context=self.context(choices),
            slots=choices.slots or SLOTS,
            # On busy processors ggml's threads wait for each other: with two, the tiny model was 100 times slower.
            threads=choices.threads or (1 if self.tiny else max(1, _processors() // 2)),
            embedding=embedding,
        )


def find(model: str) -> ModelFile:
    """Return the file of a model: ``"tiny"``, or a path (``~`` and relative ones too). Reads the head of the file.

    Raises:
        ModelNotFoundError: There is no such model or file.
        ConfigurationError: It is a folder, cannot be read, or is no GGUF file.
    """
    path = TINY_PATH if model == TINY else Path(model).expanduser()
    try:
        path = path.absolute()
        if path.is_dir():
            raise ConfigurationError(f"{path} is a folder.", hint=_inside(path))
        return ModelFile(model, path, read_head(path))
    except FileNotFoundError:
        raise _not_found(model, path) from None
    except (OSError, ValueError) as failure:
        if isinstance(failure, ConfigurationError):
            raise
        raise ConfigurationError(
            f"{model!r} cannot be read: {failure}", hint="Check the path and its rights."
        ) from failure


def _not_found(model: str, path: Path) -> ModelNotFoundError:
    choices = f"{TINY!r}, or the path of a GGUF file"
    if _looks_like_path(model):
        return ModelNotFoundError(f"There is no file {path}.", hint=f"Check the path; a model here is {choices}.")
    return ModelNotFoundError(f"There is no model {model!r} here: it is {choices}.", hint="Try local:tiny.")


def _looks_like_path(model: str) -> bool:
    return model.startswith(("~", ".")) or "/" in model or os.sep in model or model.lower().endswith(".gguf")


def _inside(folder: Path) -> str:
    files = sorted(file.name for file in folder.glob("*.gguf"))[:5]
    return f"Give a file in it: {', '.join(files)}." if files else "Give the path of a GGUF file; it has none."


def _whole(config: Mapping[str, object], name: str, low: int, high: int) -> int | None:
    value = config.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise ConfigurationError(f"{name} is {value!r}; give a whole number from {low} to {high}.")
    return value


def _processors() -> int:
    # What this process may use, which in a container is less than the machine has.
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
