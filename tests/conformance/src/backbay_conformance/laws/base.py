"""What every group of laws stands on: the subject, and how a law makes its calls."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import pytest

from backbay import Event, Response
from backbay.backend import Backend
from backbay.capabilities import Capability, Support

from ..evidence import Witness
from ..problems import SetUpError
from ..scenarios import Scenario
from ..subject import SUBJECT, Engine, Subject
from ..vendor import Vendor

T = TypeVar("T")


class Laws:
    """A group of laws. An author sets these in the class of the conformance test.

    Attributes:
        spec: The plugin's ``BackendSpec``.
        vendor: The emulator of a wire of the plugin's own.
        exchanges: A folder of recorded exchanges on it, in place of an emulator; see ``backbay_conformance.exchanges``.
        engine: How to ask a backend in this process, or a server that runs.
        config: Further arguments of ``connect``.
        expected_failures: Laws that the backend is known to break, each with the reason: by the law's name, or by one
            case of it, as in ``"test_law[case]"``. One that holds after all fails, so that the list stays true.
        needs_answers: Whether these laws ask for answers, so that they are not there for a backend that generates
            none. Not for authors to set.
    """

    spec: ClassVar[Any] = None
    vendor: ClassVar[type[Vendor] | None] = None
    exchanges: ClassVar[Path | str | None] = None
    engine: ClassVar[Engine | None] = None
    config: ClassVar[Mapping[str, Any]] = {}
    expected_failures: ClassVar[Mapping[str, str]] = {}
    needs_answers: ClassVar[bool] = True

    @pytest.fixture
    def subject(self, request: pytest.FixtureRequest) -> Subject:
        """The backend under test."""
        try:
            made = Witness(
                self.spec,
                vendor=self.vendor,
                exchanges=self.exchanges,
                engine=self.engine,
                config=self.config,
                where=type(self).__qualname__,
            )
        except SetUpError as failure:
            pytest.fail(str(failure), pytrace=False)
        request.node.stash[SUBJECT] = made
        return made


def run(coroutine: Coroutine[Any, Any, T], seconds: float = 20.0) -> T:
    """Run a law's coroutine on a loop of its own; a law that hangs fails after ``seconds``."""

    async def bounded() -> T:
        async with asyncio.timeout(seconds):
            return await coroutine

    return asyncio.run(bounded())


async def events_of(backend: Backend, scenario: Scenario) -> Sequence[Event]:
    """Return the events of a scenario's stream."""
    async with backend.stream(scenario.messages, **scenario.options) as stream:
        return [event async for event in stream]


async def ask(backend: Backend, scenario: Scenario, how: str) -> Response:
    """Return the answer to a scenario, by ``"complete"`` or ``"stream"``."""
    if how == "complete":
        return await backend.complete(scenario.messages, **scenario.options)
    return await backend.stream(scenario.messages, **scenario.options).collect()


def lacks(subject: Subject, scenario: Scenario) -> Capability | None:
    """Return the first capability that a scenario needs and the backend does not allow, or ``None``."""
    capabilities = subject.spec.capabilities_of(subject.model)
    return next((need for need in scenario.needs if not capabilities.allows(need)), None)


def proven(subject: Subject, capability: Capability) -> bool:
    """Whether a capability is declared in full, so that it must work."""
    return subject.spec.capabilities_of(subject.model)[capability] is Support.FULL
