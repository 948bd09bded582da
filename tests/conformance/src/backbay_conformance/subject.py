"""The backend under test, and how the suite gets at it: through a loopback vendor, or in this process."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from backbay.backend import Backend
from backbay.connecting import build
from backbay.spec import BackendSpec
from backbay.testing import Received, Reply, ScriptedServer

from .scenarios import Answer
from .vendor import MODEL, Vendor
from .vendors import VENDORS

KEY = "bb-conformance-Zx81q7Lw0mTt"
"""The key that the suite gives. It must never be seen anywhere but in the header of a request."""


Script = Answer | Reply | list[Reply] | Callable[[Received], Reply]
"""What answers a session: a canonical answer, in the form that is asked for; or replies, as they are."""


class SetUpError(Exception):
    """The suite cannot run as it was set up. The message says which file to change, and how."""


@dataclass(frozen=True)
class Engine:
    """How to ask a backend that answers in this process, and so cannot give canonical answers.

    Attributes:
        model: The model to ask.
        prompts: A prompt by scenario, where the scenario's own would not do.
        config: Further arguments of ``connect``.
        long_prompt: A prompt and options whose answer takes long enough to be stopped.
    """

    model: str
    prompts: Mapping[str, str] = field(default_factory=dict)
    config: Mapping[str, Any] = field(default_factory=dict)
    long_prompt: tuple[str, Mapping[str, Any]] = ("Tell me a long story.", {})


@dataclass(frozen=True)
class Session:
    """A backend, and the server that it talks to (``None`` for a backend in this process)."""

    backend: Backend
    server: ScriptedServer | None


class Subject:
    """One backend under test.

    Args:
        spec: The plugin's spec.
        vendor: The emulator of its wire; ``None`` takes core's for the spec's first wire.
        engine: How to ask a backend in this process; wanted for those, and refused for others.
        config: Further arguments of ``connect``.

    Raises:
        SetUpError: Something does not fit; the message says what to do.
    """

    def __init__(
        self,
        spec: object,
        *,
        vendor: type[Vendor] | None = None,
        engine: Engine | None = None,
        config: Mapping[str, Any] | None = None,
        where: str = "the conformance test",
    ) -> None:
        if not isinstance(spec, BackendSpec):
            raise SetUpError(f"{where}: spec is a {type(spec).__name__}; set it to the plugin's BackendSpec.")
        self.spec = spec
        self.engine = engine
        self.config = dict(config or {})
        self.vendor = _vendor(spec, vendor, where) if spec.speaks_http else None
        if not spec.speaks_http and engine is None:
            raise SetUpError(f"{where}: {spec.name} runs in this process; set engine = Engine(model=...).")

    @property
    def model(self) -> str:
        """The model that the suite asks for."""
        return MODEL if self.engine is None else self.engine.model

    @contextlib.contextmanager
    def session(self, script: Script, **config: Any) -> Iterator[Session]:
        """Give a backend that is answered by ``script``. Retries are off unless ``config`` says otherwise."""
        settings = {"retries": 0, **self.config, **config}
        if self.engine is not None:
            backend = build(self.spec, self.model, **{**settings, **self.engine.config})
            yield Session(backend, None)
            return
        with ScriptedServer(self._script(script)) as server:
            settings.setdefault("api_key", KEY)
            settings.setdefault("base_url", server.url)
            yield Session(build(self.spec, self.model, **settings), server)

    def _script(self, script: Script) -> Any:
        if not isinstance(script, Answer):
            return script
        vendor, answer = self.the_vendor, script
        return lambda request: vendor.reply(request, answer)

    @property
    def the_vendor(self) -> Vendor:
        """The emulator, for laws that are about bytes."""
        assert self.vendor is not None
        return self.vendor


def _vendor(spec: BackendSpec, vendor: type[Vendor] | None, where: str) -> Vendor:
    found = vendor or VENDORS.get(spec.wires[0])
    if found is None:
        raise SetUpError(
            f"{where}: {spec.name} speaks the wire {spec.wires[0]!r}, which the suite has no emulator for; "
            "write a subclass of backbay_conformance.Vendor and set vendor = YourVendor."
        )
    return found()
