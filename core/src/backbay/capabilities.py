"""What a backend can do, said in five values, so that a refusal tells *cannot* from *not yet* and *not known*."""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from .errors import UnsupportedError


class Support(enum.StrEnum):
    """How far a capability goes."""

    FULL = "full"
    VERSIONED = "versioned"
    """Some models or server versions can; the vendor decides at the call."""
    NOT_IMPLEMENTED = "not_implemented"
    """The vendor can, this plugin does not yet."""
    UNSUPPORTED = "unsupported"
    """The vendor cannot."""
    UNKNOWN = "unknown"
    """Nobody has said. The call is tried."""

    @property
    def refused(self) -> bool:
        """Whether a call that needs this is refused before any I/O."""
        return self in (Support.UNSUPPORTED, Support.NOT_IMPLEMENTED)


class Capability(enum.StrEnum):
    """What can be asked of a backend."""

    GENERATE = "generate"
    STREAMING = "streaming"
    SYSTEM_PROMPT = "system_prompt"
    TOOLS = "tools"
    PARALLEL_TOOL_CALLS = "parallel_tool_calls"
    FORCED_TOOL_CHOICE = "forced_tool_choice"
    STREAMED_TOOL_CALLS = "streamed_tool_calls"
    STRUCTURED_OUTPUT = "structured_output"
    JSON_MODE = "json_mode"
    IMAGE_INPUT = "image_input"
    AUDIO_INPUT = "audio_input"
    FILE_INPUT = "file_input"
    HOSTED_TOOLS = "hosted_tools"
    CACHE_CONTROL = "cache_control"
    REASONING = "reasoning"
    TEMPERATURE = "temperature"
    TOP_P = "top_p"
    MAX_TOKENS = "max_tokens"
    STOP = "stop"
    SEED = "seed"
    USAGE = "usage"
    LIST_MODELS = "list_models"
    HEALTH = "health"
    EMBEDDINGS = "embeddings"
    RERANK = "rerank"
    COUNT_TOKENS = "count_tokens"
    EXECUTE = "execute"
    COMPLETE_RAW = "complete_raw"
    BATCHES = "batches"


FACETS = frozenset(
    {
        Capability.LIST_MODELS,
        Capability.HEALTH,
        Capability.EMBEDDINGS,
        Capability.RERANK,
        Capability.COUNT_TOKENS,
        Capability.EXECUTE,
        Capability.COMPLETE_RAW,
        Capability.BATCHES,
    }
)
"""Capabilities that are a method of their own, or several; undeclared ones are refused."""

_WHY = {
    Support.UNSUPPORTED: "this vendor or model cannot",
    Support.NOT_IMPLEMENTED: "the vendor can, but this plugin does not yet",
    Support.UNKNOWN: "the plugin does not declare it",
}


@dataclass(frozen=True, slots=True)
class Capabilities(Mapping[Capability, Support]):
    """A backend's support by capability; what is not listed is ``UNKNOWN``."""

    listed: Mapping[Capability, Support] = field(default_factory=dict)

    def __post_init__(self) -> None:
        listed = {Capability(name): Support(value) for name, value in self.listed.items()}
        object.__setattr__(self, "listed", listed)

    @classmethod
    def of(
        cls, *, full: str = "", versioned: str = "", not_implemented: str = "", unsupported: str = ""
    ) -> Capabilities:
        """Build from space-separated capability names, one argument for each support value.

        Raises:
            ValueError: A name is no capability.
        """
        given = {
            Support.FULL: full,
            Support.VERSIONED: versioned,
            Support.NOT_IMPLEMENTED: not_implemented,
            Support.UNSUPPORTED: unsupported,
        }
        return cls({Capability(name): support for support, names in given.items() for name in names.split()})

    def __getitem__(self, capability: Capability) -> Support:
        return self.listed.get(capability, Support.UNKNOWN)

    def __iter__(self) -> Iterator[Capability]:
        return iter(Capability)

    def __len__(self) -> int:
        return len(Capability)

    def with_(self, changes: Mapping[Capability, Support] | Mapping[str, str]) -> Capabilities:
        """Return a copy in which ``changes`` hold (names and values may be strings)."""
        return Capabilities({**self.listed, **Capabilities(changes).listed})  # type: ignore[arg-type]

    def allows(self, capability: Capability) -> bool:
        """Whether a call that needs ``capability`` may be sent. Facets must be declared; all else may be unknown."""
        support = self[capability]
        return not support.refused and not (capability in FACETS and support is Support.UNKNOWN)

    def require(self, capability: Capability, *, backend: str, model: str | None, what: str = "") -> None:
        """Raise ``UnsupportedError`` unless a call that needs ``capability`` may be sent. No I/O.

        Args:
            capability: What is needed.
            backend: Id of the backend, for the error.
            model: The model, for the error.
            what: What asked for it, such as an option's name.
        """
        if not self.allows(capability):
            asked = f"{what} needs {capability}" if what else f"{capability} was asked for"
            raise UnsupportedError(
                f"{asked}, and {_WHY[self[capability]]} (declared: {self[capability]}).",
                backend=backend,
                model=model,
                code=str(capability),
            )
