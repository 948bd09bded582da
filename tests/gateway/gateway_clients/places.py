"""What is behind the gateway: the engine of this process, llama.cpp's server, and replayed vendors of three wires."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .replayed import ReplayedVendor
from .serving import Served, served

WIRES = {"chat": "openai_chat", "responses": "openai_responses", "messages": "anthropic_messages"}
VENDORS = {"chat": "openai", "responses": "openai", "messages": "anthropic"}

PLACES = ("local:tiny", "llama.cpp", *(f"replayed {name}" for name in WIRES))
"""By the names that the table has."""

LOCAL, LLAMA = PLACES[:2]
ENGINES = frozenset({LOCAL, LLAMA})
REPLAYED = frozenset(PLACES) - ENGINES

_MODELS = {LOCAL: "local:tiny", LLAMA: "llama:tiny"}
_LONG = "0" * 200
"""What the small model answers with zeros without end."""


@dataclass(frozen=True)
class Place:
    """A backend behind the gateway, as a client sees it.

    Attributes:
        name: As ``PLACES`` has it.
        gateway: The gateway.
        vendor: The replayed vendor, or ``None``.
    """

    name: str
    gateway: Served
    vendor: ReplayedVendor | None

    def model(self, what: str) -> str:
        """Return the model that does something: one for each thing at a vendor, one for all in an engine."""
        return _MODELS.get(self.name) or f"{self.name.removeprefix('replayed ')}:{what}"

    @property
    def question(self) -> str:
        """What ``says`` answers."""
        return "What is the capital of France?"

    @property
    def says(self) -> str:
        """The answer to the question."""
        return "The capital of France is Paris." if self.vendor is None else "pong."

    def said(self, text: str) -> bool:
        """Whether a text may be the answer, for clients that cannot ask for temperature 0."""
        return text == self.says if self.vendor is not None else bool(text)

    @property
    def long_question(self) -> str:
        """What is answered slowly, or without end."""
        return _LONG if self.vendor is None else "Say twenty words."

    @property
    def result(self) -> str | None:
        """What is said to the tool's result; ``None`` if that is the small model's own affair."""
        return None if self.vendor is None else "Sunny, 21."

    def left(self) -> int:
        """Return how many clients left so far, by the vendor; at an engine, how many streams ended, by the log."""
        if self.vendor is not None:
            return len(self.vendor.server.hangups)
        return sum(line["stream"] for line in self.gateway.lines())

    def until_left(self, before: int, since: float) -> float:
        """Return the seconds from ``since`` (monotonic) until one more client had left.

        Raises:
            AssertionError: It took more than two.
        """
        if self.vendor is not None:
            assert self.vendor.server.wait_for(lambda server: len(server.hangups) > before), "it did not hear of it"
            return self.vendor.server.hangups[before] - since
        # An engine of this machine may be done, and all of it sent, before the client leaves.
        assert self.gateway.until_logged(before), "the gateway did not notice"
        return time.monotonic() - since


def config_of(vendors: dict[str, ReplayedVendor], llama: str | None, llama_key: str) -> tuple[str, dict[str, str]]:
    """Return the text of ``gateway.toml``, and the environment that it asks for."""
    lines = ["[routing]", "retries = 0", "breaker_failures = 100000", "health_interval = 3600"]
    lines += ["[[upstreams]]", 'vendor = "local"', "[upstreams.models]", 'tiny = "tiny"']
    if llama is not None:
        lines += ["[[upstreams]]", 'vendor = "llamacpp"', 'name = "llama"', f'base_url = "{llama}/v1"']
        lines += ['key_env = "LLAMA_KEY"']
    for name, vendor in vendors.items():
        lines += ["[[upstreams]]", f'vendor = "{VENDORS[name]}"', f'name = "{name}"', f'wire = "{WIRES[name]}"']
        lines += [f'base_url = "{vendor.server.url}"', 'key_env = "VENDOR_KEY"']
    return "\n".join(lines) + "\n", {"LLAMA_KEY": llama_key, "VENDOR_KEY": "a-key-of-the-vendor-000"}


@contextlib.contextmanager
def places(folder: Path, llama: str | None, llama_key: str) -> Iterator[dict[str, Place]]:
    """Give every place, behind one gateway, while all runs.

    Args:
        folder: Where the gateway keeps its things.
        llama: Address of llama.cpp's server, without ``/v1``; ``None`` where there is none.
        llama_key: Its key.
    """
    with contextlib.ExitStack() as stack:
        vendors = {name: ReplayedVendor(wire) for name, wire in WIRES.items()}
        for vendor in vendors.values():
            stack.enter_context(vendor.server)
        text, variables = config_of(vendors, llama, llama_key)
        gateway = stack.enter_context(served(text, folder, **variables))
        found = {LOCAL: Place(LOCAL, gateway, None)}
        if llama is not None:
            found[LLAMA] = Place(LLAMA, gateway, None)
        yield found | {f"replayed {name}": Place(f"replayed {name}", gateway, each) for name, each in vendors.items()}
