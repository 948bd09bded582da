"""Whether recorded exchanges are all that the suite asks for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from backbay import Message
from backbay.capabilities import Capability
from backbay.spec import BackendSpec

from .forms import canonical
from .problems import SetUpError
from .recorded import OPTIONS, WIRE
from .scenarios import SCENARIOS, Answer, Scenario
from .vendor import MODEL


class Recordings(Protocol):
    """What is looked at: an emulation by recorded exchanges."""

    folder: Path
    wire_file: Mapping[str, Any]
    conversations: Mapping[str, Scenario]

    def has_answer(self, answer: Answer) -> bool:
        """Whether there is this answer."""

    def has_form_of(self, scenario: Scenario) -> bool:
        """Whether there is a request like this."""


def check_complete(vendor: Recordings, spec: BackendSpec) -> None:
    """Check that there is an exchange for whatever the suite asks of a backend with this spec.

    Raises:
        SetUpError: There is not; the message says which file to write, and what for.
    """
    allowed = spec.capabilities_of(MODEL)
    file = vendor.folder / f"{WIRE}.json"
    for facet, field in ((Capability.LIST_MODELS, "models"), (Capability.EMBEDDINGS, "embeddings")):
        if allowed.allows(facet) and field not in vendor.wire_file:
            raise SetUpError(f'{file} has no "{field}", and {spec.name} declares {facet}. Write it.')
    for option in OPTIONS:
        if allowed.allows(Capability(option)) and option not in vendor.wire_file.get("options", {}):
            raise SetUpError(f"{file}: options has no pointer for {option}, which {spec.name} declares. Write it.")
    for name, scenario in {**SCENARIOS, **vendor.conversations}.items():
        if all(map(allowed.allows, scenario.needs)):
            lacking = [] if name not in SCENARIOS or vendor.has_answer(scenario.answer) else ["whole", "stream"]
            lacking += [] if vendor.has_form_of(scenario) else ["request"]
            if lacking:
                raise _missing(vendor.folder, name, lacking, scenario)


def _missing(folder: Path, name: str, fields: Sequence[str], scenario: Scenario) -> SetUpError:
    file = folder / f"{name}.json"
    wanted = " and ".join(f'"{field}"' for field in fields)
    asked = ", ".join(_said(message) for message in canonical(scenario.messages, {}).messages)
    declares = f", which the spec declares with {', '.join(scenario.needs)}" if scenario.needs else ""
    is_or_has = f"has no {wanted}" if file.exists() else "is missing"
    return SetUpError(
        f"{file} {is_or_has}: no other file covers {name}{declares}. Write {wanted}. It asks {asked}"
        f"{f' with {sorted(scenario.options)}' if scenario.options else ''}."
    )


def _said(message: Message) -> str:
    return f"{message.role}: {message.text!r}"
