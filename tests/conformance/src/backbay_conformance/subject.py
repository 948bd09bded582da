"""The backend under test, and how the suite gets at it: through a loopback vendor, in this process, or at a server."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from backbay.backend import Backend
from backbay.connecting import build
from backbay.spec import BackendSpec
from backbay.testing import Received, Reply, ScriptedServer

from .exchanges import Recorded
from .problems import EmulatorError, SetUpError
from .scenarios import Answer
from .schedules import ScheduledServer
from .vendor import MODEL, Vendor
from .vendors import VENDORS
from .watched import watched

KEY = "bb-conformance-Zx81q7Lw0mTt"
"""The key that the suite gives. It must never be seen anywhere but in the header of a request."""


_WHICH_SERVER = "take engine away, or say which server answers: Engine(model=..., base_url=...)."

Script = Answer | Reply | list[Reply] | Callable[[Received], Reply]
"""What answers a session: a canonical answer, in the form that is asked for; or replies, as they are."""


@dataclass(frozen=True)
class Engine:
    """How to ask what has a model behind it, and so cannot give canonical answers.

    That is a backend in this process; or, for one that speaks HTTP, a server that really runs: then the laws about
    bytes are left out, and those about engines are tried.

    Attributes:
        model: The model to ask.
        prompts: A prompt by scenario, where the scenario's own would not do.
        config: Further arguments of ``connect``, such as ``api_key``.
        long_prompt: A prompt and options whose answer takes long enough to be stopped.
        base_url: The address of the server; ``None`` for a backend in this process.
    """

    model: str
    prompts: Mapping[str, str] = field(default_factory=dict)
    config: Mapping[str, Any] = field(default_factory=dict)
    long_prompt: tuple[str, Mapping[str, Any]] = ("Tell me a long story.", {})
    base_url: str | None = None

    @property
    def settings(self) -> dict[str, Any]:
        """All arguments of ``connect`` besides the model."""
        return {**self.config} if self.base_url is None else {**self.config, "base_url": self.base_url}


@dataclass(frozen=True)
class Session:
    """A backend, and the suite's server that it talks to (``None`` where an engine answers)."""

    backend: Backend
    server: ScriptedServer | None


class Subject:
    """One backend under test.

    Args:
        spec: The plugin's spec.
        vendor: The emulator of its wire; ``None`` takes the suite's for the spec's first wire.
        exchanges: A folder of recorded exchanges, in place of an emulator.
        engine: How to ask a backend in this process; wanted for those. For others a server that runs, with its address.
        config: Further arguments of ``connect``.

    Attributes:
        problems: What the emulator did wrong, a sentence each: the cause of whatever a law found after it.

    Raises:
        SetUpError: Something does not fit; the message says what to do.
    """

    def __init__(
        self,
        spec: object,
        *,
        vendor: type[Vendor] | None = None,
        exchanges: Path | str | None = None,
        engine: Engine | None = None,
        config: Mapping[str, Any] | None = None,
        where: str = "the conformance test",
    ) -> None:
        if not isinstance(spec, BackendSpec):
            raise SetUpError(f"{where}: spec is a {type(spec).__name__}; set it to the plugin's BackendSpec.")
        if spec.wires and spec.wires[0] in spec.per_wire:
            spec = spec.on_wire(spec.wires[0])  # As ``connect`` does.
        self.spec = spec
        self.engine = engine
        self.config = dict(config or {})
        self.problems: list[str] = []
        self.vendor = (
            _vendor(spec, vendor, exchanges, self.problems, where) if engine is None and spec.speaks_http else None
        )
        if not spec.speaks_http and engine is None:
            raise SetUpError(f"{where}: {spec.name} runs in this process; set engine = Engine(model=...).")
        if spec.speaks_http and engine is not None and engine.base_url is None:
            raise SetUpError(f"{where}: {spec.name} speaks HTTP; {_WHICH_SERVER}")

    @property
    def model(self) -> str:
        """The model that the suite asks for."""
        return MODEL if self.engine is None else self.engine.model

    @contextlib.contextmanager
    def session(self, script: Script, **config: Any) -> Iterator[Session]:
        """Give a backend that is answered by ``script``. Retries are off unless ``config`` says otherwise."""
        if self.engine is not None:
            asked = {"retries": 0, **self.config, **self.engine.settings, **config}
            backend = build(self.spec, self.model, **asked)
            yield Session(backend, None)
            return
        settings = {"retries": 0, **self.config, **config}
        with ScheduledServer(_kept_up(self._script(script))) as server:
            settings.setdefault("api_key", KEY)
            settings.setdefault("base_url", server.url)
            yield Session(build(self.spec, self.model, **settings), server)

    def _script(self, script: Script) -> Any:
        if not isinstance(script, Answer):
            return script
        vendor, answer = self.the_vendor, script

        def reply(request: Received) -> Reply:
            if request.method == "GET":  # which asks for models, or whether anybody is there
                return Reply(headers={"content-type": "application/json"}, steps=[vendor.models([MODEL])])
            return vendor.reply(request, answer)

        return reply

    @property
    def the_vendor(self) -> Vendor:
        """The emulator, for laws that are about bytes."""
        assert self.vendor is not None
        return self.vendor


SUBJECT = pytest.StashKey[Subject]()
"""Where a law's item has its subject."""


def _kept_up(script: Any) -> Any:
    """Return a script that hangs up where an emulator fails: the subject has kept why."""
    if isinstance(script, Reply | list) or not callable(script):
        return script

    def reply(request: Received) -> Reply:
        try:
            given: Reply = script(request)
        except EmulatorError:
            return Reply(framing="raw", end="close")
        return given

    return reply


def _vendor(
    spec: BackendSpec, vendor: type[Vendor] | None, exchanges: Path | str | None, problems: list[str], where: str
) -> Vendor:
    if exchanges is not None:
        if vendor is not None:
            raise SetUpError(f"{where}: vendor and exchanges are two emulators of one wire. Remove one of the lines.")
        folder = Path(exchanges)
        label = f"the emulation by the exchanges in {folder}"
        return watched(Recorded, lambda kind: kind(folder, spec, where), problems, where=where, label=label)
    found = vendor or VENDORS.get(spec.wires[0])
    if found is None:
        raise SetUpError(
            f"{where}: {spec.name} speaks the wire {spec.wires[0]!r}, which the suite has no emulator for; "
            "write a subclass of backbay_conformance.Vendor and set vendor = YourVendor, or record exchanges and set "
            'exchanges = Path(__file__).parent / "exchanges".'
        )
    return watched(found, lambda kind: kind(), problems, where=where)
